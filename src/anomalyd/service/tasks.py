"""Tasks: what detectors are running and have run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomalyd.errors import TaskNotFound
from anomalyd.model.index_names import IndexNames
from anomalyd.schedule.clock import Clock
from anomalyd.service.searching import required_search, timed
from anomalyd.store.base import DocumentStore

Document = dict[str, Any]


class TaskService:
    """Use cases of tasks. Thread-safe.

    Args:
        documents: where tasks are.
        names: their index.
        clock: for date math and durations.
    """

    def __init__(self, *, documents: DocumentStore, names: IndexNames, clock: Clock) -> None:
        self._documents = documents
        self._index = names.state
        self._clock = clock

    def get(self, task_id: str) -> Document:
        """Return a task's document with ``task_id`` in front. Raises: TaskNotFound."""
        stored = self._documents.get(self._index, task_id)
        if stored is None:
            raise TaskNotFound(task_id)
        return {"task_id": stored.id, **stored.source}

    def search(self, body: Mapping[str, Any] | None) -> Document:
        """Search tasks; an empty system has none.

        Raises: MissingBody, ParsingError, IllegalArgument.
        """
        request = required_search(body)
        return timed(
            self._clock,
            lambda: self._documents.search(self._index, request, now=self._clock.now()),
        )
