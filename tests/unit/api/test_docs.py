"""The API page names everything that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from anomalyd.api.rest.routes import declared_routes
from anomalyd.api.status import GRPC_ERRORS, HTTP_ERRORS
from anomalyd.errors import AnomalydError, HttpError
from anomalyd.v1 import (
    detector_service_pb2,
    index_service_pb2,
    influencer_service_pb2,
    result_service_pb2,
    settings_service_pb2,
    stats_service_pb2,
    task_service_pb2,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"
SERVICES = (
    detector_service_pb2,
    task_service_pb2,
    result_service_pb2,
    influencer_service_pb2,
    stats_service_pb2,
    settings_service_pb2,
    index_service_pb2,
)
PREFIXES = re.compile(r"^/(_anomaly_detection/api|_plugins/_anomaly_detection)(?=/)")


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text()


def test_every_rpc_is_documented(page: str) -> None:
    """Each typed method stands in the table of methods."""
    for file in SERVICES:
        for service in file.DESCRIPTOR.services_by_name.values():
            assert f"| {service.name} |" in page
            for method in service.methods:
                assert re.search(rf"\b{method.name}\b", page), method.full_name


def test_every_route_is_documented(page: str) -> None:
    """Each path stands in a row with its method and its operation."""
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for route in declared_routes():
        path = PREFIXES.sub("", route.template)
        found = [
            row
            for row in rows
            if re.search(rf"[ `]{re.escape(path)}`", row)
            and re.search(rf"\b{route.method}\b", row)
            and route.operation in row
        ]
        assert found, f"{route.method} {route.template}"


def test_every_error_is_documented(page: str) -> None:
    """Each reason stands in a row with its gRPC code, its HTTP status and its type."""
    for kind, known in GRPC_ERRORS.items():
        if kind is AnomalydError:
            continue
        (row,) = (line for line in page.splitlines() if f"`{known.reason}`" in line)
        http = HTTP_ERRORS[kind]
        assert f"| {known.code.name} |" in row
        assert f"| {http.status} |" in row
        if not issubclass(kind, HttpError) or kind is HttpError:
            assert f"`{http.type}`" in row
