"""Figures over both surfaces."""

from __future__ import annotations

import grpc

from anomalyd.api.convert import to_document
from anomalyd.v1 import stats_service_pb2, stats_service_pb2_grpc
from tests.support.documents import API, detector, load
from tests.support.rest import RestClient


def test_all_figures_are_the_same_over_both_surfaces(
    rest: RestClient, channel: grpc.Channel
) -> None:
    """Both prefixes and the typed message; a repeated field cannot tell empty from absent."""
    answer = rest("GET", f"{API}/stats")
    assert answer.status == 200
    assert rest("GET", "/_plugins/_anomaly_detection/stats").json == answer.json
    stub = stats_service_pb2_grpc.StatsServiceStub(channel)
    typed = to_document(stub.GetStats(stats_service_pb2.GetStatsRequest()))
    expected = dict(answer.json)
    for node in expected["nodes"].values():
        assert node.pop("models") == []
    assert typed == expected


def test_figures_by_name_and_by_node(rest: RestClient, channel: grpc.Channel) -> None:
    """The document's paths."""
    (id,) = rest("GET", f"{API}/stats").json["nodes"]
    one = rest("GET", f"{API}/stats/ad_executing_batch_task_count").json
    assert one == {"nodes": {id: {"ad_executing_batch_task_count": 0}}}
    assert rest("GET", f"{API}/{id}/stats").json == rest("GET", f"{API}/stats").json
    here = rest("GET", f"{API}/{id}/stats/ad_execute_request_count").json
    assert here == {"nodes": {id: {"ad_execute_request_count": 0}}}
    two = rest("GET", f"{API}/stats/detector_count,model_count").json
    assert list(two) == ["detector_count", "nodes"]
    assert two["nodes"] == {id: {"model_count": 0}}
    assert rest("GET", f"{API}/nosuchnode/stats/model_count").json == {"nodes": {}}
    stub = stats_service_pb2_grpc.StatsServiceStub(channel)
    typed = stub.GetStats(stats_service_pb2.GetStatsRequest(node_ids=[id], stats=["model_count"]))
    assert to_document(typed) == {"nodes": {id: {"model_count": 0}}}


def test_an_unknown_figure_is_refused(rest: RestClient) -> None:
    """400, naming the path and the figure."""
    answer = rest("GET", f"{API}/stats/nosuchstat")
    assert (answer.status, answer.json["error"]["type"]) == (400, "illegal_argument_exception")
    assert answer.reason == (
        f"request [{API}/stats/nosuchstat] contains unrecognized stat: [nosuchstat]"
    )


def test_detectors_are_counted_and_matched(rest: RestClient) -> None:
    """Paths of their own, not detectors that are called so; the name is required."""
    load(rest, "count-log", windows=2)
    before = rest("GET", f"{API}/detectors/count").json["count"]
    created = rest("POST", f"{API}/detectors", detector("count-me", "count-log"))
    assert created.status == 201, created.body
    for api in (API, "/_plugins/_anomaly_detection"):
        count = rest("GET", f"{api}/detectors/count")
        assert (count.status, count.json) == (200, {"match": False, "count": before + 1})
        assert rest("GET", f"{api}/detectors/match?name=count-me").json == {
            "match": True,
            "count": 1,
        }
        assert rest("GET", f"{api}/detectors/match?name=count").json["match"] is False
    assert rest("GET", f"{API}/detectors/match").status == 400
    assert rest("GET", f"{API}/detectors/match?nam=x").status == 400


def test_head_tells_whether_a_detector_is_there(rest: RestClient) -> None:
    """200 or 404, without a body."""
    load(rest, "head-log", windows=2)
    id = rest("POST", f"{API}/detectors", detector("head-me", "head-log")).json["_id"]
    for path, status in ((id, 200), ("nosuch", 404)):
        answer = rest("HEAD", f"{API}/detectors/{path}")
        assert (answer.status, answer.body) == (status, b"")
