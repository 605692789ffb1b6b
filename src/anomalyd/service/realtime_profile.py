"""The real-time parts of profiles: what is measured of running detectors (behaviour §14)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from anomalyd.engine.live import LiveDetector
from anomalyd.engine.live_values import LiveModel
from anomalyd.engine.plan import selection
from anomalyd.model.detector import Detector
from anomalyd.model.entity import entity_document, model_id
from anomalyd.model.profile import EntityProfilePart, ProfilePart
from anomalyd.model.task import REALTIME, Task, TaskState
from anomalyd.query.parse import parse_filter
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.historical_progress import TRAINED_AFTER
from anomalyd.schedule.realtime import RealtimeDetection
from anomalyd.schedule.realtime_log import RealtimeLog
from anomalyd.schedule.realtime_progress import minutes_left
from anomalyd.schedule.task_log import TaskLog
from anomalyd.source.base import EntityValues, Source

Document = dict[str, Any]

MOST_ENTITIES = 10_000
"""As far as entities are counted, as the API document says."""
MOST_MODELS = 1_000
"""Models that are shown one by one; ``model_count`` counts all."""


class RealtimeProfiles:
    """Looks at running detectors. Thread-safe.

    Args:
        realtime: where the models are.
        log: jobs and states.
        tasks: the tasks of detectors.
        source: where entities are counted.
        clock: until when.
        node_id: of this process.
    """

    def __init__(
        self,
        *,
        realtime: RealtimeDetection,
        log: RealtimeLog,
        tasks: TaskLog,
        source: Source,
        clock: Clock,
        node_id: str,
    ) -> None:
        self._realtime = realtime
        self._log = log
        self._tasks = tasks
        self._source = source
        self._clock = clock
        self._node_id = node_id

    def detector(
        self, detector_id: str, detector: Detector, wanted: Collection[ProfilePart]
    ) -> Document | None:
        """Return the real-time parts in the documented order; None when it was never started."""
        job, task = self._log.job(detector_id), self._tasks.latest(detector_id, REALTIME)
        if job is None or task is None:
            return None
        live = self._realtime.live(detector_id) if job.enabled else None
        # A model that has learned nothing yet is not worth the name.
        models = () if live is None else tuple(one for one in live.models() if one.updates)
        parts = {
            ProfilePart.STATE: {"state": _state(task) if job.enabled else "DISABLED"},
            ProfilePart.ERROR: {"error": task.error or ""},
            ProfilePart.MODELS: self._models(detector_id, detector, models),
            ProfilePart.SHINGLE_SIZE: {"shingle_size": detector.shingle_size},
            ProfilePart.COORDINATING_NODE: {"coordinating_node": task.coordinating_node},
            ProfilePart.TOTAL_SIZE_IN_BYTES: {
                "total_size_in_bytes": sum(one.size for one in models)
            },
            ProfilePart.INIT_PROGRESS: {"init_progress": _progress(task, models, detector)},
        }
        # As recorded: what the models tell is shown of one series, once it has a model.
        hidden: set[ProfilePart] = set()
        if not models or detector.categories:
            hidden |= {ProfilePart.SHINGLE_SIZE, ProfilePart.COORDINATING_NODE}
        if not job.enabled:
            hidden |= {ProfilePart.INIT_PROGRESS}
        shown: Document = {}
        for part, document in parts.items():
            if part in wanted and part not in hidden:
                shown |= document
        if job.enabled and detector.categories:
            shown |= self._entities(detector, models, wanted)
        return shown | (self._ticks(detector_id, live) if ProfilePart.TICKS in wanted else {})

    def entity(
        self,
        detector_id: str,
        detector: Detector,
        values: EntityValues,
        wanted: Collection[EntityProfilePart],
        *,
        last: int,
    ) -> Document | None:
        """Return parts of an entity's profile; None when it has no model.

        Args:
            detector_id: which detector.
            detector: its definition.
            values: the entity.
            wanted: which parts.
            last: time of the entity's last document, epoch ms.
        """
        live = self._realtime.live(detector_id)
        model = None if live is None else live.model(values)
        if model is None:
            return None
        parts: Document = {}
        if EntityProfilePart.ENTITY_INFO in wanted:
            parts["is_active"] = True
            parts["last_active_timestamp"] = model.last_used
            parts["last_sample_timestamp"] = last
        if EntityProfilePart.INIT_PROGRESS in wanted:
            parts["init_progress"] = _learned(model.updates, detector)
        if EntityProfilePart.MODELS in wanted:
            shown = _model(detector_id, detector, model, self._node_id)
            parts["model"] = {key: shown[key] for key in shown if key != "entity"}
        if EntityProfilePart.STATE in wanted:
            parts["state"] = "RUNNING" if model.updates >= TRAINED_AFTER else "INIT"
        return parts

    def _models(
        self, detector_id: str, detector: Detector, models: Sequence[LiveModel]
    ) -> Document:
        shown = [_model(detector_id, detector, one, self._node_id) for one in models[:MOST_MODELS]]
        return {"models": shown} if shown else {}

    def _entities(
        self, detector: Detector, models: Sequence[LiveModel], wanted: Collection[ProfilePart]
    ) -> Document:
        parts: Document = {}
        if ProfilePart.TOTAL_ENTITIES in wanted:
            found = self._source.top_entities(
                selection(detector, parse_filter(detector.filter_query)),
                start=0,
                end=self._clock.now(),
                limit=MOST_ENTITIES,
            )
            parts["total_entities"] = len(found)
        if ProfilePart.ACTIVE_ENTITIES in wanted:
            parts["active_entities"] = len(models)
        if ProfilePart.MODELS in wanted and models:
            parts["model_count"] = len(models)
        return parts

    def _ticks(self, detector_id: str, live: LiveDetector | None) -> Document:
        held = self._log.state(detector_id)
        if held is None:
            return {}
        state = held.state
        return {
            "ticks": {
                "first_window": state.first_window,
                "position": state.position,
                "caught_up": state.caught_up,
                "dropped": state.dropped,
                "failures": state.failures,
                "lease_owner": state.owner,
                "lease_expires": state.lease_expires,
                "resident_models": 0 if live is None else live.resident,
            }
        }


def _state(task: Task) -> str:
    return "RUNNING" if task.state is TaskState.RUNNING else "INIT"


def _progress(task: Task, models: Sequence[LiveModel], detector: Detector) -> Document:
    """Return how far the model with the most is; the task knows when none is in memory."""
    noted = round(task.init_progress * TRAINED_AFTER)
    return _learned(max((one.updates for one in models), default=noted), detector)


def _learned(learned: int, detector: Detector) -> Document:
    done = int(100 * min(1.0, learned / TRAINED_AFTER))
    if done == 100:
        return {"percentage": "100%"}
    interval = detector.detection_interval.milliseconds
    return {
        "percentage": f"{done}%",
        "estimated_minutes_left": minutes_left(learned, interval),
        "needed_shingles": TRAINED_AFTER - learned,
    }


def _model(detector_id: str, detector: Detector, model: LiveModel, node_id: str) -> Document:
    categories = detector.categories
    shown: Document = {"model_id": model_id(detector_id, categories, model.entity)}
    if categories:
        shown["entity"] = entity_document(categories, model.entity)
    return shown | {"model_size_in_bytes": model.size, "node_id": node_id}
