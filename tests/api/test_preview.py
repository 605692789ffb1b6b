"""Previews over both surfaces: equal documents, the documented shapes."""

from __future__ import annotations

import grpc
import pytest

from anomalyd.api.convert import to_document, to_message
from anomalyd.v1 import detector_service_pb2, detector_service_pb2_grpc
from tests.support.documents import API, MINUTE, SPIKE, START, WINDOWS, detector, load
from tests.support.rest import RestClient

RANGE = {"period_start": START, "period_end": START + WINDOWS * MINUTE}


@pytest.fixture(scope="module")
def index(rest: RestClient) -> str:
    """An index with data, loaded once."""
    load(rest, "preview-log")
    return "preview-log"


@pytest.mark.parametrize("categories", [{}, {"category_field": ["host"]}])
@pytest.mark.parametrize("api", [API, "/_plugins/_anomaly_detection"])
def test_an_inline_detector(rest: RestClient, index: str, categories: dict, api: str) -> None:
    """The document's request: one result per window and entity, the spike found."""
    body = RANGE | {"detector": detector("preview-inline", index, **categories)}
    answer = rest("POST", f"{api}/detectors/_preview", body)
    assert answer.status == 200, answer.body
    assert list(answer.json) == ["anomaly_result", "anomaly_detector"]
    found = answer.json["anomaly_result"]
    assert len(found) == WINDOWS * (2 if categories else 1)
    assert found[0]["detector_id"] is None
    assert ("entity" in found[0]) is bool(categories)
    assert b'"anomaly_grade":0.0' in answer.body
    spikes = {one["data_start_time"] for one in found if one["anomaly_grade"] > 0}
    assert START + SPIKE * MINUTE in spikes


def test_a_stored_detector_by_body_path_and_grpc(
    rest: RestClient, channel: grpc.Channel, index: str
) -> None:
    """Three ways to ask, one document."""
    created = rest("POST", f"{API}/detectors", detector("preview-stored", index))
    id = created.json["_id"]
    by_path = rest("POST", f"{API}/detectors/{id}/_preview", RANGE)
    by_body = rest("POST", f"{API}/detectors/_preview", RANGE | {"detector_id": id})
    assert by_path.status == 200, by_path.body
    assert by_path.body == by_body.body
    stub = detector_service_pb2_grpc.DetectorServiceStub(channel)
    typed = stub.PreviewDetector(
        detector_service_pb2.PreviewDetectorRequest(detector_id=id, **RANGE)
    )
    expected, unknown = to_message(by_path.json, detector_service_pb2.PreviewDetectorResponse)
    assert unknown == ()
    assert to_document(typed) == to_document(expected)


def test_refusals(rest: RestClient, channel: grpc.Channel) -> None:
    """In the form of all errors, never as plain text."""
    assert rest("POST", f"{API}/detectors/_preview").status == 400
    missing = rest("POST", f"{API}/detectors/_preview", RANGE)
    assert (missing.status, missing.reason) == (400, "Must set detector id or detector")
    unknown = rest("POST", f"{API}/detectors/nosuchdetector/_preview", RANGE)
    assert unknown.status == 404
    assert unknown.reason == "Can't find anomaly detector with id:nosuchdetector"
    assert unknown.json["error"]["type"] == "status_exception"
    assert rest("GET", f"{API}/detectors/_preview", RANGE).status == 405
    stub = detector_service_pb2_grpc.DetectorServiceStub(channel)
    with pytest.raises(grpc.RpcError) as caught:
        stub.PreviewDetector(detector_service_pb2.PreviewDetectorRequest())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
