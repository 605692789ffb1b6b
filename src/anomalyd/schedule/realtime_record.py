"""What the ticks of one detector write and count."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anomalyd.engine.influencers import JobRun
from anomalyd.engine.live import LiveDetector
from anomalyd.engine.live_values import LiveRows
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.results import error_batch, result_batch
from anomalyd.engine.window import WindowRange
from anomalyd.errors import VersionConflict
from anomalyd.executor.base import Int64s
from anomalyd.model.realtime import RealtimeState
from anomalyd.model.task import Task
from anomalyd.schedule.influencer_failures import failures_logged
from anomalyd.schedule.noted import forget_noted, within
from anomalyd.schedule.realtime_log import HeldState
from anomalyd.schedule.realtime_progress import failed
from anomalyd.schedule.realtime_tools import RealtimeTools
from anomalyd.schedule.ticks import Timetable
from anomalyd.source.base import Marks, WindowQuery
from anomalyd.store.base import DocumentWrite, ResultBatch

NO_DATA = "No data in current detection window"


@dataclass(frozen=True)
class Tick:
    """Windows that a detector is due for.

    Attributes:
        live: its models.
        held: its state.
        windows: at least one.
        dropped: older windows that are given up.
        caught_up: windows among these that were due before.
    """

    live: LiveDetector
    held: HeldState
    windows: WindowRange
    dropped: int = 0
    caught_up: int = 0

    @property
    def query(self) -> WindowQuery:
        """What the source is asked."""
        return self.live.query(self.windows)

    def marked(self, marks: Marks | None) -> Tick:
        """Return the tick with a state that says how far the source had been written."""
        state = dataclasses.replace(self.held.state, marks=marks)
        return dataclasses.replace(self, held=HeldState(state, self.held.seq_no))


@dataclass(frozen=True)
class ScoredTick:
    """A tick that is to be written: results, the next state, and all documents with them."""

    tick: Tick
    batch: ResultBatch
    state: RealtimeState
    documents: Sequence[DocumentWrite]
    rows: int


@dataclass(frozen=True)
class TickRecords:
    """Makes the batches of one detector."""

    plan: AnalysisPlan
    timetable: Timetable

    def batch(self, rows: LiveRows, begun: int, tools: RealtimeTools) -> ResultBatch:
        """Return the results of scored rows; ``begun`` is when work on them began, epoch ms."""
        return result_batch(
            self.plan,
            rows.entities,
            rows.rows,
            index=self._index(begun, tools),
            task_id=None,
            execution_start=begun,
            execution_end=tools.clock.now(),
        )

    def errors(self, windows: Int64s, error: str, begun: int, tools: RealtimeTools) -> ResultBatch:
        """Return the results of windows that have none: an error in place of scores."""
        return error_batch(
            self.plan,
            windows,
            [error] * len(windows),
            index=self._index(begun, tools),
            execution_start=begun,
            execution_end=tools.clock.now(),
        )

    def job(self, tools: RealtimeTools) -> JobRun:
        """Return the run whose influencers are computed."""
        return JobRun(
            detector_id=self.plan.detector_id,
            detector=self.plan.detector,
            task_id=None,
            indices=(tools.names.results_from(self.plan.detector.result_index),),
        )

    def count(self, done: ScoredTick, *, now: int, tools: RealtimeTools) -> None:
        """Count a tick whose results are stored."""
        windows, hc = done.tick.windows, bool(self.plan.detector.categories)
        tools.counters.executed(hc=hc, windows=windows.count)
        for _ in range(done.tick.caught_up):
            tools.metrics.ticked("caught_up")
        lag = (now - self.timetable.due(windows.end)) / 1_000
        outcome = "scored" if done.rows else "empty"
        tools.metrics.ticked(outcome, lag=max(0.0, lag), rows=done.rows)

    def next_state(self, tick: Tick, tools: RealtimeTools) -> RealtimeState:
        """Return the state after everything up to the end of a tick was worked on."""
        now, state, position = tools.clock.now(), tick.held.state, tick.windows.end
        return dataclasses.replace(
            state,
            position=position,
            lease_expires=self.lease_end(tools),
            caught_up=state.caught_up + tick.caught_up,
            dropped=state.dropped + tick.dropped,
            failures=0,
            noted=state.noted and position < self.timetable.last_due(now),
            timestamp=now,
        )

    def lease_end(self, tools: RealtimeTools) -> int:
        """Return until when a lease lasts that is taken or renewed now, epoch ms."""
        least = tools.limits.lease_seconds * 1_000
        return tools.clock.now() + max(2 * self.plan.interval, least)

    def failed(
        self, held: HeldState, task: Task | None, reason: str, failures: int, tools: RealtimeTools
    ) -> None:
        """Count a failed tick and write it down where it is looked for: result, task and state.

        The position stays, so the window gets its real result once it can be read. Nothing is
        written when somebody else has the lease by now.
        """
        now = tools.clock.now()
        tools.counters.executed(hc=bool(self.plan.detector.categories), failed=True)
        tools.metrics.ticked("failed")
        state = dataclasses.replace(
            held.state,
            failures=failures,
            noted=True,
            lease_expires=self.lease_end(tools),
            timestamp=now,
        )
        writes = [tools.log.state_write(state, after=held)]
        if task is not None:
            writes += tools.tasks.writes([failed(task, reason, now=now)])
        newest = self.timetable.last_due(now) - self.plan.interval
        rows = np.array([newest] if newest >= held.state.position else [], dtype=np.int64)
        with contextlib.suppress(VersionConflict):
            tools.results.record(self.errors(rows, reason, now, tools), writes)

    def forget_errors(self, windows: WindowRange, tools: RealtimeTools) -> None:
        """Delete what was written of failures in windows that get their real results now."""
        forget_noted(
            self.plan,
            within(windows),
            results=tools.results,
            names=tools.names,
            now=tools.clock.now(),
        )

    def find_influencers(self, windows: WindowRange, tools: RealtimeTools) -> None:
        """Compute who is to blame; what is missed now is caught up with by the next tick."""
        with failures_logged(self.plan.detector_id):
            tools.influencers.recorded(self.job(tools), windows)

    def _index(self, now: int, tools: RealtimeTools) -> str:
        return tools.names.results_into(self.plan.detector.result_index, now)
