"""Proposing interval, history and window delay from the data (behaviour §17, as 3.x offers it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from anomalyd.auth.identity import Identity
from anomalyd.engine.plan import all_documents, selection
from anomalyd.engine.window import align_down
from anomalyd.errors import IllegalArgument
from anomalyd.model.detector import Detector
from anomalyd.model.detector_parse import DetectorRules, parse_detector
from anomalyd.model.interval import Interval, TimeUnit
from anomalyd.query.parse import parse_filter
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.historical_progress import TRAINED_AFTER
from anomalyd.service.density import DENSE, FilledTime, filled_time, windows_to_look_at
from anomalyd.service.detector_checks import DetectorChecks
from anomalyd.service.memory import MemoryEstimator, MemoryNeed
from anomalyd.source.base import EntityValues, Source

MINUTE = TimeUnit.MINUTES.milliseconds
LADDER = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1_440, 2_880, 10_080, 43_200)
"""Intervals that people choose, in minutes."""
LONGEST_HISTORY = 10_000


class SuggestedParameter(Enum):
    """What can be proposed; the value is its name in paths."""

    INTERVAL = "detection_interval"
    HISTORY = "history"
    WINDOW_DELAY = "window_delay"
    MEMORY = "memory"

    @staticmethod
    def parse(types: str) -> frozenset[SuggestedParameter]:
        """Read comma-separated types; unknown ones among known ones do not count.

        Raises: IllegalArgument when none is known.
        """
        names = {name.strip() for name in types.split(",")}
        found = frozenset(each for each in SuggestedParameter if each.value in names)
        if not found:
            raise IllegalArgument("The given suggestion type doesn't exist", field="type")
        return found


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """What suits the data; None where nothing does, or nobody asked.

    Attributes:
        interval: the shortest of the usual ones at which most windows hold data.
        history: past windows to learn from.
        window_delay: how far the newest document is behind, in whole minutes.
        memory: what its models will need.
    """

    interval: Interval | None = None
    history: int | None = None
    window_delay: Interval | None = None
    memory: MemoryNeed | None = None


@dataclass(frozen=True)
class _Series:
    """When the series that decides had documents, in minutes, up to ``last`` (epoch ms)."""

    filled: FilledTime
    last: int

    def windows(self, interval: int) -> int:
        """Return how many windows there are from the first document on; ``interval`` in ms."""
        if not len(self.filled.starts):
            return 0
        first = int(self.filled.starts[0])
        return (align_down(self.last, interval) - align_down(first, interval)) // interval + 1

    def dense(self, interval: int) -> bool:
        """Tell whether most of the latest windows hold documents, and enough of them to train."""
        windows = min(windows_to_look_at(interval), self.windows(interval))
        return (
            windows >= TRAINED_AFTER
            and self.filled.rate(interval=interval, windows=windows, last=self.last) > DENSE
        )


class SuggestionService:
    """Looks at the data of a detector that need not exist. Thread-safe, changes nothing.

    Args:
        source: the data.
        rules: how detectors are read.
        checks: of the fields that the data must have.
        memory: estimates what models need.
        clock: what "now" is.
    """

    def __init__(
        self,
        *,
        source: Source,
        rules: DetectorRules,
        checks: DetectorChecks,
        memory: MemoryEstimator,
        clock: Clock,
    ) -> None:
        self._source = source
        self._rules = rules
        self._checks = checks
        self._memory = memory
        self._clock = clock

    def suggest(
        self,
        document: Mapping[str, Any],
        parameters: frozenset[SuggestedParameter],
        *,
        caller: Identity,
    ) -> Suggestions:
        """Propose settings for a detector; with category fields, for its busiest entity.

        Args:
            document: the detector as far as it is known.
            parameters: what to propose. ``history`` goes by the proposed interval when that is
                asked for too, else by the detector's own.
            caller: who asks.

        Raises:
            DetectorInvalid, DetectorRefused, IllegalArgument, ParsingError: as creating it, but
                for what only matters to a stored detector.
            IndexNotFound: one of its indices is not there.
        """
        now = self._clock.now()
        detector = parse_detector(
            document, rules=self._rules, user=caller.render(), now=now
        ).detector
        self._checks.check_fields(detector)
        data = self._source.time_range(all_documents(detector))
        if data is None:
            return Suggestions()
        last = min(now, data.last)
        interval = history = delay = None
        if parameters & {SuggestedParameter.INTERVAL, SuggestedParameter.HISTORY}:
            series = _Series(self._filled(detector, data.first, last), last)
            if SuggestedParameter.INTERVAL in parameters:
                interval = _interval(series)
            if SuggestedParameter.HISTORY in parameters:
                history = _history(series, interval or detector.detection_interval, detector)
        if SuggestedParameter.WINDOW_DELAY in parameters:
            delay = Interval(-(-(now - last) // MINUTE))
        wanted = SuggestedParameter.MEMORY in parameters
        memory = self._memory.need(detector) if wanted else None
        return Suggestions(interval=interval, history=history, window_delay=delay, memory=memory)

    def _filled(self, detector: Detector, first: int, last: int) -> FilledTime:
        """Read the minutes that have documents which the detector, or one entity of it, sees."""
        documents = selection(detector, parse_filter(detector.filter_query))
        entity: EntityValues | None = None
        if detector.categories:
            top = self._source.top_entities(documents, start=first, end=last + 1, limit=1)
            # Of no entity there are no documents either.
            entity = top[0].values if top else ("",) * len(detector.categories)
        return filled_time(
            self._source, documents, start=first, last=last, unit=MINUTE, entity=entity
        )


def _interval(series: _Series) -> Interval | None:
    return next((Interval(each) for each in LADDER if series.dense(each * MINUTE)), None)


def _history(series: _Series, interval: Interval, detector: Detector) -> int | None:
    """Return all past windows there are, when they suffice to train with full shingles."""
    windows = min(series.windows(interval.milliseconds), LONGEST_HISTORY)
    return windows if windows >= TRAINED_AFTER + detector.shingle_size else None
