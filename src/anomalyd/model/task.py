"""Tasks: what a detector is running or has run (behaviour §10; the document's task examples)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from anomalyd.errors import CorruptState, IllegalArgument
from anomalyd.model import reading

Document = dict[str, Any]


class TaskType(Enum):
    """What kind of work a task is."""

    REALTIME_SINGLE_ENTITY = "REALTIME_SINGLE_ENTITY"
    REALTIME_HC_DETECTOR = "REALTIME_HC_DETECTOR"
    HISTORICAL_SINGLE_ENTITY = "HISTORICAL_SINGLE_ENTITY"
    HISTORICAL_HC_DETECTOR = "HISTORICAL_HC_DETECTOR"
    HISTORICAL_HC_ENTITY = "HISTORICAL_HC_ENTITY"


REALTIME = (TaskType.REALTIME_SINGLE_ENTITY, TaskType.REALTIME_HC_DETECTOR)
HISTORICAL = (TaskType.HISTORICAL_SINGLE_ENTITY, TaskType.HISTORICAL_HC_DETECTOR)
"""The historical tasks that belong to a detector as a whole; entities have tasks below them."""


class TaskState(Enum):
    """Where a task is in its life: CREATED → INIT → RUNNING → FINISHED, FAILED or STOPPED."""

    CREATED = "CREATED"
    INIT = "INIT"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"

    @property
    def ended(self) -> bool:
        """Whether the task will never change its state again."""
        return self in (TaskState.FINISHED, TaskState.FAILED, TaskState.STOPPED)


UNFINISHED = (TaskState.CREATED, TaskState.INIT, TaskState.RUNNING)


@dataclass(frozen=True, kw_only=True)
class DateRange:
    """A range of time, epoch milliseconds; the end may equal the start, which holds nothing."""

    start: int
    end: int

    def render(self) -> Document:
        """Return the document form."""
        return {"start_time": self.start, "end_time": self.end}

    @staticmethod
    def parse(body: Mapping[str, Any]) -> DateRange:
        """Read the body of a request that starts historical analysis.

        Raises: IllegalArgument with the documented messages (behaviour §10).
        """
        start = _time(body, "start_time")
        if start is None:
            raise IllegalArgument(
                "Detection data range's start time must not be null", field="start_time"
            )
        end = _time(body, "end_time")
        if end is None:
            raise IllegalArgument(
                "Detection data range's end time must not be null", field="end_time"
            )
        if end < start:
            raise IllegalArgument(
                "Detection data range's end time must be after start time", field="end_time"
            )
        return DateRange(start=start, end=end)


def _time(body: Mapping[str, Any], field: str) -> int | None:
    value = body.get(field)
    if value is None:
        return None
    return reading.whole_number(value, field, limit=reading.LONG_LIMIT)


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task's document as a value; ``dataclasses.replace`` makes its next state.

    Attributes:
        id: document id; not part of the document.
        detector: the detector's document as it was when the task was made.
        task_progress: share of the windows that are done, 0 to 1.
        init_progress: how far the model is from its first score, 0 to 1.
        current_piece: start of the next piece of windows, epoch ms; None before the first.
        estimated_minutes_left: until the end of a running task; None when it is not running.
        entity: ``[{"name", "value"}]`` of an entity's task.
        parent_task_id: the detector's task that an entity's task belongs to.
    """

    id: str
    type: TaskType
    state: TaskState
    detector_id: str
    detector: Mapping[str, Any]
    execution_start_time: int
    last_update_time: int
    coordinating_node: str
    started_by: str | None = None
    stopped_by: str | None = None
    error: str | None = None
    task_progress: float = 0.0
    init_progress: float = 0.0
    current_piece: int | None = None
    execution_end_time: int | None = None
    is_latest: bool = True
    worker_node: str | None = None
    detection_date_range: DateRange | None = None
    entity: Sequence[Mapping[str, str]] | None = None
    parent_task_id: str | None = None
    estimated_minutes_left: int | None = None
    user: Mapping[str, Any] | None = None

    def render(self) -> Document:
        """Return the document in the key order of the API's examples; absent keys are left out."""
        date_range = self.detection_date_range
        document: Document = {
            "last_update_time": self.last_update_time,
            "started_by": self.started_by,
            "stopped_by": self.stopped_by,
            "error": self.error,
            "state": self.state.value,
            "detector_id": self.detector_id,
            "task_progress": self.task_progress,
            "init_progress": self.init_progress,
            "current_piece": self.current_piece,
            "execution_start_time": self.execution_start_time,
            "execution_end_time": self.execution_end_time,
            "is_latest": self.is_latest,
            "task_type": self.type.value,
            "coordinating_node": self.coordinating_node,
            "worker_node": self.worker_node,
            "detector": dict(self.detector),
            "detection_date_range": None if date_range is None else date_range.render(),
            "entity": None if self.entity is None else [dict(part) for part in self.entity],
            "parent_task_id": self.parent_task_id,
            "estimated_minutes_left": self.estimated_minutes_left,
            "user": None if self.user is None else dict(self.user),
        }
        return {key: value for key, value in document.items() if value is not None}

    @staticmethod
    def restore(id: str, document: Mapping[str, Any]) -> Task:
        """Read a document that ``render`` made.

        Raises: CorruptState when it is none.
        """
        try:
            date_range = document.get("detection_date_range")
            values = {
                field.name: document[field.name]
                for field in dataclasses.fields(Task)
                if field.name in document and field.name != "detection_date_range"
            }
            return Task(
                id=id,
                type=TaskType(document["task_type"]),
                state=TaskState(values.pop("state")),
                detection_date_range=None
                if date_range is None
                else DateRange(start=date_range["start_time"], end=date_range["end_time"]),
                **values,
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise CorruptState(f"the stored task {id} cannot be read: {problem!r}") from problem
