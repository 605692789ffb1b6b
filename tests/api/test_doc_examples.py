"""The examples of docs/api.md run from top to bottom and answer as the page shows."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from anomalyd.api.rest.routes import declared_routes
from anomalyd.config import Settings
from anomalyd.running import Addresses, RunningService
from tests.support.rest import RestAnswer, RestClient
from tests.unit.api.test_docs import SERVICES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
HEADING = "## Every endpoint by example"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COUNTED = re.compile(
    r'^anomalyd_requests_total\{operation="([^"]+)",status="([^"]+)",surface="([^"]+)"\}',
    re.MULTILINE,
)
GOOD = {"200", "201", "OK"}
# no path of its own; and two that end when the reader hangs up, which is no answer to count
WITHOUT_EXAMPLE = {"rest Fallback"}
STREAMS = {"rest WatchResults", "grpc ResultService/WatchResults"}


@dataclass
class Reader:
    """Someone who runs the page's blocks one after another."""

    rest: RestClient
    grpc_address: str
    names: dict[str, Any]
    answer: RestAnswer | None = None

    def run(self, kind: str, text: str) -> None:
        """Run a block of this kind."""
        match kind:
            case "python":
                text = text.replace("127.0.0.1:50051", self.grpc_address)
                exec(compile(text, str(PAGE), "exec"), self.names)
            case "http":
                self.answer = self._send(text)
            case "json":
                assert self.answer is not None
                _resembles(self.answer.json, json.loads(text), "answer")

    def _send(self, text: str) -> RestAnswer:
        for name in ("detector_id", "task_id"):
            text = text.replace(f"{{{name}}}", str(self.names.get(name)))
        line, _, body = text.partition("\n")
        method, path = line.split(" ")
        if path.split("?")[0].endswith("/_watch"):
            return _first_event(self.rest.address, path)
        answer = self.rest(method, path, body.encode() if body else None)
        assert answer.status in (200, 201), (line, answer.body)
        if path.endswith("/detectors"):
            self.names["detector_id"] = answer.json["_id"]
        elif path.endswith("/_start"):
            self.names["task_id"] = answer.json["_id"]
        return answer


def _first_event(address: tuple[str, int], path: str) -> RestAnswer:
    """Read the first event of a stream and hang up."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200
    first = answer.readline()
    connection.close()
    return RestAnswer(200, dict(answer.getheaders()), first)


def _resembles(found: Any, shown: Any, where: str) -> None:
    """Every key that is shown is there, in its type; lists show what their elements have."""
    if isinstance(shown, dict):
        assert isinstance(found, dict), where
        for key, value in shown.items():
            assert key in found, f"{where}.{key}"
            _resembles(found[key], value, f"{where}.{key}")
    elif isinstance(shown, list):
        assert isinstance(found, list), where
        assert found or not shown, where
        for value in shown:
            _resembles(found[0], value, f"{where}[0]")
    else:
        assert type(found) is type(shown), f"{where}: {found!r} for {shown!r}"


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Run the page on a service of its own; return the operations that answered, by surface."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("page"))
    with RunningService(settings, Addresses(grpc_port=0, rest_port=0)) as service:
        assert service.rest_address is not None
        with RestClient(service.rest_address) as rest:
            reader = Reader(rest, service.grpc_address, {})
            for kind, text in BLOCK.findall(PAGE.read_text().partition(HEADING)[2]):
                reader.run(kind, text)
            figures = rest("GET", "/metrics").body.decode()
    return {
        f"{surface} {operation}"
        for operation, status, surface in COUNTED.findall(figures)
        if status in GOOD
    }


def test_every_route_has_an_example(counted: set[str]) -> None:
    """Each operation of the facade was called with success."""
    operations = {f"rest {route.operation}" for route in declared_routes()}
    assert operations - WITHOUT_EXAMPLE - STREAMS - counted == set()


def test_every_method_has_an_example(counted: set[str]) -> None:
    """Each typed method was called with success."""
    methods = {
        f"grpc {service.name}/{method.name}"
        for file in SERVICES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert methods - STREAMS - counted == set()
