"""Historical analysis as callers see it: tasks, results, refusals, stop."""

import time

import pytest

from anomalyd.errors import DetectorNotFound, IllegalArgument, ParsingError, StateConflict
from tests.unit.service.data import (
    FIRST,
    HOSTS,
    INCIDENT,
    MINUTE,
    MINUTES,
    NOW,
    analyse,
    create,
    end_of,
    feature,
    results,
    start,
)


def test_a_run_analyses_every_window_of_one_series(filled):
    """One result per minute; the last document's window is left out; the incident is found."""
    task = analyse(filled, create(filled))
    assert task["state"] == "FINISHED"
    assert (task["task_progress"], task["init_progress"]) == (1.0, 1.0)
    assert task["task_type"] == "HISTORICAL_SINGLE_ENTITY"
    assert task["detection_date_range"] == {"start_time": FIRST, "end_time": NOW}
    last = FIRST + (MINUTES - 1) * MINUTE
    assert task["current_piece"] == last
    assert "estimated_minutes_left" not in task
    found = results(filled, task["task_id"])
    assert [one["data_start_time"] for one in found] == list(range(FIRST, last, MINUTE))
    assert all(one["data_end_time"] - one["data_start_time"] == MINUTE for one in found)
    assert [one["anomaly_score"] for one in found[:20]] == [0.0] * 20
    incident = FIRST + INCIDENT * MINUTE
    flagged = {one["data_start_time"] for one in found if one["anomaly_grade"] > 0}
    assert incident in flagged
    assert "model_id" not in found[0]
    assert "entity" not in found[0]


def test_the_start_answers_with_the_tasks_document(filled):
    """Version 1 of a document in the state index, CREATED."""
    stored = filled.detectors.start_historical(
        create(filled), {"start_time": FIRST, "end_time": NOW}, caller=filled.caller
    )
    assert (stored.index, stored.version) == (".searchguard-ad-state", 1)
    assert stored.source["state"] == "CREATED"
    assert stored.source["started_by"] == "admin"
    assert stored.source["user"] == filled.caller.render()


def test_a_run_by_category_has_a_task_per_entity(filled):
    """Parent and children finish; results carry the parent's task, the model id and the entity."""
    detector_id = create(filled, category_field=["host"])
    task = analyse(filled, detector_id)
    assert (task["state"], task["task_type"]) == ("FINISHED", "HISTORICAL_HC_DETECTOR")
    assert (task["task_progress"], task["error"]) == (1.0, "")
    assert "worker_node" not in task
    children = filled.tasks.search(
        {"query": {"term": {"parent_task_id": task["task_id"]}}, "sort": ["execution_start_time"]}
    )["hits"]["hits"]
    assert {hit["_source"]["entity"][0]["value"] for hit in children} == set(HOSTS)
    for hit in children:
        child = hit["_source"]
        assert (child["state"], child["task_progress"]) == ("FINISHED", 1.0)
        assert child["task_type"] == "HISTORICAL_HC_ENTITY"
        assert child["is_latest"] is True
    found = results(filled, task["task_id"])
    for number, host in enumerate(HOSTS):
        own = [one for one in found if one["entity"] == [{"name": "host", "value": host}]]
        assert {one["model_id"] for one in own} == {f"{detector_id}_entity_{host}"}
        # Windows without documents have no result.
        assert len(own) == MINUTES - 1 - number * 10
    flagged = {one["entity"][0]["value"] for one in found if one["anomaly_grade"] > 0.5}
    assert "host-2" in flagged


def test_two_categories_make_hashed_model_ids(filled):
    """Entities are the pairs of values that occur."""
    task = analyse(filled, create(filled, category_field=["host", "service"]))
    found = results(filled, task["task_id"])
    assert len({one["model_id"] for one in found}) == len(HOSTS) * 2
    assert [part["name"] for part in found[0]["entity"]] == ["host", "service"]


def test_a_window_that_lacks_a_feature_has_no_result(filled):
    """Every other minute has no "web" document, so the second feature has no value."""
    web = {"filter": {"term": {"service": "web"}}, "aggs": {"v": {"avg": {"field": "value"}}}}
    task = analyse(
        filled,
        create(
            filled, feature_attributes=[feature(), feature("web", aggregation_query={"web": web})]
        ),
    )
    starts = [one["data_start_time"] for one in results(filled, task["task_id"])]
    assert starts == list(range(FIRST, FIRST + (MINUTES - 1) * MINUTE, 2 * MINUTE))


def test_a_disabled_feature_is_not_computed(filled):
    """Results show the enabled ones only."""
    features = [feature("on"), feature("off", "avg", feature_enabled=False)]
    task = analyse(filled, create(filled, feature_attributes=features))
    first = results(filled, task["task_id"], size=1)[0]
    assert [one["feature_name"] for one in first["feature_data"]] == ["on"]


def test_a_repeated_run_gives_the_same_results(filled):
    """Bit by bit, whatever the pieces; the older run stays, marked as latest no more."""
    detector_id = create(filled)
    first, second = analyse(filled, detector_id), analyse(filled, detector_id)
    ignored = {"task_id", "execution_start_time", "execution_end_time"}

    def comparable(task):
        return [
            {key: value for key, value in one.items() if key not in ignored}
            for one in results(filled, task["task_id"])
        ]

    assert comparable(first) == comparable(second)
    assert filled.tasks.get(first["task_id"])["is_latest"] is False
    view = filled.detectors.get(detector_id, task=True)
    assert view.historical_task["task_id"] == second["task_id"]


