"""Updating a detector over both surfaces, against the API document's example."""

from __future__ import annotations

import grpc
import pytest

from anomalyd.api.convert import to_message
from anomalyd.v1 import detector_pb2, detector_service_pb2, detector_service_pb2_grpc
from tests.support.documents import API, detector, load
from tests.support.rest import RestClient
from tests.support.shapes import shape

INDEX = "update_log"


@pytest.fixture(scope="module", autouse=True)
def documents(rest: RestClient) -> None:
    load(rest, INDEX, windows=10)


def test_update(rest: RestClient) -> None:
    """200 with the new version, in the shape that the creation had."""
    created = rest("POST", f"{API}/detectors", detector("updated", INDEX)).json
    path = f"{API}/detectors/{created['_id']}"
    body = detector("updated", INDEX, description="Test update detector")
    answer = rest("PUT", path, body)
    assert answer.status == 200, answer.body
    assert shape(answer.json) == shape(created)
    assert (answer.json["_id"], answer.json["_version"]) == (created["_id"], 2)
    assert answer.json["anomaly_detector"]["description"] == "Test update detector"
    assert rest("GET", path).json["anomaly_detector"] == answer.json["anomaly_detector"]
    warned = rest(
        "PUT",
        f"/_plugins/_anomaly_detection/detectors/{created['_id']}?refresh=true",
        {**body, "colour": "blue"},
    )
    assert warned.status == 200
    assert "colour" in warned.headers["warning"]


def test_update_of_a_version_that_was_seen(rest: RestClient) -> None:
    """409 for the second who writes, 400 for half a condition."""
    body = detector("guarded", INDEX)
    created = rest("POST", f"{API}/detectors", body).json
    path = f"{API}/detectors/{created['_id']}"
    query = f"?if_seq_no={created['_seq_no']}&if_primary_term={created['_primary_term']}"
    assert rest("PUT", f"{path}{query}", body).status == 200
    late = rest("PUT", f"{path}{query}", body)
    assert late.status == late.json["status"] == 409
    assert late.json["error"]["type"] == "version_conflict_engine_exception"
    half = rest("PUT", f"{path}?if_seq_no=3", body)
    assert half.status == 400
    assert half.json["error"]["type"] == "action_request_validation_exception"


def test_update_refusals(rest: RestClient) -> None:
    """Unknown id 404, no body and what must stay 400."""
    body = detector("fixed", INDEX)
    created = rest("POST", f"{API}/detectors", body).json
    path = f"{API}/detectors/{created['_id']}"
    unknown = rest("PUT", f"{API}/detectors/nosuchdetector", detector("whatever", INDEX))
    assert (unknown.status, unknown.reason) == (404, "Can't find detector with id: nosuchdetector")
    nothing = rest("PUT", path)
    assert (nothing.status, nothing.reason) == (400, "request body is required")
    category = rest("PUT", path, {**body, "category_field": ["host"]})
    assert (category.status, category.reason) == (400, "Can't change detector category field")


def test_update_typed(channel: grpc.Channel, rest: RestClient) -> None:
    """The same over gRPC; ABORTED for the second who writes."""
    stub = detector_service_pb2_grpc.DetectorServiceStub(channel)
    created = rest("POST", f"{API}/detectors", detector("typed-update", INDEX)).json
    changed, _ = to_message(detector("typed-update-2", INDEX), detector_pb2.Detector)
    request = detector_service_pb2.UpdateDetectorRequest(
        id=created["_id"],
        detector=changed,
        if_seq_no=created["_seq_no"],
        if_primary_term=created["_primary_term"],
    )
    answer = stub.UpdateDetector(request)
    assert (answer.id, answer.version) == (created["_id"], 2)
    shown = rest("GET", f"{API}/detectors/{created['_id']}").json
    assert shown["anomaly_detector"]["name"] == answer.anomaly_detector.name == "typed-update-2"
    with pytest.raises(grpc.RpcError) as caught:
        stub.UpdateDetector(request)
    assert caught.value.code() is grpc.StatusCode.ABORTED
