"""Historical analysis over REST: start, stop, tasks, results, top anomalies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.documents import (
    API,
    HOSTS,
    MINUTE,
    SPIKE,
    START,
    WINDOWS,
    detector,
    finished_task,
    load,
    run,
)
from tests.support.rest import RestClient
from tests.support.shapes import shape

INDEX = "historical_log"
RANGE = {"start_time": START, "end_time": START + WINDOWS * MINUTE}
TOP_RANGE = {"start_time_ms": START, "end_time_ms": START + WINDOWS * MINUTE}


@pytest.fixture(scope="module", autouse=True)
def documents(rest: RestClient) -> None:
    load(rest, INDEX)


def create(rest: RestClient, name: str, **more: Any) -> str:
    answer = rest("POST", f"{API}/detectors", detector(name, INDEX, **more))
    assert answer.status == 201, answer.body
    return str(answer.json["_id"])


@pytest.fixture(scope="module")
def single(rest: RestClient, documents: None) -> tuple[str, str]:
    """A detector of one series that has run: its id and its task's."""
    detector_id = create(rest, "historical-single")
    return detector_id, run(rest, detector_id)


@pytest.fixture(scope="module")
def several(rest: RestClient, documents: None) -> tuple[str, str]:
    """A high-cardinality detector that has run: its id and its task's."""
    detector_id = create(rest, "historical-several", category_field=["host"])
    return detector_id, run(rest, detector_id)


def test_start(rest: RestClient) -> None:
    """Start answers with the task's id, version and place."""
    detector_id = create(rest, "started")
    answer = rest("POST", f"{API}/detectors/{detector_id}/_start", RANGE)
    expected = {"_id": "f9DsTXwB6HknB84SoRTY", "_version": 1, "_seq_no": 958, "_primary_term": 1}
    assert answer.status == 200
    assert shape(answer.json) == shape(expected)
    task = finished_task(rest, detector_id)
    assert task["task_id"] == answer.json["_id"]


def test_task_in_a_detector(rest: RestClient, single: tuple[str, str]) -> None:
    """The task's keys stand in the document's order; progress is a float, times are integers."""
    body = rest("GET", f"{API}/detectors/{single[0]}?task=true").json
    assert body["realtime_detection_task"] is None
    task = body["historical_analysis_task"]
    documented = [
        "task_id",
        "last_update_time",
        "started_by",
        "error",
        "state",
        "detector_id",
        "task_progress",
        "init_progress",
        "current_piece",
        "execution_start_time",
        "execution_end_time",
        "is_latest",
        "task_type",
        "coordinating_node",
        "worker_node",
        "detector",
        "detection_date_range",
        "user",
    ]
    assert [key for key in task if key in documented] == [key for key in documented if key in task]
    assert task["task_id"] == single[1]
    assert (task["state"], task["task_type"]) == ("FINISHED", "HISTORICAL_SINGLE_ENTITY")
    assert task["task_progress"] == 1.0
    assert isinstance(task["task_progress"], float)
    assert isinstance(task["execution_start_time"], int)
    assert task["detector"]["name"] == "historical-single"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"start_time": START}, "Detection data range's end time must not be null"),
        ({"end_time": START}, "Detection data range's start time must not be null"),
    ],
)
def test_start_needs_both_times(
    rest: RestClient, single: tuple[str, str], body: dict[str, int], reason: str
) -> None:
    """400 with the reference's words."""
    answer = rest("POST", f"{API}/detectors/{single[0]}/_start", body)
    assert (answer.status, answer.reason) == (400, reason)
    assert answer.json["error"]["type"] == "illegal_argument_exception"


def test_start_of_an_unknown_detector(rest: RestClient) -> None:
    """404."""
    answer = rest("POST", f"{API}/detectors/nosuchdetector/_start", RANGE)
    assert (answer.status, answer.reason) == (404, "Can't find detector with id: nosuchdetector")


def test_stop(rest: RestClient, single: tuple[str, str]) -> None:
    """What has ended cannot be stopped; what was never started neither."""
    ended = rest("POST", f"{API}/detectors/{single[0]}/_stop?historical=true")
    assert (ended.status, ended.json["error"]["type"]) == (400, "status_exception")
    never = rest("POST", f"{API}/detectors/{create(rest, 'unstarted')}/_stop?historical=true")
    assert (never.status, never.reason) == (400, "Detector not started")


def test_search_results(rest: RestClient, single: tuple[str, str]) -> None:
    """The document's example search for anomalies of one task; the spike is among them."""
    detector_id, task_id = single
    query = {
        "query": {
            "bool": {
                "filter": [
                    {"term": {"detector_id": detector_id}},
                    {"range": {"anomaly_grade": {"gt": 0}}},
                    {"term": {"task_id": task_id}},
                ]
            }
        }
    }
    answer = rest("GET", f"{API}/detectors/results/_search", query)
    assert answer.status == 200
    assert list(answer.json) == ["took", "timed_out", "_shards", "hits"]
    assert answer.json["hits"]["max_score"] == 0.0
    hit = answer.json["hits"]["hits"][0]
    assert list(hit) == [
        "_index",
        "_id",
        "_version",
        "_seq_no",
        "_primary_term",
        "_score",
        "_source",
    ]
    assert hit["_index"].startswith(".searchguard-ad-results-history-")
    found = [each["_source"]["data_start_time"] for each in answer.json["hits"]["hits"]]
    assert START + SPIKE * MINUTE in found
    source = hit["_source"]
    for key in ("confidence", "anomaly_score", "anomaly_grade", "threshold"):
        assert isinstance(source[key], float)
    for key in ("execution_start_time", "data_end_time", "data_start_time", "execution_end_time"):
        assert isinstance(source[key], int)
    assert source["data_end_time"] - source["data_start_time"] == MINUTE
    assert list(source["feature_data"][0]) == ["feature_id", "feature_name", "data"]


