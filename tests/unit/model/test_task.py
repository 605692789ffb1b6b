"""Tasks ⇄ their documents."""

import dataclasses

import pytest

from anomalyd.errors import CorruptState, IllegalArgument
from anomalyd.model.task import DateRange, Task, TaskState, TaskType

TASK = Task(
    id="99DaTXwB6HknB84StRN1",
    type=TaskType.HISTORICAL_SINGLE_ENTITY,
    state=TaskState.CREATED,
    detector_id="VEHKTXwBwf_U8gjUXY2s",
    detector={"name": "test-detector"},
    execution_start_time=1633393751412,
    last_update_time=1633393751412,
    coordinating_node="SWD7ihu9TaaW1zKwFZNVNg",
    worker_node="2Z4q22BySEyzakYt_A0A2A",
    started_by="admin",
    detection_date_range=DateRange(start=1632788951329, end=1633393751329),
    user={"name": "admin"},
)


def test_a_running_task_shows_the_documented_keys_in_order():
    """The keys of the document's historical_analysis_task, but for the id beside it."""
    running = dataclasses.replace(
        TASK, state=TaskState.RUNNING, task_progress=0.5, init_progress=1.0, current_piece=163332894
    )
    assert list(running.render()) == [
        "last_update_time", "started_by", "state", "detector_id", "task_progress",
        "init_progress", "current_piece", "execution_start_time", "is_latest", "task_type",
        "coordinating_node", "worker_node", "detector", "detection_date_range", "user",
    ]  # fmt: skip


@pytest.mark.parametrize("state", list(TaskState))
def test_a_task_survives_its_document(state):
    """Whatever the state, the document reads back equal."""
    task = dataclasses.replace(
        TASK,
        state=state,
        entity=[{"name": "host", "value": "a"}],
        parent_task_id="parent",
        error="There is no data in the time field",
        stopped_by="admin",
        execution_end_time=5,
        estimated_minutes_left=3,
    )
    assert Task.restore(task.id, task.render()) == task


def test_a_damaged_document_is_no_task():
    """A missing key or an unknown state is corrupt state."""
    with pytest.raises(CorruptState):
        Task.restore("x", {"state": "RUNNING"})
    with pytest.raises(CorruptState):
        Task.restore("x", TASK.render() | {"state": "DREAMING"})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "Detection data range's start time must not be null"),
        ({"end_time": 5}, "Detection data range's start time must not be null"),
        ({"start_time": 5}, "Detection data range's end time must not be null"),
        (
            {"start_time": 6, "end_time": 5},
            "Detection data range's end time must be after start time",
        ),
    ],
)
def test_a_range_needs_both_ends_in_order(body, reason):
    """The documented messages."""
    with pytest.raises(IllegalArgument) as caught:
        DateRange.parse(body)
    assert caught.value.reason == reason


def test_a_range_may_be_empty_and_its_ends_texts():
    """Equal ends are accepted; the run tells then that there is nothing to analyse."""
    assert DateRange.parse({"start_time": "5", "end_time": 5}) == DateRange(start=5, end=5)
