"""Previews: what a detector would find in a range of the past. Nothing is stored."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomalyd.auth.identity import Identity
from anomalyd.engine.analysis import Analysis, ScoredRows
from anomalyd.engine.plan import AnalysisPlan, all_documents
from anomalyd.engine.preview import result_documents
from anomalyd.engine.window import WindowRange, clip
from anomalyd.errors import DetectorNotFound, IllegalArgument, InvalidRequest, Throttled
from anomalyd.executor.base import Executor
from anomalyd.model.detector import Detector
from anomalyd.model.detector_parse import DetectorRules, parse_detector
from anomalyd.model.index_names import IndexNames
from anomalyd.model.preview import PreviewRequest
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.historical_progress import TRAINED_AFTER
from anomalyd.service.detector_checks import DetectorChecks
from anomalyd.source.base import EntityValues, Source
from anomalyd.store.base import DocumentStore

Document = dict[str, Any]

# What a detector that is stored nowhere does not have.
_OF_STORED_DETECTORS = ("last_update_time", "user")


@dataclass(frozen=True, kw_only=True)
class PreviewLimits:
    """How much a preview may do.

    Attributes:
        windows: most windows of the range, each of which is analysed.
        entities: entities that are shown, those with the most documents.
        concurrent: previews at a time.
    """

    windows: int = 10_000
    entities: int = 5
    concurrent: int = 2


class PreviewService:
    """Use case of previews. Thread-safe.

    Args:
        source: the data.
        documents: where detectors are.
        executor: where the models live while a preview goes on.
        checks: tell what is wrong with a detector that gives nothing.
        rules: how detectors are read.
        names: the index of detectors.
        limits: how much a preview may do.
        clock: for reading detectors.
    """

    def __init__(
        self,
        *,
        source: Source,
        documents: DocumentStore,
        executor: Executor,
        checks: DetectorChecks,
        rules: DetectorRules,
        names: IndexNames,
        limits: PreviewLimits,
        clock: Clock,
    ) -> None:
        self._source = source
        self._documents = documents
        self._executor = executor
        self._checks = checks
        self._rules = rules
        self._names = names
        self._limits = limits
        self._clock = clock
        self._places = threading.BoundedSemaphore(limits.concurrent)

    def reconfigure(self, limits: PreviewLimits) -> None:
        """Use other limits from now on; previews that go on now count no more."""
        self._limits, self._places = limits, threading.BoundedSemaphore(limits.concurrent)

    def preview(
        self, body: Mapping[str, Any], *, caller: Identity, detector_id: str | None = None
    ) -> Document:
        """Analyse every window of a range as a historical run would, and show the results.

        Args:
            body: see ``PreviewRequest``.
            caller: in whose name.
            detector_id: from the path.

        Returns: ``{"anomaly_result": [...], "anomaly_detector": {...}}``.

        Raises:
            IllegalArgument: the body; a range with more windows than a preview may have, or with
                too few to train a model on.
            DetectorInvalid, DetectorRefused, ParsingError, IndexNotFound: the detector, as on
                creation.
            DetectorNotFound.
            Throttled: too many previews at a time.
        """
        request = PreviewRequest.parse(body, detector_id=detector_id)
        detector = self._detector(request, caller)
        if not detector.features:
            raise IllegalArgument("Can't preview detector without feature", field="detector")
        if not detector.enabled_features:
            raise IllegalArgument(
                "Can't preview detector without an enabled feature", field="detector"
            )
        places = self._places
        if not places.acquire(blocking=False):
            raise Throttled("Request throttled. Please try again later.")
        try:
            return self._preview(request, detector)
        finally:
            places.release()

    def _detector(self, request: PreviewRequest, caller: Identity) -> Detector:
        if request.detector is not None:
            return parse_detector(
                request.detector, rules=self._rules, user=caller.render(), now=self._clock.now()
            ).detector
        id = request.detector_id or ""
        stored = self._documents.get(self._names.detectors, id)
        if stored is None:
            raise DetectorNotFound(id, f"Can't find anomaly detector with id:{id}")
        return Detector.restore(stored.source)

    def _preview(self, request: PreviewRequest, detector: Detector) -> Document:
        self._checks.check_fields(detector)
        # Models are seeded by the detector's id: the preview of a changed detector shows what its
        # next historical run will find.
        plan = AnalysisPlan.of(request.detector_id or "", detector)
        windows = self._windows(request, plan)
        try:
            analysis, rows = self._analyse(plan, windows)
        except InvalidRequest:
            self._checks.check_features(detector)
            raise
        learned = int(analysis.updates().max(initial=0))
        if learned < TRAINED_AFTER:
            self._checks.check_features(detector)
            raise _too_short(f"{learned} with data, of {windows.count} in the range")
        stored = request.detector is None
        shown = detector.render()
        if not stored:
            for key in _OF_STORED_DETECTORS:
                del shown[key]
        return {
            "anomaly_result": result_documents(
                plan, analysis, rows, detector_id=request.detector_id if stored else None
            ),
            "anomaly_detector": shown,
        }

    def _windows(self, request: PreviewRequest, plan: AnalysisPlan) -> WindowRange:
        data = self._source.time_range(all_documents(plan.detector))
        windows = data and clip(
            request.start, request.end, first=data.first, last=data.last, interval=plan.interval
        )
        if not windows:
            raise _too_short("none: there is no data in the range")
        if windows.count < TRAINED_AFTER:
            raise _too_short(f"{windows.count} from its first to its last data")
        if windows.count > self._limits.windows:
            raise IllegalArgument(
                f"A preview covers at most {self._limits.windows} detection intervals, the range "
                f"has {windows.count}; choose a shorter range or a longer interval",
                field="period_end",
            )
        return windows

    def _analyse(self, plan: AnalysisPlan, windows: WindowRange) -> tuple[Analysis, ScoredRows]:
        analysis = Analysis(
            plan, self._entities(plan, windows), source=self._source, executor=self._executor
        )
        return analysis, analysis.step(windows)

    def _entities(self, plan: AnalysisPlan, windows: WindowRange) -> tuple[EntityValues, ...]:
        if not plan.detector.categories:
            return ((),)
        found = self._source.top_entities(
            plan.selection, start=windows.start, end=windows.end, limit=self._limits.entities
        )
        return tuple(entity.values for entity in found)


def _too_short(windows: str) -> IllegalArgument:
    return IllegalArgument(
        f"Not enough data to preview: a model needs {TRAINED_AFTER} detection intervals to train "
        f"on, the range has {windows}. Choose a longer range or a shorter interval",
        field="period_start",
    )
