"""What operators look at: figures for Prometheus, and health."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from anomalyd.config import Settings, runtime_settings
from anomalyd.metrics import Metrics
from anomalyd.v1 import task_service_pb2, task_service_pb2_grpc
from tests.support.documents import API
from tests.support.rest import RestClient

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def samples(rest: RestClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read all figures, as Prometheus does."""
    answer = rest("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def requests(found: dict[tuple[str, frozenset[tuple[str, str]]], float], **labels: str) -> float:
    return found.get(("anomalyd_requests_total", frozenset(labels.items())), 0.0)


def test_requests_are_counted_by_surface_operation_and_status(
    rest: RestClient, channel: grpc.Channel
) -> None:
    """Each request counts once, refused ones under their status; the time of each is measured."""
    counted = {
        "found": {"surface": "rest", "operation": "SearchDetectors", "status": "200"},
        "missing": {"surface": "rest", "operation": "GetDetector", "status": "404"},
        "typed": {"surface": "grpc", "operation": "TaskService/GetTask", "status": "NOT_FOUND"},
    }
    before = samples(rest)
    rest("POST", f"{API}/detectors/_search", {"query": {"match_all": {}}})
    rest("GET", f"{API}/detectors/nosuchdetector")
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        task_service_pb2_grpc.TaskServiceStub(channel).GetTask(
            task_service_pb2.GetTaskRequest(id="nosuchtask")
        )
    after = samples(rest)
    for labels in counted.values():
        assert requests(after, **labels) == requests(before, **labels) + 1
    timed = frozenset({("surface", "rest"), ("operation", "GetDetector")})
    name = "anomalyd_request_seconds_count"
    assert after[name, timed] == before.get((name, timed), 0.0) + 1


def test_every_figure_is_documented() -> None:
    """The operator's page names each figure; so a new one cannot be added without it."""
    page = PAGE.read_text()
    metrics = Metrics()
    for family in metrics.registry.collect():
        if not family.name.startswith("process_"):
            assert re.search(rf"`{family.name}(_total)?`", page), family.name


def test_health_over_both_surfaces(rest: RestClient, channel: grpc.Channel) -> None:
    """A service that answers says that it is healthy."""
    for path in ("/healthz", "/readyz"):
        answer = rest("GET", path)
        assert (answer.status, answer.json) == (200, {"status": "SERVING"})
    request = health_pb2.HealthCheckRequest(service="anomalyd.v1.DetectorService")
    answer = health_pb2_grpc.HealthStub(channel).Check(request)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_every_setting_is_documented_with_its_default() -> None:
    """The operator's page has a row per setting, and marks those that can change at run time."""
    page = PAGE.read_text()
    changeable = {setting.name for setting in runtime_settings(Settings())}
    for field in dataclasses.fields(Settings):
        star = r"\*" if field.name in changeable else ""
        default = "none" if field.default in (None, "") else re.escape(f"`{field.default}`")
        assert re.search(rf"^\| `{field.name}`{star} \| {default} \| \S", page, re.M), field.name
