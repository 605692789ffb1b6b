"""How much memory a detector will need, from its data and definition, before it is started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from anomalyd.engine.live_training import ANY_NUMBER, TRAINED_AFTER
from anomalyd.engine.plan import selection
from anomalyd.engine.window import align_down
from anomalyd.executor.base import ModelShape
from anomalyd.executor.memory import MemoryBreaker, ModelNeed, full_size
from anomalyd.model.detector import Detector
from anomalyd.query.parse import parse_filter
from anomalyd.schedule.clock import Clock
from anomalyd.source.base import Source


@dataclass(frozen=True, kw_only=True)
class MemoryNeed:
    """An estimate; all but ``entities`` in bytes.

    Attributes:
        entities: seen in the newest windows, as many as models begin with; 1 for a single series.
        model_size: of one model once it is full.
        needed: all models at that size. What the budget has no room for is packed or spilled.
        least: the models that always stay ready; a start is refused when there is no room for them.
        reserved: as much of the running detectors.
        room: that all detectors have for models that are ready.
    """

    entities: int
    model_size: int
    needed: int
    least: int
    reserved: int
    room: int

    @property
    def startable(self) -> bool:
        """Whether a start now would be accepted."""
        return self.reserved + self.least <= self.room


class MemoryEstimator:
    """Estimates needs. Thread-safe, changes nothing.

    Args:
        source: the data.
        breaker: what decides about starts.
        running: needs of the detectors that run.
        clock: what "now" is.
    """

    def __init__(
        self,
        *,
        source: Source,
        breaker: MemoryBreaker,
        running: Callable[[], Sequence[ModelNeed]],
        clock: Clock,
    ) -> None:
        self._source = source
        self._breaker = breaker
        self._running = running
        self._clock = clock

    def need(self, detector: Detector) -> MemoryNeed:
        """Return what a detector will need. Raises: the source's errors."""
        shape = ModelShape(
            features=max(1, len(detector.enabled_features)), shingle_size=detector.shingle_size
        )
        several = bool(detector.categories)
        entities = self._entities(detector) if several else 1
        return MemoryNeed(
            entities=entities,
            model_size=full_size(shape),
            needed=entities * full_size(shape),
            least=self._breaker.least(ModelNeed(shape, several)),
            reserved=sum(map(self._breaker.least, self._running())),
            room=self._breaker.room,
        )

    def _entities(self, detector: Detector) -> int:
        documents = selection(detector, parse_filter(detector.filter_query))
        data = self._source.time_range(documents)
        if data is None:
            return 0
        interval = detector.detection_interval.milliseconds
        windows = detector.options.history or TRAINED_AFTER + detector.shingle_size
        end = align_down(min(self._clock.now(), data.last), interval) + interval
        found = self._source.top_entities(
            documents, start=end - windows * interval, end=end, limit=ANY_NUMBER
        )
        return len(found)