def test_every_window_has_a_result(rest: RestClient, single: tuple[str, str]) -> None:
    """No gap, no duplicate: as many results as windows with data."""
    query = {"query": {"term": {"task_id": single[1]}}, "size": 0, "track_total_hits": True}
    answer = rest("POST", f"{API}/detectors/results/_search", query)
    assert answer.json["hits"]["total"] == {"value": WINDOWS, "relation": "eq"}


def test_results_of_entities(rest: RestClient, several: tuple[str, str]) -> None:
    """Results of a high-cardinality detector name their entity and model."""
    detector_id, task_id = several
    nested = {"path": "entity", "query": {"term": {"entity.value": HOSTS[1]}}}
    query = {"query": {"bool": {"filter": [{"term": {"task_id": task_id}}, {"nested": nested}]}}}
    answer = rest("POST", f"{API}/detectors/results/_search", {**query, "size": 1})
    assert answer.json["hits"]["total"]["value"] == WINDOWS
    source = answer.json["hits"]["hits"][0]["_source"]
    assert source["entity"] == [{"name": "host", "value": HOSTS[1]}]
    assert source["model_id"] == f"{detector_id}_entity_{HOSTS[1]}"


def test_search_tasks(rest: RestClient, several: tuple[str, str]) -> None:
    """The document's searches: the parent task, its entities' tasks, their states."""
    detector_id, task_id = several

    def search(kind: str, **more: object) -> Any:
        conditions = [
            {"term": {"detector_id": detector_id}},
            {"term": {"task_type": kind}},
            {"term": {"is_latest": "true"}},
        ]
        body = {"query": {"bool": {"filter": conditions}}, **more}
        answer = rest("POST", f"{API}/detectors/tasks/_search", body)
        assert answer.status == 200, answer.body
        return answer.json

    parent = search("HISTORICAL_HC_DETECTOR")["hits"]["hits"]
    assert [hit["_id"] for hit in parent] == [task_id]
    assert parent[0]["_index"] == ".searchguard-ad-state"
    newest = [{"execution_start_time": {"order": "desc"}}]
    children = search("HISTORICAL_HC_ENTITY", sort=newest, size=100)["hits"]["hits"]
    assert sorted(hit["_source"]["entity"][0]["value"] for hit in children) == list(HOSTS)
    assert {hit["_source"]["parent_task_id"] for hit in children} == {task_id}
    states = {"test": {"terms": {"field": "state", "size": 100}}}
    counted = search("HISTORICAL_HC_ENTITY", size=0, aggs=states)
    assert counted["hits"]["hits"] == []
    assert counted["hits"]["max_score"] is None
    assert counted["aggregations"] == {
        "test": {
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": 0,
            "buckets": [{"key": "FINISHED", "doc_count": len(HOSTS)}],
        }
    }


def test_top_anomalies(rest: RestClient, several: tuple[str, str]) -> None:
    """Buckets with key, count and highest grade; GET has a body."""
    path = f"{API}/detectors/{several[0]}/results/_topAnomalies?historical=true"
    answer = rest("GET", path, {**TOP_RANGE, "size": 3, "order": "severity"})
    assert answer.status == 200
    expected = {"buckets": [{"key": {"host": "a"}, "doc_count": 10, "max_anomaly_grade": 0.8}]}
    assert shape(answer.json) == shape(expected)
    grades = [bucket["max_anomaly_grade"] for bucket in answer.json["buckets"]]
    assert grades == sorted(grades, reverse=True)
    of_task = rest("POST", path, {**TOP_RANGE, "task_id": several[1]})
    assert of_task.json["buckets"][0] == answer.json["buckets"][0]


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        (
            {"start_time_ms": START + WINDOWS * MINUTE, "end_time_ms": START},
            "action_request_validation_exception",
            "Validation Failed: 1: Start time should be before end time;",
        ),
        ({"size": 10_001}, "illegal_argument_exception", "Size cannot exceed 10000"),
        (
            {"order": "SEVERITY"},
            "illegal_argument_exception",
            "Ordering by SEVERITY is not a valid option",
        ),
    ],
)
def test_top_anomalies_refused(
    rest: RestClient, several: tuple[str, str], change: dict[str, Any], kind: str, reason: str
) -> None:
    """400 with the reference's words."""
    path = f"{API}/detectors/{several[0]}/results/_topAnomalies?historical=true"
    answer = rest("GET", path, {**TOP_RANGE, **change})
    assert (answer.status, answer.json["error"]["type"], answer.reason) == (400, kind, reason)


def test_top_anomalies_without_a_body(rest: RestClient, several: tuple[str, str]) -> None:
    """The body is required."""
    answer = rest("GET", f"{API}/detectors/{several[0]}/results/_topAnomalies")
    assert (answer.status, answer.reason) == (400, "request body is required")


def test_a_detector_with_results_can_be_deleted(rest: RestClient) -> None:
    """Its results stay."""
    detector_id = create(rest, "to-delete")
    task_id = run(rest, detector_id, windows=50)
    assert rest("DELETE", f"{API}/detectors/{detector_id}").json["result"] == "deleted"
    query = {"query": {"term": {"task_id": task_id}}, "size": 0}
    answer = rest("POST", f"{API}/detectors/results/_search", query)
    assert answer.json["hits"]["total"]["value"] == 50
