"""What running detectors work with, and the settings of real time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anomalyd.engine.influencers import InfluencerRecorder
from anomalyd.engine.live import LiveDetector
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.executor.memory import MemoryBreaker
from anomalyd.metrics import Metrics
from anomalyd.model.index_names import IndexNames
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.counters import NodeCounters
from anomalyd.schedule.late import LateTools
from anomalyd.schedule.realtime_log import RealtimeLog
from anomalyd.schedule.task_log import TaskLog
from anomalyd.store.base import ResultStore
from anomalyd.store.models import CheckpointStore


@dataclass(frozen=True, kw_only=True)
class RealtimeLimits:
    """Settings of real time.

    Attributes:
        backlog_windows: most windows that are caught up with; older ones are dropped.
        piece_windows: windows that are recorded at once when there are many, at most.
        piece_rows: windows times series that are read at once, if windows allow it.
        lease_seconds: how long a lease lasts beyond the interval, at least.
        retries: how often a source that cannot be read is asked again within a tick.
        first_wait: seconds before the first of these; doubled each time.
        failures: ticks in a row that may fail; one more stops the detector.
    """

    backlog_windows: int = 1_000
    piece_windows: int = 100
    piece_rows: int = 200_000
    lease_seconds: int = 60
    retries: int = 3
    first_wait: float = 1.0
    failures: int = 6

    def at_once(self, series: int) -> int:
        """Return how many windows of a detector with so many series are recorded at once."""
        return max(1, min(self.piece_windows, self.piece_rows // max(1, series)))


@dataclass(frozen=True, kw_only=True)
class RealtimeTools:
    """What every running detector works with.

    Attributes:
        open: makes the models' place of a plan.
        checkpoints: where models are written down.
        late: for documents that come late.
        breaker: refuses a start that memory has no room for.
        owner: this node, in leases.
    """

    open: Callable[[AnalysisPlan], LiveDetector]
    checkpoints: CheckpointStore
    results: ResultStore
    tasks: TaskLog
    log: RealtimeLog
    influencers: InfluencerRecorder
    late: LateTools
    breaker: MemoryBreaker
    names: IndexNames
    clock: Clock
    counters: NodeCounters
    metrics: Metrics
    owner: str
    limits: RealtimeLimits = RealtimeLimits()


class TooManyFailuresError(Exception):
    """The detector must be stopped; the text is the task's error."""
