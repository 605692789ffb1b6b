"""Deleting results over both surfaces."""

from __future__ import annotations

import grpc
import pytest

from anomalyd.v1 import result_service_pb2, result_service_pb2_grpc
from tests.support.documents import API, MINUTE, START, WINDOWS, detector, load, run
from tests.support.rest import RestClient


def test_the_documented_request(rest: RestClient, channel: grpc.Channel) -> None:
    """By REST up to a time, by gRPC the rest; the counters are those of the document."""
    load(rest, "delete-log")
    id = rest("POST", f"{API}/detectors", detector("delete-results", "delete-log")).json["_id"]
    task_id = run(rest, id)
    terms = [{"term": {"detector_id": {"value": id}}}, {"term": {"task_id": {"value": task_id}}}]
    until = {"range": {"data_start_time": {"lte": START + 99 * MINUTE}}}
    answer = rest(
        "DELETE", f"{API}/detectors/results", {"query": {"bool": {"filter": [*terms, until]}}}
    )
    assert answer.status == 200, answer.body
    assert answer.json | {"took": 0} == {
        "took": 0,
        "timed_out": False,
        "total": 100,
        "updated": 0,
        "created": 0,
        "deleted": 100,
        "batches": 1,
        "version_conflicts": 0,
        "noops": 0,
        "retries": {"bulk": 0, "search": 0},
        "throttled_millis": 0,
        "requests_per_second": -1.0,
        "throttled_until_millis": 0,
        "failures": [],
    }
    request = result_service_pb2.DeleteResultsRequest()
    request.query.update({"bool": {"filter": terms}})
    typed = result_service_pb2_grpc.ResultServiceStub(channel).DeleteResults(request)
    assert (typed.total, typed.deleted, typed.requests_per_second) == (
        WINDOWS - 100,
        WINDOWS - 100,
        -1.0,
    )


def test_a_query_is_required(rest: RestClient, channel: grpc.Channel) -> None:
    """No body, an empty one, a broken one, an unknown key: 400, and nothing is deleted."""
    path = f"{API}/detectors/results"
    none = rest("DELETE", path)
    assert (none.status, none.json["error"]["type"]) == (400, "parse_exception")
    assert none.reason == "request body or source parameter is required"
    empty = rest("DELETE", path, {})
    assert empty.status == 400
    assert empty.json["error"]["type"] == "action_request_validation_exception"
    assert rest("DELETE", path, b"{").status == 400
    unknown = rest("DELETE", path, {"nosuch": 1})
    assert (unknown.status, unknown.json["error"]["type"]) == (400, "parsing_exception")
    with pytest.raises(grpc.RpcError) as caught:
        result_service_pb2_grpc.ResultServiceStub(channel).DeleteResults(
            result_service_pb2.DeleteResultsRequest()
        )
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
