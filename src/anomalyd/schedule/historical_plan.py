"""What a historical run covers, decided once and written down before its first piece.

The range is cut down to the data, and the data may grow while the run goes on or waits to be
resumed. So the windows and the entities are fixed at the beginning: windows in a small document of
their own, entities in their tasks.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

from anomalyd.engine.plan import AnalysisPlan, all_documents
from anomalyd.engine.window import WindowRange, clip
from anomalyd.model.entity import entity_document
from anomalyd.model.ids import IdGenerator
from anomalyd.model.index_names import IndexNames
from anomalyd.model.task import Task, TaskState, TaskType
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.historical_progress import NO_DATA_IN_RANGE, TRAINED_AFTER
from anomalyd.schedule.task_log import TaskLog
from anomalyd.source.base import Source
from anomalyd.store.base import DocumentStore, DocumentWrite

NO_DATA = "There is no data in the time field"
TOO_FEW_WINDOWS = "There is no enough data to train model"
NO_ENTITY = "No entity found"


class RunFailedError(Exception):
    """A run that cannot be done; its text is the task's documented error (behaviour §10)."""


class RunPlans:
    """Makes and keeps the windows and entities of runs. Thread-safe.

    Args:
        source: the data.
        documents: where the windows are kept.
        tasks: where the entities' tasks are kept; the same store.
        names: the index of the windows.
        clock: for the times in the documents.
        ids: of the entities' tasks.
        top_entities: most entities of a run, those with the most documents.
    """

    def __init__(
        self,
        *,
        source: Source,
        documents: DocumentStore,
        tasks: TaskLog,
        names: IndexNames,
        clock: Clock,
        ids: IdGenerator,
        top_entities: int = 1_000,
    ) -> None:
        self._source = source
        self._documents = documents
        self._tasks = tasks
        self._index = names.checkpoints
        self._clock = clock
        self._ids = ids
        self._top_entities = top_entities

    def limited_to(self, top_entities: int) -> RunPlans:
        """Return the same with another number of entities."""
        other = copy.copy(self)
        other._top_entities = top_entities
        return other

    def windows(self, task: Task, plan: AnalysisPlan) -> WindowRange:
        """Return the windows of a run, decided now or when it first began.

        When it first begins, the task moves to INIT and its entities get their tasks, all in one
        transaction with the windows.

        Raises: RunFailedError, and the source's errors.
        """
        stored = self._documents.get(self._index, task.id)
        if stored is not None:
            return _restore(stored.source, plan.interval)
        windows = self._decide(task, plan)
        children = self._children(task, plan, windows)
        begun = dataclasses.replace(task, state=TaskState.INIT, last_update_time=self._clock.now())
        self._tasks.put([begun, *children], [self._write(task, windows)])
        return windows

    def forget(self, task_id: str) -> None:
        """Delete what was kept for a run that has ended."""
        self._documents.delete(self._index, task_id)

    def _decide(self, task: Task, plan: AnalysisPlan) -> WindowRange:
        asked = task.detection_date_range
        assert asked is not None
        data = self._source.time_range(all_documents(plan.detector))
        if data is None:
            raise RunFailedError(NO_DATA)
        windows = clip(
            asked.start, asked.end, first=data.first, last=data.last, interval=plan.interval
        )
        if windows is None:
            raise RunFailedError(NO_DATA_IN_RANGE)
        if windows.count < TRAINED_AFTER:
            raise RunFailedError(TOO_FEW_WINDOWS)
        return windows

    def _children(self, task: Task, plan: AnalysisPlan, windows: WindowRange) -> list[Task]:
        categories = plan.detector.categories
        if not categories:
            return []
        found = self._source.top_entities(
            plan.selection, start=windows.start, end=windows.end, limit=self._top_entities
        )
        if not found:
            raise RunFailedError(NO_ENTITY)
        now = self._clock.now()
        return [
            dataclasses.replace(
                task,
                id=self._ids.next_id(),
                type=TaskType.HISTORICAL_HC_ENTITY,
                state=TaskState.CREATED,
                entity=entity_document(categories, entity.values),
                parent_task_id=task.id,
                worker_node=task.coordinating_node,
                execution_start_time=now,
                last_update_time=now,
            )
            for entity in found
        ]

    def _write(self, task: Task, windows: WindowRange) -> DocumentWrite:
        return DocumentWrite(
            index=self._index,
            id=task.id,
            source={
                "task_id": task.id,
                "detector_id": task.detector_id,
                "start_time": windows.start,
                "end_time": windows.end,
                "timestamp": self._clock.now(),
            },
        )


def _restore(document: Mapping[str, Any], interval: int) -> WindowRange:
    return WindowRange(start=document["start_time"], end=document["end_time"], interval=interval)
