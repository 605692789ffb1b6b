"""Searching results, and the top anomalies."""

import pytest

from anomalyd.errors import (
    ActionInvalid,
    DetectorNotFound,
    IllegalArgument,
    MissingBody,
    ParsingError,
)
from tests.unit.service.data import FIRST, INCIDENT, MINUTE, NOW, analyse, create

RANGE = {"start_time_ms": FIRST, "end_time_ms": NOW}
ALL = {"query": {"match_all": {}}}


def test_an_empty_system_has_no_results(application):
    """200 with no hits, aggregations included."""
    answer = application.results.search(
        {**ALL, "aggs": {"top": {"max": {"field": "anomaly_grade"}}}}
    )
    assert answer["hits"] == {
        "total": {"value": 0, "relation": "eq"},
        "max_score": None,
        "hits": [],
    }
    assert answer["aggregations"] == {"top": {"value": None}}


def test_a_search_needs_a_body(application):
    """The documented refusal."""
    with pytest.raises(MissingBody, match="request body or source parameter is required"):
        application.results.search(None)


def test_unknown_custom_indices_are_left_out(filled):
    """Unless nothing else was asked for."""
    task = analyse(filled, create(filled))
    for name in ("searchguard-ad-result-nosuch", "server_log"):
        answer = filled.results.search(ALL, custom_index=name)
        assert answer["hits"]["total"]["value"] == 599
        with pytest.raises(IllegalArgument, match="No custom result indices found"):
            filled.results.search(ALL, custom_index=name, only_custom=True)
    with pytest.raises(IllegalArgument, match="No custom result index set"):
        filled.results.search(ALL, only_custom=True)
    assert task["state"] == "FINISHED"


def test_results_are_found_by_grade_and_entity(filled):
    """The document's query: a task, a grade, a nested entity."""
    task = analyse(filled, create(filled, category_field=["host"]))
    filters = [
        {"term": {"task_id": task["task_id"]}},
        {"range": {"anomaly_grade": {"gt": 0}}},
        {"nested": {"path": "entity", "query": {"term": {"entity.value": "host-2"}}}},
    ]
    answer = filled.results.search(
        {"query": {"bool": {"filter": filters}}, "sort": [{"anomaly_grade": "desc"}]}
    )
    hits = answer["hits"]["hits"]
    assert {hit["_index"] for hit in hits} == {".searchguard-ad-results-history-2026.11.22-1"}
    sources = [hit["_source"] for hit in hits]
    assert all(one["entity"] == [{"name": "host", "value": "host-2"}] for one in sources)
    assert FIRST + INCIDENT * MINUTE in {one["data_start_time"] for one in sources}


def test_the_top_anomalies_name_the_worst_entities(filled):
    """By grade; of the latest run unless a task is named."""
    detector_id = create(filled, category_field=["host"])
    task = analyse(filled, detector_id)
    buckets = filled.results.top_anomalies(detector_id, RANGE, historical=True)
    assert list(buckets[0]) == ["key", "doc_count", "max_anomaly_grade"]
    assert buckets[0]["key"] == {"host": "host-2"}
    grades = [one["max_anomaly_grade"] for one in buckets]
    assert grades == sorted(grades, reverse=True)
    named = RANGE | {"task_id": task["task_id"], "order": "occurrence", "size": 1}
    (most,) = filled.results.top_anomalies(detector_id, named, historical=True)
    assert most["doc_count"] == max(one["doc_count"] for one in buckets)
    unknown = RANGE | {"task_id": "nosuchtask"}
    assert filled.results.top_anomalies(detector_id, unknown, historical=True) == []
    assert filled.results.top_anomalies(detector_id, RANGE, historical=False) == []


def test_top_anomalies_by_one_of_two_categories(filled):
    """A subset groups over the other field."""
    detector_id = create(filled, category_field=["host", "service"])
    analyse(filled, detector_id)
    body = RANGE | {"category_field": ["service"]}
    keys = [one["key"] for one in filled.results.top_anomalies(detector_id, body, historical=True)]
    assert all(list(key) == ["service"] for key in keys)
    assert keys


def test_top_anomalies_are_refused_in_the_documented_order(filled):
    """Body, range, detector, categories, run."""
    with pytest.raises(MissingBody, match="request body is required"):
        filled.results.top_anomalies("nosuch", None, historical=True)
    with pytest.raises(ActionInvalid, match="Must set both start time and end time"):
        filled.results.top_anomalies("nosuch", {}, historical=True)
    with pytest.raises(DetectorNotFound):
        filled.results.top_anomalies("nosuch", RANGE, historical=True)
    single = create(filled)
    with pytest.raises(IllegalArgument, match=f"No category fields found for detector ID {single}"):
        filled.results.top_anomalies(single, RANGE, historical=True)
    several = create(filled, name="hc", category_field=["host"])
    with pytest.raises(
        IllegalArgument, match=f"No historical tasks found for detector ID {several}"
    ):
        filled.results.top_anomalies(several, RANGE, historical=True)


def test_results_are_deleted_by_query(filled):
    """The document's request: a detector, a task, and a time; what is left stays."""
    id = create(filled)
    task_id = analyse(filled, id)["task_id"]
    terms = [{"term": {"detector_id": {"value": id}}}, {"term": {"task_id": {"value": task_id}}}]
    until = {"range": {"data_start_time": {"lte": FIRST + 27 * MINUTE}}}
    body = {"query": {"bool": {"filter": [*terms, until]}}}
    answer = filled.results.delete(body)
    assert list(answer) == [
        "took", "timed_out", "total", "updated", "created", "deleted", "batches",
        "version_conflicts", "noops", "retries", "throttled_millis", "requests_per_second",
        "throttled_until_millis", "failures",
    ]  # fmt: skip
    assert (answer["total"], answer["deleted"], answer["batches"]) == (28, 28, 1)
    assert answer["failures"] == []
    left = filled.results.search({"query": {"bool": {"filter": terms}}})["hits"]["total"]["value"]
    assert left == 599 - 28
    again = filled.results.delete(body)
    assert (again["total"], again["deleted"], again["batches"]) == (0, 0, 0)


def test_custom_results_are_never_deleted(filled):
    """A query that matches everything leaves them alone."""
    analyse(filled, create(filled, name="default"))
    analyse(filled, create(filled, name="custom", result_index="searchguard-ad-result-own"))
    assert filled.results.delete(ALL)["deleted"] == 599
    left = filled.results.search(ALL, custom_index="searchguard-ad-result-own")
    assert left["hits"]["total"]["value"] == 599


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        (None, MissingBody, "request body or source parameter is required"),
        ({}, ActionInvalid, "Validation Failed: 1: query is missing;"),
        ({"nosuch": 1}, ParsingError, "Unknown key for a VALUE_NUMBER in [nosuch]."),
        (
            {**ALL, "size": 3},
            IllegalArgument,
            "Results are deleted by [query] alone, not by [size]",
        ),
    ],
)
def test_refused_deletions(application, body, error, reason):
    """A query must be there, alone; on an empty system as well."""
    with pytest.raises(error) as caught:
        application.results.delete(body)
    assert caught.value.reason == reason
    assert application.results.delete(ALL)["deleted"] == 0
