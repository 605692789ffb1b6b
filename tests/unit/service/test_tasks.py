"""Reading and searching tasks."""

import pytest

from anomalyd.errors import MissingBody, TaskNotFound
from tests.unit.service.data import analyse, create


def test_a_task_is_read_by_its_id(filled):
    """With the id in front."""
    task = analyse(filled, create(filled))
    assert next(iter(task)) == "task_id"
    with pytest.raises(TaskNotFound, match="Can't find task with id: nosuch"):
        filled.tasks.get("nosuch")


def test_tasks_are_searched_as_documented(filled):
    """The latest task of a detector, and the states of its entities' tasks."""
    detector_id = create(filled, category_field=["host"])
    task = analyse(filled, detector_id)
    filters = [
        {"term": {"detector_id": detector_id}},
        {"term": {"task_type": "HISTORICAL_HC_DETECTOR"}},
        {"term": {"is_latest": "true"}},
    ]
    hits = filled.tasks.search({"query": {"bool": {"filter": filters}}})["hits"]
    assert hits["total"]["value"] == 1
    assert hits["hits"][0]["_source"] == {
        key: value for key, value in task.items() if key != "task_id"
    }
    filters = [
        {"term": {"parent_task_id": {"value": task["task_id"], "boost": 1}}},
        {"terms": {"task_type": ["HISTORICAL_HC_ENTITY"], "boost": 1}},
    ]
    answer = filled.tasks.search(
        {
            "size": 0,
            "query": {"bool": {"filter": filters}},
            "aggs": {"test": {"terms": {"field": "state", "size": 100}}},
        }
    )
    assert answer["aggregations"]["test"]["buckets"] == [{"key": "FINISHED", "doc_count": 3}]


def test_a_search_needs_a_body(application):
    """The documented refusal."""
    with pytest.raises(MissingBody, match="request body or source parameter is required"):
        application.tasks.search(None)
