"""Profiles over both surfaces."""

from __future__ import annotations

import grpc
import pytest

from anomalyd.api.convert import to_document, to_message
from anomalyd.v1 import common_pb2, detector_service_pb2, detector_service_pb2_grpc
from tests.support.documents import API, detector, load, run
from tests.support.rest import RestClient

WINDOWS = 60


@pytest.fixture(scope="module")
def index(rest: RestClient) -> str:
    """An index with data, loaded once."""
    load(rest, "profile-log", windows=WINDOWS)
    return "profile-log"


def create(rest: RestClient, name: str, index: str, **more: object) -> str:
    """Create a detector and return its id."""
    return str(rest("POST", f"{API}/detectors", detector(name, index, **more)).json["_id"])


@pytest.mark.parametrize("api", [API, "/_plugins/_anomaly_detection"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_form_of_the_path(rest: RestClient, index: str, api: str, method: str) -> None:
    """With and without a slash, one type, several, all with and without a value."""
    id = create(rest, f"profile-paths-{method}-{len(api)}", index)
    disabled = {"state": "DISABLED"}
    for path, expected in {
        "": disabled,
        "/": disabled,
        "/state": disabled,
        "/state,error": disabled,
        "/nosuchtype,state": disabled,
        "?_all": {},
        "?_all=true": {},
        "?_all=false": disabled,
        "/ad_task": {},
        "/total_size_in_bytes": {},
    }.items():
        answer = rest(method, f"{api}/detectors/{id}/_profile{path}")
        assert (answer.status, answer.json) == (200, expected), path


def test_a_task_is_the_same_over_both_surfaces(
    rest: RestClient, channel: grpc.Channel, index: str
) -> None:
    """The ended task's document, field for field."""
    id = create(rest, "profile-task", index)
    task_id = run(rest, id, windows=WINDOWS)
    answer = rest("GET", f"{API}/detectors/{id}/_profile?_all=true")
    task = answer.json["ad_task"]["ad_task"]
    assert (task["task_id"], task["state"]) == (task_id, "FINISHED")
    stub = detector_service_pb2_grpc.DetectorServiceStub(channel)
    typed = stub.GetProfile(detector_service_pb2.GetProfileRequest(id=id, all=True))
    expected, unknown = to_message(
        {"detector": answer.json}, detector_service_pb2.GetProfileResponse
    )
    assert unknown == ()
    assert to_document(typed) == to_document(expected)


def test_an_entity_by_body_parameters_and_grpc(
    rest: RestClient, channel: grpc.Channel, index: str
) -> None:
    """Three ways to name it; what is wrong with it is told."""
    id = create(rest, "profile-entity", index, category_field=["host"])
    path = f"{API}/detectors/{id}/_profile"
    body = {"entity": [{"name": "host", "value": "web-1"}]}
    for answer in (
        rest("GET", path, body),
        rest("POST", path, body),
        rest("GET", f"{path}?_all=true", body),
        rest("GET", f"{path}?category_field=host&entity=web-1"),
    ):
        assert (answer.status, answer.json) == (200, {"state": "UNKNOWN"})
    stub = detector_service_pb2_grpc.DetectorServiceStub(channel)
    entity = [common_pb2.Entity(name="host", value="web-1")]
    typed = stub.GetProfile(detector_service_pb2.GetProfileRequest(id=id, entity=entity))
    assert to_document(typed) == {"entity": {"state": "UNKNOWN"}}
    unknown = rest("GET", path, {"entity": [{"name": "host", "value": "nosuchhost"}]})
    assert (unknown.status, unknown.reason) == (400, "Cannot find entity")
    assert unknown.json["error"]["type"] == "status_exception"


def test_refusals(rest: RestClient, index: str) -> None:
    """An unknown detector, an unknown type, an unknown parameter."""
    id = create(rest, "profile-refusals", index)
    missing = rest("GET", f"{API}/detectors/nosuch/_profile")
    assert (missing.status, missing.reason) == (404, "Can't find detector with id: nosuch")
    type_ = rest("GET", f"{API}/detectors/{id}/_profile/nosuchtype")
    assert (type_.status, type_.json["error"]["type"]) == (400, "status_exception")
    assert type_.reason == "profiles to collect are missing or invalid"
    assert rest("GET", f"{API}/detectors/{id}/_profile?_al=true").status == 400
