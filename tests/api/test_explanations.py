"""Why an interval is anomalous and what was expected, over both surfaces."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from anomalyd.api.convert import to_document, to_message
from anomalyd.v1 import common_pb2, result_service_pb2, result_service_pb2_grpc
from tests.support.documents import API, MINUTE, SPIKE, START, detector, load, run
from tests.support.rest import RestClient

INDEX = "explained_log"
ANOMALIES = {"range": {"anomaly_grade": {"gt": 0}}}


def feature(name: str, function: str) -> dict[str, Any]:
    aggregation = {name: {function: {"field": "value"}}}
    return {"feature_name": name, "feature_enabled": True, "aggregation_query": aggregation}


@pytest.fixture(scope="module")
def task_id(rest: RestClient) -> str:
    """A run by host over two features, of which the spike changes the first only."""
    load(rest, INDEX)
    features = [feature("total", "sum"), feature("documents", "value_count")]
    body = detector("explained", INDEX, category_field=["host"], feature_attributes=features)
    created = rest("POST", f"{API}/detectors", body)
    assert created.status == 201, created.body
    return run(rest, created.json["_id"])


def search(task_id: str, *filters: dict[str, Any]) -> dict[str, Any]:
    query = {"bool": {"filter": [{"term": {"task_id": task_id}}, *filters]}}
    return {"query": query, "sort": [{"anomaly_score": "desc"}], "size": 2_000}


def results(rest: RestClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    hits = rest("POST", f"{API}/detectors/results/_search", body).json["hits"]["hits"]
    return [hit["_source"] for hit in hits]


def explained(result: dict[str, Any]) -> dict[str, Any]:
    """A result without its user, whose empty lists a message cannot tell from absent ones."""
    return {key: value for key, value in result.items() if key != "user"}


def test_a_spike_is_explained(rest: RestClient, task_id: str) -> None:
    """The changed feature is named, and what was expected is what the series does without it."""
    spike = results(rest, search(task_id, ANOMALIES))[0]
    assert spike["data_start_time"] == START + SPIKE * MINUTE
    assert spike["entity"] == [{"name": "host", "value": "web-1"}]
    ids = [one["feature_id"] for one in spike["feature_data"]]
    assert [one["data"] for one in spike["feature_data"]] == [10 + SPIKE % 30 + 500, 1]
    attribution = spike["relevant_attribution"]
    assert [one["feature_id"] for one in attribution] == ids
    assert sum(one["data"] for one in attribution) == pytest.approx(1)
    assert attribution[0]["data"] > 0.9
    [expected] = spike["expected_values"]
    assert expected["likelihood"] == 1
    assert [one["feature_id"] for one in expected["value_list"]] == ids
    total, documents = (one["data"] for one in expected["value_list"])
    assert total == pytest.approx(10 + SPIKE % 30, abs=4)
    assert documents == pytest.approx(1, abs=0.01)


def test_explanations_have_the_documented_place(rest: RestClient, task_id: str) -> None:
    """Behind the feature data in anomalies, absent from all other results."""
    all_results = results(rest, search(task_id))
    for one in all_results:
        keys = list(one)
        explained = [key for key in keys if key in ("relevant_attribution", "expected_values")]
        if one["anomaly_grade"] > 0:
            place = keys.index("feature_data") + 1
            assert explained == keys[place : place + 2]
        else:
            assert explained == []
        late = "approx_anomaly_start_time" in one
        assert late == ("past_values" in one)
        if late:
            assert one["anomaly_grade"] > 0
            assert one["approx_anomaly_start_time"] < one["data_start_time"]
    assert any(one["anomaly_grade"] > 0 for one in all_results)


def test_explanations_are_the_same_over_both_surfaces(
    rest: RestClient, channel: grpc.Channel, task_id: str
) -> None:
    """Digit for digit."""
    body = search(task_id, ANOMALIES)
    stub = result_service_pb2_grpc.ResultServiceStub(channel)
    message, _ = to_message(body, common_pb2.SearchBody)
    typed = stub.SearchResults(result_service_pb2.SearchResultsRequest(body=message))
    found = [explained(to_document(hit.source)) for hit in typed.hits.hits]
    assert found
    assert found == [explained(one) for one in results(rest, body)]
