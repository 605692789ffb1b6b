"""How the task of a running detector changes; pure functions of tasks and counts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from anomalyd.model.task import Task, TaskState
from anomalyd.schedule.historical_progress import TRAINED_AFTER


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the start from history found.

    Attributes:
        learned: windows that the model with the most has learned.
        windows: windows of history that were looked at.
        empty: starts of the first of these without data, epoch ms.
    """

    learned: int = 0
    windows: int = 0
    empty: Sequence[int] = ()


def minutes_left(learned: int, interval: int) -> int:
    """Return the minutes until the first score, when no window is empty from now on."""
    return math.ceil(max(0, TRAINED_AFTER - learned) * interval / 60_000)


def after_cold_start(task: Task, progress: Progress, *, interval: int, now: int) -> Task:
    """Return a task whose models have learned from history.

    Too little of it is said at once, with the windows that are empty.
    """
    trained = progress.learned >= TRAINED_AFTER
    return dataclasses.replace(
        task,
        state=TaskState.RUNNING if trained else TaskState.INIT,
        error="" if trained else too_little(progress),
        init_progress=min(1.0, progress.learned / TRAINED_AFTER),
        estimated_minutes_left=0 if trained else minutes_left(progress.learned, interval),
        last_update_time=now,
    )


def after_tick(task: Task, progress: Progress, *, learned: int, error: str, interval: int) -> Task:
    """Return a task after windows were recorded; a running one never goes back to INIT.

    Args:
        task: as it was before.
        progress: of the start, for what to say while there is too little data.
        learned: windows that the model with the most has learned.
        error: what was wrong with the newest window; empty = nothing.
        interval: length of a window in ms.
    """
    trained = learned >= TRAINED_AFTER or task.state is TaskState.RUNNING
    if not trained and not error:
        # What kept the models from being trained stays said until they are.
        error = task.error or too_little(progress)
    return dataclasses.replace(
        task,
        state=TaskState.RUNNING if trained else TaskState.INIT,
        error=error,
        init_progress=1.0 if trained else learned / TRAINED_AFTER,
        estimated_minutes_left=0 if trained else minutes_left(learned, interval),
    )


def failed(task: Task, reason: str, *, now: int) -> Task:
    """Return a task whose last tick failed; it goes on."""
    return dataclasses.replace(task, error=reason, last_update_time=now)


def stopped(task: Task, *, by: str | None, now: int, error: str | None = None) -> Task:
    """Return a task that has ended: stopped by somebody, or FAILED when there is an error."""
    return dataclasses.replace(
        task,
        state=TaskState.STOPPED if error is None else TaskState.FAILED,
        stopped_by=by,
        error=task.error if error is None else error,
        execution_end_time=now,
        last_update_time=now,
        estimated_minutes_left=None,
    )


def too_little(progress: Progress) -> str:
    """Say how much history there was, which windows are empty, and what helps."""
    found = (
        f"Only {progress.learned} of the {TRAINED_AFTER} windows that a model needs have data "
        f"({progress.windows} windows of the past were looked at)"
    )
    if progress.empty:
        shown = ", ".join(
            datetime.fromtimestamp(start / 1_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            for start in progress.empty
        )
        found += f"; the newest empty ones begin at {shown}"
    return f"{found}. Wait, load older data, or choose a longer interval or a wider filter."