def test_only_some_old_runs_are_kept(filled, clock):
    """The third run takes the first one's task, children and results away."""
    detector_id = create(filled, category_field=["host"])
    tasks = []
    for _ in range(3):
        clock.advance(1_000)
        tasks.append(analyse(filled, detector_id)["task_id"])
    body = {"query": {"term": {"task_type": "HISTORICAL_HC_DETECTOR"}}}
    kept = {hit["_id"] for hit in filled.tasks.search(body)["hits"]["hits"]}
    assert kept == set(tasks[1:])
    assert results(filled, tasks[0]) == []
    children = {"query": {"term": {"parent_task_id": tasks[0]}}}
    assert filled.tasks.search(children)["hits"]["total"]["value"] == 0
    assert len(results(filled, tasks[1])) == len(results(filled, tasks[2])) > 0


def test_results_go_to_the_custom_index(filled):
    """And not to the default one."""
    task = analyse(filled, create(filled, result_index="searchguard-ad-result-test"))
    body = {"query": {"term": {"task_id": task["task_id"]}}}
    assert filled.results.search(body)["hits"]["total"]["value"] == 0
    answer = filled.results.search(
        body, custom_index="searchguard-ad-result-test", only_custom=True
    )
    assert answer["hits"]["total"]["value"] == MINUTES - 1
    assert answer["hits"]["hits"][0]["_index"] == "searchguard-ad-result-test"


@pytest.mark.parametrize("categories", [..., ["host"]])
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"start_time": 5, "end_time": 6}, "There is no data in the detection date range"),
        (
            {"start_time": FIRST, "end_time": FIRST + 31 * MINUTE},
            "There is no enough data to train model",
        ),
        (
            {"start_time": NOW - MINUTE, "end_time": NOW - MINUTE},
            "There is no enough data to train model",
        ),
    ],
)
def test_a_run_that_cannot_be_done_fails_in_the_documented_words(
    filled, categories, changes, error
):
    """The task keeps the reason."""
    task = analyse(filled, create(filled, category_field=categories), **changes)
    assert (task["state"], task["error"]) == ("FAILED", error)
    assert task["execution_end_time"] == NOW


def test_a_filter_that_leaves_nothing_fails_the_run(filled):
    """One series without a document in any window; no entity at all."""
    nothing = {"term": {"host": "nosuch"}}
    task = analyse(filled, create(filled, filter_query=nothing))
    assert (task["state"], task["error"]) == (
        "FAILED",
        "There is no data in the detection date range",
    )
    task = analyse(filled, create(filled, name="hc", filter_query=nothing, category_field=["host"]))
    assert (task["state"], task["error"]) == ("FAILED", "No entity found")


def test_a_lost_index_fails_the_run(filled):
    """With the source's own reason."""
    detector_id = create(filled, indices=["server_log"])
    filled.indices.delete_index(["server_log"])
    task = analyse(filled, detector_id)
    assert (task["state"], task["error"]) == ("FAILED", "no such index [server_log]")


def test_a_second_start_is_refused_while_the_first_runs(filled):
    """And allowed afterwards."""
    detector_id = create(filled)
    task_id = start(filled, detector_id)
    with pytest.raises(StateConflict, match="Detector is already running"):
        start(filled, detector_id)
    end_of(filled, task_id)
    analyse(filled, detector_id)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (..., "Can't start detector job as no features configured"),
        (
            [feature(feature_enabled=False)],
            "Can't start detector job as no enabled features configured",
        ),
    ],
)
def test_a_detector_without_features_does_not_start(filled, features, reason):
    """The documented words."""
    detector_id = create(filled, feature_attributes=features)
    with pytest.raises(StateConflict, match=reason):
        start(filled, detector_id)


def test_a_start_is_checked_before_anything_is_written(filled):
    """The body first, then the detector."""
    with pytest.raises(IllegalArgument, match="end time must not be null"):
        filled.detectors.start_historical("nosuch", {"start_time": 1}, caller=filled.caller)
    with pytest.raises(ParsingError):
        filled.detectors.start_historical("nosuch", [], caller=filled.caller)
    with pytest.raises(DetectorNotFound):
        start(filled, "nosuch")
    assert filled.tasks.search({})["hits"]["total"]["value"] == 0


@pytest.mark.parametrize("categories", [..., ["host"]])
def test_a_stopped_run_ends_at_once_and_says_by_whom(filled, categories):
    """STOPPED within two seconds, its entities as well; no result is lost or added later."""
    detector_id = create(filled, category_field=categories)
    task_id = start(filled, detector_id)
    begun = time.monotonic()
    assert filled.detectors.stop_historical(detector_id, caller=filled.caller) == task_id
    task = end_of(filled, task_id)
    assert time.monotonic() - begun < 2
    assert (task["state"], task["stopped_by"]) == ("STOPPED", "admin")
    assert task["error"] == "Historical analysis cancelled by user"
    states = filled.tasks.search({"aggs": {"states": {"terms": {"field": "state"}}}, "size": 0})
    assert [one["key"] for one in states["aggregations"]["states"]["buckets"]] == ["STOPPED"]
    done = (task["task_progress"] * (MINUTES - 1)) if categories is ... else None
    if done is not None:
        assert len(results(filled, task_id)) == round(done)


def test_what_does_not_run_cannot_be_stopped(filled):
    """Never started, or ended: two different words."""
    detector_id = create(filled)
    with pytest.raises(StateConflict, match="Detector not started"):
        filled.detectors.stop_historical(detector_id, caller=filled.caller)
    analyse(filled, detector_id)
    with pytest.raises(StateConflict, match="No running task found"):
        filled.detectors.stop_historical(detector_id, caller=filled.caller)
    with pytest.raises(DetectorNotFound):
        filled.detectors.stop_historical("nosuch", caller=filled.caller)
