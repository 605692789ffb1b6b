"""How tasks change while a run goes on."""

import dataclasses

import pytest

from anomalyd.engine.window import WindowRange
from anomalyd.model.task import TaskState
from anomalyd.schedule.historical_progress import (
    Pace,
    ParentProgress,
    advanced,
    ended,
    parent_ended,
    with_minutes_left,
)
from tests.unit.model.test_task import TASK

WINDOWS = WindowRange(start=0, end=1000, interval=10)


def test_a_task_is_initialising_until_its_model_is_trained():
    """INIT up to 31 windows, RUNNING from 32 on, and the progress goes by time."""
    task = advanced(TASK, WINDOWS, 250, learned=16, now=7)
    assert (task.state, task.init_progress) == (TaskState.INIT, 0.5)
    assert (task.task_progress, task.current_piece, task.last_update_time) == (0.25, 250, 7)
    task = advanced(task, WINDOWS, 500, learned=32, now=8)
    assert (task.state, task.init_progress) == (TaskState.RUNNING, 1.0)


def test_the_last_piece_finishes_the_task():
    """With all progress and the time of its end, and nothing left to wait for."""
    running = dataclasses.replace(TASK, estimated_minutes_left=1)
    task = advanced(running, WINDOWS, 1000, learned=90, now=9)
    assert task.state is TaskState.FINISHED
    assert (task.task_progress, task.execution_end_time, task.current_piece) == (1.0, 9, 1000)
    assert task.estimated_minutes_left is None


def test_a_task_without_any_window_fails():
    """Nothing was learned, so nothing was analysed."""
    task = advanced(TASK, WINDOWS, 1000, learned=0, now=9)
    assert task.state is TaskState.FAILED
    assert task.error == "There is no data in the detection date range"


def test_the_time_left_follows_the_pace():
    """A quarter in two minutes, so half an hour's half is left in minutes, rounded up."""
    pace = Pace(began=100.0, progress=0.25)
    running = dataclasses.replace(TASK, state=TaskState.RUNNING, task_progress=0.5)
    assert with_minutes_left(running, pace, 220.0).estimated_minutes_left == 4
    assert with_minutes_left(running, Pace(100.0, 0.5), 220.0).estimated_minutes_left is None
    done = ended(running, TaskState.FINISHED, now=1)
    assert with_minutes_left(done, pace, 220.0) is done


@pytest.fixture
def children():
    return [dataclasses.replace(TASK, id=name, state=TaskState.CREATED) for name in "abcd"]


def test_the_parent_is_as_far_as_its_entities_on_average(children):
    """Ended entities from before a restart count."""
    children[0] = dataclasses.replace(children[0], state=TaskState.FINISHED, task_progress=1.0)
    progress = ParentProgress(TASK, children, began=0.0)
    assert progress.pace == Pace(0.0, 0.25)
    group = [advanced(task, WINDOWS, 500, learned=3, now=5) for task in children[1:3]]
    parent = progress.after(group, now=6)
    assert (parent.task_progress, parent.state) == (0.5, TaskState.INIT)
    group = [advanced(task, WINDOWS, 1000, learned=40, now=5) for task in group]
    parent = progress.after(group, now=7)
    assert (parent.task_progress, parent.state) == (0.75, TaskState.RUNNING)
    parent = progress.after([advanced(children[3], WINDOWS, 10, learned=1, now=5)], now=8)
    assert parent.state is TaskState.RUNNING


def test_one_finished_entity_finishes_the_parent(children):
    """As the document shows it: FINISHED with an empty error."""
    ends = [ended(children[0], TaskState.FAILED, error="x", now=1)]
    ends.append(ended(children[1], TaskState.FINISHED, now=1))
    parent = parent_ended(TASK, ends, now=5)
    assert (parent.state, parent.error, parent.task_progress) == (TaskState.FINISHED, "", 1.0)
    assert parent.execution_end_time == 5


def test_without_a_finished_entity_the_parent_fails(children):
    """It tells what its first entity told."""
    parent = parent_ended(TASK, [ended(children[0], TaskState.FAILED, error="x", now=1)], now=5)
    assert (parent.state, parent.error) == (TaskState.FAILED, "x")
