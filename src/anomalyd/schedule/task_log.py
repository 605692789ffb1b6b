"""Tasks in the document store: what ran, what runs, and what is to go on after a restart."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anomalyd.model.index_names import IndexNames
from anomalyd.model.task import HISTORICAL, UNFINISHED, Task, TaskState, TaskType
from anomalyd.query.parse import parse_query
from anomalyd.query.parse_search import parse_search
from anomalyd.schedule.clock import Clock
from anomalyd.store.base import DocumentStore, DocumentWrite, StoredDocument

MOST_TASKS = 10_000
"""What one search returns at most; a run has one task per entity, 1,000 by default."""

_WITH_ENTITIES = (*HISTORICAL, TaskType.HISTORICAL_HC_ENTITY)


class TaskLog:
    """Reads and writes tasks. Thread-safe.

    Args:
        documents: the store.
        names: the index of the tasks.
        clock: for date math in searches.
    """

    def __init__(self, documents: DocumentStore, *, names: IndexNames, clock: Clock) -> None:
        self._documents = documents
        self._index = names.state
        self._clock = clock

    def get(self, task_id: str) -> Task | None:
        """Return a task, or None."""
        stored = self._documents.get(self._index, task_id)
        return None if stored is None else Task.restore(stored.id, stored.source)

    def put(
        self, tasks: Iterable[Task], more: Sequence[DocumentWrite] = ()
    ) -> tuple[StoredDocument, ...]:
        """Write tasks, and other documents with them, all or none."""
        return self._documents.put([*self.writes(tasks), *more])

    def writes(self, tasks: Iterable[Task]) -> list[DocumentWrite]:
        """Return the writes of tasks, for a transaction that somebody else makes."""
        return [
            DocumentWrite(index=self._index, id=task.id, source=task.render()) for task in tasks
        ]

    def latest(self, detector_id: str, types: Sequence[TaskType]) -> Task | None:
        """Return the detector's last task of these types, or None when it never had one."""
        found = self._search({"detector_id": detector_id, "is_latest": True}, types=types, size=1)
        return found[0] if found else None

    def superseded(self, detector_id: str) -> tuple[Task, ...]:
        """Return the detector's latest historical tasks, marked as latest no more."""
        tasks = self._search({"detector_id": detector_id, "is_latest": True}, types=_WITH_ENTITIES)
        return tuple(dataclasses.replace(task, is_latest=False) for task in tasks)

    def all_latest(self, detector_id: str, types: Sequence[TaskType]) -> tuple[Task, ...]:
        """Return the detector's tasks of these types that are marked as latest: one, or none."""
        return self._search({"detector_id": detector_id, "is_latest": True}, types=types)

    def unfinished(self, types: Sequence[TaskType] = HISTORICAL) -> tuple[Task, ...]:
        """Return all tasks of detectors, of these types, that have not ended, oldest first."""
        tasks = self._search({}, types=types, states=UNFINISHED)
        return tuple(reversed(tasks))

    def detectors(self) -> frozenset[str]:
        """Return the detectors that have any task."""
        body = {"size": 0, "aggs": {"ids": {"terms": {"field": "detector_id", "size": MOST_TASKS}}}}
        answer = self._documents.search(self._index, parse_search(body), now=self._clock.now())
        buckets = answer.get("aggregations", {}).get("ids", {}).get("buckets", ())
        return frozenset(bucket["key"] for bucket in buckets)

    def children(self, parent_task_id: str) -> tuple[Task, ...]:
        """Return the tasks of a task's entities, in the order in which they are to run."""
        body = _body({"parent_task_id": parent_task_id}, types=(TaskType.HISTORICAL_HC_ENTITY,)) | {
            "size": MOST_TASKS,
            "seq_no_primary_term": True,
        }
        hits = self._hits(body)
        # Entities that have not begun yet were written last, in their order, by one transaction.
        hits = sorted(
            hits, key=lambda hit: (hit["_source"].get("current_piece") is None, hit["_seq_no"])
        )
        return tuple(Task.restore(hit["_id"], hit["_source"]) for hit in hits)

    def outdated(self, detector_id: str, *, keep: int) -> tuple[Task, ...]:
        """Return the detector's historical tasks beyond the latest and ``keep`` older ones."""
        tasks = self._search({"detector_id": detector_id, "is_latest": False}, types=HISTORICAL)
        return tasks[keep:]

    def delete(self, task_id: str) -> None:
        """Delete a task and the tasks of its entities."""
        children = parse_query({"term": {"parent_task_id": task_id}})
        self._documents.delete_matching(self._index, children, now=self._clock.now())
        self._documents.delete(self._index, task_id)

    def delete_of_detector(self, detector_id: str) -> None:
        """Delete all tasks of a detector."""
        query = parse_query({"term": {"detector_id": detector_id}})
        self._documents.delete_matching(self._index, query, now=self._clock.now())

    def _search(
        self,
        terms: Mapping[str, Any],
        *,
        types: Sequence[TaskType],
        states: Sequence[TaskState] = (),
        size: int = MOST_TASKS,
    ) -> tuple[Task, ...]:
        """Return matching tasks, the ones that began last first."""
        body = _body(terms, types=types, states=states) | {
            "size": size,
            "sort": [{"execution_start_time": {"order": "desc", "unmapped_type": "date"}}],
        }
        return tuple(Task.restore(hit["_id"], hit["_source"]) for hit in self._hits(body))

    def _hits(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = self._documents.search(self._index, parse_search(body), now=self._clock.now())
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits


def _body(
    terms: Mapping[str, Any], *, types: Sequence[TaskType], states: Sequence[TaskState] = ()
) -> dict[str, Any]:
    filters: list[dict[str, Any]] = [{"term": {key: value}} for key, value in terms.items()]
    filters.append({"terms": {"task_type": [type.value for type in types]}})
    if states:
        filters.append({"terms": {"state": [state.value for state in states]}})
    return {"query": {"bool": {"filter": filters}}}
