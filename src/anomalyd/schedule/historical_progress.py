"""How tasks change while a historical run goes on; pure functions of tasks and times."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from anomalyd.engine.window import WindowRange
from anomalyd.model.task import Task, TaskState

TRAINED_AFTER = 32
"""Windows that a model must have learned before it scores; fewer are no analysis."""

NO_DATA_IN_RANGE = "There is no data in the detection date range"


@dataclass(frozen=True)
class Pace:
    """When work on new windows began (monotonic seconds), and how far the task was then."""

    began: float
    progress: float

    def minutes_left(self, progress: float, now: float) -> int | None:
        """Return the minutes that the rest takes at this pace, rounded up; None if unknown."""
        gained = progress - self.progress
        if gained <= 0:
            return None
        return math.ceil((now - self.began) / gained * (1 - progress) / 60)


def advanced(task: Task, windows: WindowRange, position: int, *, learned: int, now: int) -> Task:
    """Return a task after a piece of its windows.

    Args:
        task: as it was before.
        windows: all of the run.
        position: end of the piece, epoch ms.
        learned: windows that its model has learned.
        now: epoch ms.
    """
    task = dataclasses.replace(
        task,
        state=TaskState.RUNNING if learned >= TRAINED_AFTER else TaskState.INIT,
        task_progress=windows.progress(position),
        init_progress=min(1.0, learned / TRAINED_AFTER),
        current_piece=position,
        last_update_time=now,
    )
    if position < windows.end:
        return task
    if learned == 0:
        return ended(task, TaskState.FAILED, error=NO_DATA_IN_RANGE, now=now)
    return ended(task, TaskState.FINISHED, now=now)


def ended(task: Task, state: TaskState, *, now: int, error: str | None = None) -> Task:
    """Return a task that has come to its end; a finished one has all its progress."""
    return dataclasses.replace(
        task,
        state=state,
        error=task.error if error is None else error,
        task_progress=1.0 if state is TaskState.FINISHED else task.task_progress,
        execution_end_time=now,
        last_update_time=now,
        estimated_minutes_left=None,
    )


def with_minutes_left(task: Task, pace: Pace, now: float) -> Task:
    """Return a running task with the time that is left, an ended one as it is."""
    if task.state.ended:
        return task
    left = pace.minutes_left(task.task_progress, now)
    return dataclasses.replace(task, estimated_minutes_left=left)


class ParentProgress:
    """The task above the tasks of entities: as far as these are on average.

    Args:
        parent: the detector's task.
        children: the tasks of all its entities, ended ones included.
        began: monotonic seconds.
    """

    def __init__(self, parent: Task, children: Sequence[Task], *, began: float) -> None:
        self._parent = parent
        self._progress = {child.id: child.task_progress for child in children}
        self.pace = Pace(began, self._mean())

    def after(self, group: Sequence[Task], *, now: int) -> Task:
        """Return the parent after a piece of some of its entities."""
        self._progress.update((task.id, task.task_progress) for task in group)
        trained = self._parent.state is TaskState.RUNNING or any(
            task.state is not TaskState.INIT for task in group
        )
        self._parent = dataclasses.replace(
            self._parent,
            state=TaskState.RUNNING if trained else TaskState.INIT,
            task_progress=self._mean(),
            last_update_time=now,
        )
        return self._parent

    def _mean(self) -> float:
        return sum(self._progress.values()) / max(1, len(self._progress))


def parent_ended(parent: Task, children: Sequence[Task], *, now: int) -> Task:
    """Return the parent when all its entities have ended: FINISHED if one of them has finished."""
    if any(child.state is TaskState.FINISHED for child in children):
        # The document's finished task shows an empty error.
        return ended(parent, TaskState.FINISHED, error="", now=now)
    error = next((child.error for child in children if child.error), NO_DATA_IN_RANGE)
    return ended(parent, TaskState.FAILED, error=error, now=now)
