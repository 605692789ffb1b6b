"""Suggesting settings over both surfaces."""

from __future__ import annotations

import grpc
import pytest

from anomalyd.api.convert import to_document, to_message
from anomalyd.v1 import detector_pb2, detector_service_pb2, detector_service_pb2_grpc
from tests.support.documents import API, detector, load
from tests.support.rest import RestClient

INDEX = "suggest_log"


@pytest.fixture(scope="module", autouse=True)
def documents(rest: RestClient) -> None:
    load(rest, INDEX, windows=100)


def test_suggest(rest: RestClient, channel: grpc.Channel) -> None:
    """The keys of later versions; the message says the same."""
    body = detector("suggested", INDEX)
    path = f"{API}/detectors/_suggest"
    answer = rest("POST", f"{path}/detection_interval,history", body)
    assert answer.status == 200
    assert answer.json == {
        "interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "history": 101,
    }
    delay = rest("POST", "/_plugins/_anomaly_detection/detectors/_suggest/window_delay", body)
    assert list(delay.json) == ["windowDelay"]
    assert delay.json["windowDelay"]["period"]["unit"] == "Minutes"
    definition, _ = to_message(body, detector_pb2.Detector)
    stub = detector_service_pb2_grpc.DetectorServiceStub(channel)
    typed = stub.SuggestParameters(
        detector_service_pb2.SuggestParametersRequest(detector=definition)
    )
    shown = to_document(typed)
    assert {key: shown[key] for key in answer.json} == answer.json
    assert typed.window_delay.period.interval >= delay.json["windowDelay"]["period"]["interval"]


def test_what_cannot_be_suggested(rest: RestClient) -> None:
    """400 for an unknown type or no document, 404 for a missing index."""
    path = f"{API}/detectors/_suggest"
    unknown = rest("POST", f"{path}/nosuch", detector("x", INDEX))
    assert (unknown.status, unknown.reason) == (400, "The given suggestion type doesn't exist")
    nothing = rest("POST", f"{path}/history")
    assert (nothing.status, nothing.reason) == (400, "request body is required")
    missing = {**detector("x", "x"), "indices": ["nosuchindex"]}
    assert rest("POST", f"{path}/history", missing).status == 404
