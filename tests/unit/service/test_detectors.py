"""Reading, searching and deleting detectors."""

import pytest

from anomalyd.errors import DetectorNotFound, MissingBody, ParsingError, StateConflict
from tests.unit.service.data import analyse, create, start


def test_a_detector_is_read_with_its_tasks(filled):
    """Before any start job and tasks are absent; the last run is shown with its id in front."""
    detector_id = create(filled)
    view = filled.detectors.get(detector_id, job=True, task=True)
    assert view.stored.id == detector_id
    assert (view.job, view.realtime_task, view.historical_task) == (None, None, None)
    task_id = start(filled, detector_id)
    task = filled.detectors.get(detector_id, task=True).historical_task
    assert next(iter(task.items())) == ("task_id", task_id)
    assert filled.detectors.get(detector_id).historical_task is None


def test_an_unknown_detector_is_not_found(filled):
    """With the documented sentence."""
    with pytest.raises(DetectorNotFound, match="Can't find detector with id: nosuchdetector"):
        filled.detectors.get("nosuchdetector")


def test_an_empty_system_has_no_detectors_and_no_tasks(application):
    """Searching before anything was written finds nothing."""
    for search in (application.detectors.search, application.tasks.search):
        answer = search({"query": {"match_all": {}}})
        assert list(answer)[:3] == ["took", "timed_out", "_shards"]
        assert answer["hits"]["total"] == {"value": 0, "relation": "eq"}


def test_detectors_are_searched_as_documented(filled):
    """The document's wildcard on the indices, with versions in the hits."""
    detector_id = create(filled)
    create(filled, name="other", indices=["server_log"], category_field=["host"])
    answer = filled.detectors.search({"query": {"wildcard": {"indices": {"value": "server_log*"}}}})
    assert answer["hits"]["total"]["value"] == 2
    answer = filled.detectors.search({"query": {"term": {"detector_type": "SINGLE_ENTITY"}}})
    (hit,) = answer["hits"]["hits"]
    assert hit["_id"] == detector_id
    assert hit["_source"] == filled.detectors.get(detector_id).stored.source


def test_a_search_needs_a_body_that_is_a_search(filled):
    """The documented refusal, and the parser's."""
    with pytest.raises(MissingBody, match="request body or source parameter is required"):
        filled.detectors.search(None)
    with pytest.raises(ParsingError, match="nosuch"):
        filled.detectors.search({"query": {"nosuch": {}}})


def test_deleting_takes_the_tasks_and_leaves_the_results(filled):
    """The answer has the version after the deletion."""
    detector_id = create(filled)
    task_id = analyse(filled, detector_id)["task_id"]
    deleted = filled.detectors.delete(detector_id)
    assert (deleted.result, deleted.version, deleted.id) == ("deleted", 2, detector_id)
    assert deleted.index == ".searchguard-ad-anomaly-detectors"
    with pytest.raises(DetectorNotFound):
        filled.detectors.get(detector_id)
    body = {"query": {"term": {"detector_id": detector_id}}}
    assert filled.tasks.search(body)["hits"]["total"]["value"] == 0
    assert filled.results.search(body)["hits"]["total"]["value"] > 500
    assert task_id


def test_deleting_what_is_not_there_is_told_not_refused(application):
    """As observed: not_found under 200, also on an empty system."""
    assert application.detectors.delete("nosuch").result == "not_found"


def test_a_running_detector_is_not_deleted(filled):
    """Its run has to be stopped first."""
    detector_id = create(filled)
    start(filled, detector_id)
    with pytest.raises(StateConflict, match="Detector is running"):
        filled.detectors.delete(detector_id)
