"""One running detector: its windows, from the moment they are due to their stored results.

A tick fetches the windows that are due, scores them and records their results in ONE transaction
with the detector's state, so that whatever moment a crash comes at, results and position agree.
What fails changes nothing: the models are brought back to the position of the last record, and
the windows are tried again with the next tick, so that a source that was away leaves no gap.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Sequence

import numpy as np

from anomalyd.engine.analysis import StoppedEarlyError
from anomalyd.engine.influencers import JobRun
from anomalyd.engine.live import LiveDetector
from anomalyd.engine.live_values import ColdStart, LiveRows, empty_windows
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.results import error_batch, result_batch
from anomalyd.engine.window import WindowRange
from anomalyd.errors import AnomalydError, SourceUnavailable, VersionConflict
from anomalyd.executor.base import Int64s
from anomalyd.model.detector import Detector
from anomalyd.model.realtime import fingerprint
from anomalyd.model.task import REALTIME, Task
from anomalyd.schedule.late import look_again
from anomalyd.schedule.noted import forget_noted, within
from anomalyd.schedule.realtime_interim import write_interim
from anomalyd.schedule.realtime_log import HeldState
from anomalyd.schedule.realtime_progress import Progress, after_cold_start, after_tick, failed
from anomalyd.schedule.realtime_tools import RealtimeTools, TooManyFailuresError
from anomalyd.schedule.scheduler import JobControl
from anomalyd.schedule.ticks import Timetable
from anomalyd.store.base import DocumentWrite, ResultBatch

logger = logging.getLogger(__name__)

NO_DATA = "No data in current detection window"
DEFECT = "the tick failed because of an internal error; the log of the service has it"


class RunningDetector:
    """A started detector. ``step`` is called by one thread at a time, the rest by any.

    Args:
        detector_id: which detector.
        detector: its definition, which cannot change while it runs.
        tools: what to work with.
    """

    def __init__(self, detector_id: str, detector: Detector, tools: RealtimeTools) -> None:
        self.detector_id = detector_id
        self.plan = AnalysisPlan.of(detector_id, detector)
        self.timetable = Timetable.of(
            detector_id,
            interval=self.plan.interval,
            delay=detector.window_delay.milliseconds,
        )
        self.next_at = tools.clock.now()
        self._tools = tools
        self._fingerprint = fingerprint(detector)
        self._live: LiveDetector | None = None
        self._working = threading.Lock()
        self._progress = Progress()
        self._retried = 0
        self._ended = False

    @property
    def live(self) -> LiveDetector | None:
        """The models, to be looked at; None while they are not in memory."""
        return self._live

    def reconfigure(self, tools: RealtimeTools) -> None:
        """Use other tools from the next step on."""
        self._tools = tools

    def step(self, control: JobControl) -> None:
        """Work on everything that is due and settle when to look next.

        Raises:
            TooManyFailuresError: the documented rule about failures in a row.
        """
        with self._working:
            if self._ended:
                return
            try:
                self._step(control)
            except StoppedEarlyError:
                self._abandon()

    def quiesce(self) -> None:
        """Wait for the tick that is under way, and begin no other."""
        with self._working:
            self._ended = True

    def close(self, *, forget: bool) -> None:
        """Let go of the models; ``forget`` deletes what is kept of them, else it is saved."""
        with self._working:
            live, self._live = self._live, None
            if live is not None and not forget:
                live.checkpoint(everything=True)
            if live is None and forget:
                live = self._tools.open(self.plan)
            if live is not None:
                live.close(forget=forget)
            self._tools.influencers.stopped(self.detector_id)
            if forget:
                self._tools.log.forget(self.detector_id)

    def interim(self, *, write: bool) -> int | None:
        """See ``RealtimeDetection.interim``."""
        with self._working:
            held = self._tools.log.state(self.detector_id)
            if self._ended or held is None:
                return None
            if write and self._live is not None:
                write_interim(self._live, self._job(), self._tools, position=held.state.position)
            return held.state.position

    def _step(self, control: JobControl) -> None:
        tools, limits = self._tools, self._tools.limits
        held = tools.log.state(self.detector_id)
        if held is None:
            self._abandon()
            self.next_at = tools.clock.now() + self.plan.interval
            return
        if held.state.held_by_other(tools.owner, tools.clock.now()):
            self._abandon()
            self.next_at = held.state.lease_expires
            return
        if held.state.owner != tools.owner:
            held = tools.log.take_over(held, tools.owner, until=self._lease_end())
        try:
            position = self._work(held, control)
        except VersionConflict:
            # Somebody else has the lease, or the detector was stopped; the next look tells.
            self._abandon()
            self.next_at = tools.clock.now() + limits.lease_seconds * 1_000
        except SourceUnavailable as problem:
            self._retry(held, problem, control)
        except AnomalydError as problem:
            self._fail(held, problem.reason)
        except StoppedEarlyError:
            raise
        except Exception:
            logger.exception("tick failed", extra={"detector_id": self.detector_id})
            self._fail(held, DEFECT)
        else:
            self._retried = 0
            self.next_at = self.timetable.due(position + self.plan.interval)

    def _work(self, held: HeldState, control: JobControl) -> int:
        """Bring the models about and record everything that is due; return the position."""
        tools = self._tools
        live = self._live or self._opened(held)
        state = look_again(self.plan, self._job(), live, held.state, tools.late, control.stopping)
        held = HeldState(state, held.seq_no)
        position = held.state.position
        backlog = self.timetable.backlog(
            position, tools.clock.now(), most=tools.limits.backlog_windows
        )
        for _ in range(backlog.dropped):
            tools.metrics.ticked("dropped")
        dropped, missed = backlog.dropped, backlog.missed
        for piece in backlog.windows.pieces(tools.limits.piece_windows):
            late = min(missed, piece.count)
            self._record(live, piece, held, control, dropped=dropped, caught_up=late)
            position, dropped, missed = piece.end, 0, missed - late
            renewed = tools.log.state(self.detector_id)
            if renewed is None:
                raise StoppedEarlyError
            held = renewed
        return position

    def _opened(self, held: HeldState) -> LiveDetector:
        """Return the models as they were at the state's position."""
        state = held.state
        live = self._tools.open(self.plan)
        if state.position == state.first_window:
            self._cold_started(live.cold_start(state.first_window))
        else:
            live.recover(state.position)
        self._live = live
        return live

    def _cold_started(self, start: ColdStart) -> None:
        self._progress = Progress(
            learned=start.learned, windows=start.windows, empty=tuple(start.empty[:3])
        )
        task = self._task()
        if task is not None:
            now = self._tools.clock.now()
            self._tools.tasks.put(
                [after_cold_start(task, self._progress, interval=self.plan.interval, now=now)]
            )

    def _record(
        self,
        live: LiveDetector,
        windows: WindowRange,
        held: HeldState,
        control: JobControl,
        *,
        dropped: int,
        caught_up: int,
    ) -> None:
        """Score windows and record them with the state, in as many transactions as chunks.

        Only the last transaction moves the position; after a crash in between the chunks before
        it are written again, over themselves.
        """
        tools = self._tools
        begun = tools.clock.now()
        if held.state.noted:
            # real results come in the place of what says why there are none
            noted = within(windows)
            forget_noted(self.plan, noted, results=tools.results, names=tools.names, now=begun)
        waiting: ResultBatch | None = None
        seen: list[Int64s] = []
        count = 0
        for rows in live.tick(windows, control.stopping):
            if waiting is not None:
                tools.results.record(waiting)
            waiting = self._batch(rows, begun)
            tools.influencers.shared(self._job(), rows.shares)
            seen.append(np.unique(rows.rows.window_start))
            count += len(rows.rows)
        empty = empty_windows(windows, seen)
        if len(empty):
            if waiting is not None:
                tools.results.record(waiting)
            waiting = self._errors(empty, NO_DATA, begun)
        assert waiting is not None
        now = tools.clock.now()
        error = NO_DATA if windows.end - windows.interval in empty else ""
        tools.results.record(
            waiting, self._documents(held, windows.end, live, error, dropped, caught_up)
        )
        live.committed(windows.end)
        live.checkpoint()
        self._count(windows, empty=len(empty), rows=count, caught_up=caught_up, now=now)
        self._find_influencers(windows)

    def _find_influencers(self, windows: WindowRange) -> None:
        """Compute who is to blame; what is missed now is caught up with by the next tick."""
        try:
            self._tools.influencers.recorded(self._job(), windows)
        except Exception:
            # Detection must not stop because of what is computed from its results.
            logger.exception("influencers failed", extra={"detector_id": self.detector_id})

    def _documents(
        self,
        held: HeldState,
        position: int,
        live: LiveDetector,
        error: str,
        dropped: int,
        caught_up: int,
    ) -> Sequence[DocumentWrite]:
        """Return the new state, and the task where it says anything new."""
        tools, now = self._tools, self._tools.clock.now()
        state = dataclasses.replace(
            held.state,
            position=position,
            lease_expires=self._lease_end(),
            caught_up=held.state.caught_up + caught_up,
            dropped=held.state.dropped + dropped,
            failures=0,
            noted=held.state.noted and position < self.timetable.last_due(now),
            timestamp=now,
        )
        writes = [tools.log.state_write(state, after=held)]
        task = self._task()
        if task is not None:
            learned = live.most_updates()
            changed = after_tick(
                task, self._progress, learned=learned, error=error, interval=self.plan.interval
            )
            if changed != task:
                writes += tools.tasks.writes([dataclasses.replace(changed, last_update_time=now)])
        return writes

    def _retry(self, held: HeldState, problem: SourceUnavailable, control: JobControl) -> None:
        """Ask again soon; after the last time, say so and wait for the next window.

        A source that cannot be read is not the detector's fault, so this never stops it.
        """
        limits, clock = self._tools.limits, self._tools.clock
        self._abandon()
        if self._retried < limits.retries:
            self.next_at = clock.now() + round(limits.first_wait * 1_000 * 2**self._retried)
            self._retried += 1
            return
        self._retried = 0
        self._note_failure(held, problem.reason, failures=held.state.failures)
        self.next_at = self.timetable.due(self.timetable.last_due(clock.now()) + self.plan.interval)

    def _fail(self, held: HeldState, reason: str) -> None:
        limits, clock = self._tools.limits, self._tools.clock
        self._abandon()
        failures = held.state.failures + 1
        self._note_failure(held, reason, failures=failures)
        if failures > limits.failures:
            raise TooManyFailuresError(
                "Stopped detector as job failed consecutively for more than "
                f"{limits.failures} times: {reason}"
            )
        self.next_at = self.timetable.due(self.timetable.last_due(clock.now()) + self.plan.interval)

    def _note_failure(self, held: HeldState, reason: str, *, failures: int) -> None:
        """Write the error down where it is looked for: result, task and state.

        The position stays, so the window gets its real result once it can be read.
        """
        tools, now = self._tools, self._tools.clock.now()
        tools.counters.executed(hc=bool(self.plan.detector.categories), failed=True)
        tools.metrics.ticked("failed")
        newest = self.timetable.last_due(now) - self.plan.interval
        state = dataclasses.replace(
            held.state,
            failures=failures,
            noted=True,
            lease_expires=self._lease_end(),
            timestamp=now,
        )
        writes = [tools.log.state_write(state, after=held)]
        task = self._task()
        if task is not None:
            writes += tools.tasks.writes([failed(task, reason, now=now)])
        rows = np.array([newest] if newest >= held.state.position else [], dtype=np.int64)
        try:
            tools.results.record(self._errors(rows, reason, now), writes)
        except VersionConflict:
            return

    def _batch(self, rows: LiveRows, begun: int) -> ResultBatch:
        return result_batch(
            self.plan,
            rows.entities,
            rows.rows,
            index=self._index(begun),
            task_id=None,
            execution_start=begun,
            execution_end=self._tools.clock.now(),
        )

    def _errors(self, windows: Int64s, error: str, begun: int) -> ResultBatch:
        return error_batch(
            self.plan,
            windows,
            [error] * len(windows),
            index=self._index(begun),
            execution_start=begun,
            execution_end=self._tools.clock.now(),
        )

    def _index(self, now: int) -> str:
        return self.plan.detector.result_index or self._tools.names.results_of(now)

    def _job(self) -> JobRun:
        return JobRun(
            detector_id=self.detector_id,
            detector=self.plan.detector,
            task_id=None,
            indices=(self.plan.detector.result_index or self._tools.names.results,),
        )

    def _count(
        self, windows: WindowRange, *, empty: int, rows: int, caught_up: int, now: int
    ) -> None:
        tools = self._tools
        tools.counters.executed(hc=bool(self.plan.detector.categories), windows=windows.count)
        for _ in range(caught_up):
            tools.metrics.ticked("caught_up")
        lag = (now - self.timetable.due(windows.end)) / 1_000
        tools.metrics.ticked("scored" if rows else "empty", lag=max(0.0, lag), rows=rows)

    def _task(self) -> Task | None:
        task = self._tools.tasks.latest(self.detector_id, REALTIME)
        return None if task is None or task.state.ended else task

    def _lease_end(self) -> int:
        limits = self._tools.limits
        return self._tools.clock.now() + max(2 * self.plan.interval, limits.lease_seconds * 1_000)

    def _abandon(self) -> None:
        """Forget models that may be ahead of the records; they are brought back from these."""
        live, self._live = self._live, None
        if live is not None:
            live.close(forget=False)
