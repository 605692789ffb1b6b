"""Profiles: how a detector, or one of its entities, is doing right now (behaviour §14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from anomalyd.errors import DetectorNotFound, InvalidRequest
from anomalyd.model.detector import Detector
from anomalyd.model.index_names import IndexNames
from anomalyd.model.profile import (
    Entity,
    EntityProfilePart,
    ProfilePart,
    check_entity,
    entity_profile_parts,
    profile_parts,
)
from anomalyd.model.task import HISTORICAL, Task, TaskType
from anomalyd.query.parse import parse_query
from anomalyd.schedule.historical_progress import TRAINED_AFTER
from anomalyd.schedule.live_runs import LiveRuns, LiveSeries
from anomalyd.schedule.task_log import TaskLog
from anomalyd.service.realtime_profile import RealtimeProfiles
from anomalyd.source.base import Selection, Source
from anomalyd.store.base import DocumentStore

Document = dict[str, Any]


class ProfileService:
    """Use cases of profiles. Thread-safe.

    A detector that was never started in real time has its state alone, and not even that beside
    ``ad_task``, as recorded from a real node.

    Args:
        documents: where detectors are.
        tasks: the tasks of detectors.
        live: the models of running analyses of the past.
        realtime: the real-time parts.
        source: where the entities are.
        names: the index of detectors.
        entities_at_once: entities of a historical run that are worked on together.
    """

    def __init__(
        self,
        *,
        documents: DocumentStore,
        tasks: TaskLog,
        live: LiveRuns,
        realtime: RealtimeProfiles,
        source: Source,
        names: IndexNames,
        entities_at_once: int,
    ) -> None:
        self._documents = documents
        self._tasks = tasks
        self._live = live
        self._realtime = realtime
        self._source = source
        self._names = names
        self._entities_at_once = entities_at_once

    def reconfigure(self, *, entities_at_once: int) -> None:
        """Tell of another number of entities from now on."""
        self._entities_at_once = entities_at_once

    def detector(
        self, detector_id: str, parts: Sequence[str] = (), *, all: bool = False
    ) -> Document:
        """Return parts of a detector's profile; none named = state and error.

        Raises:
            InvalidRequest: "profiles to collect are missing or invalid".
            DetectorNotFound.
        """
        wanted = profile_parts(parts, all=all)
        detector = self._require(detector_id)
        past = ProfilePart.AD_TASK in wanted
        task = self._tasks.latest(detector_id, HISTORICAL) if past else None
        ad_task = {} if task is None else {"ad_task": self._task(task)}
        found = self._realtime.detector(detector_id, detector, wanted)
        if found is None:
            never_started = {"state": "DISABLED"} if ProfilePart.STATE in wanted else {}
            return ad_task if past else never_started
        count = {key: found.pop(key) for key in ("model_count",) if key in found}
        return found | ad_task | count

    def entity(
        self, detector_id: str, entity: Entity, parts: Sequence[str] = (), *, all: bool = False
    ) -> Document:
        """Return parts of the profile of one entity; none named = the state.

        Raises:
            InvalidRequest: "profiles to collect are missing or invalid"; an entity that the
                detector or its data do not have, with the messages of a real node.
            DetectorNotFound, IndexNotFound.
        """
        wanted = entity_profile_parts(parts, all=all)
        detector = self._require(detector_id)
        values = check_entity(entity, detector.categories)
        terms = [
            {"term": {field: value}}
            for field, value in zip(detector.categories, values, strict=True)
        ]
        selection = Selection(
            indices=detector.indices,
            time_field=detector.time_field,
            filter=parse_query({"bool": {"filter": terms}}),
        )
        data = self._source.time_range(selection)
        if data is None:
            raise InvalidRequest("Cannot find entity", field="entity")
        found = self._realtime.entity(detector_id, detector, values, wanted, last=data.last)
        if found is not None:
            return found
        # An entity is only known by its model of real time.
        return {"state": "UNKNOWN"} if EntityProfilePart.STATE in wanted else {}

    def _require(self, detector_id: str) -> Detector:
        stored = self._documents.get(self._names.detectors, detector_id)
        if stored is None:
            raise DetectorNotFound(detector_id)
        return Detector.restore(stored.source)

    def _task(self, task: Task) -> Document:
        """Return the profile of a task: an ended one has nothing but its document."""
        shown: Document = {"ad_task": {"task_id": task.id, **task.render()}}
        if task.state.ended:
            return shown
        running = {series.task_id: series for series in self._live.series(task.id)}
        if task.type is TaskType.HISTORICAL_HC_DETECTOR:
            return shown | self._entities(task, running)
        series = running.get(task.id)
        return {
            **shown,
            **({} if series is None else _model(task, series)),
            "node_id": _node(task),
            "detector_task_slots": 1,
        }

    def _entities(self, task: Task, running: dict[str, LiveSeries]) -> Document:
        children = self._tasks.children(task.id)
        waiting = [one for one in children if not (one.state.ended or one.id in running)]
        shown = [one for one in children if one.id in running]
        return {
            "node_id": _node(task),
            "task_id": task.id,
            "task_type": task.type.value,
            "detector_task_slots": min(self._entities_at_once, max(1, len(children))),
            "total_entities_count": len(children),
            "pending_entities_count": len(waiting),
            "running_entities_count": len(shown),
            "running_entities": [_entity_text(one) for one in shown],
            "entity_task_profiles": [
                {
                    **_model(one, running[one.id]),
                    "node_id": _node(one),
                    "entity": [dict(part) for part in one.entity or ()],
                    "task_id": one.id,
                    "task_type": one.type.value,
                }
                for one in shown
            ],
        }


def _model(task: Task, series: LiveSeries) -> Document:
    return {
        "shingle_size": task.detector["shingle_size"],
        "rcf_total_updates": series.updates,
        "threshold_model_trained": series.updates >= TRAINED_AFTER,
        # The threshold learns from each score at once, so that none is ever waiting for it.
        "threshold_model_training_data_size": 0,
        "model_size_in_bytes": series.model_size_in_bytes,
    }


def _node(task: Task) -> str:
    return task.worker_node or task.coordinating_node


def _entity_text(task: Task) -> str:
    """Return a single category's value, or the JSON text of several, as the document shows it."""
    parts = task.entity or ()
    if len(parts) == 1:
        return str(parts[0]["value"])
    return orjson.dumps([dict(part) for part in parts]).decode()
