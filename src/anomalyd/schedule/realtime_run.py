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
from anomalyd.engine.live_values import ColdStart, empty_windows
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.window import WindowRange
from anomalyd.errors import AnomalydError, SourceUnavailable, VersionConflict
from anomalyd.executor.base import Int64s
from anomalyd.model.detector import Detector
from anomalyd.model.realtime import RealtimeState, fingerprint
from anomalyd.model.task import REALTIME, Task
from anomalyd.schedule.late import look_again
from anomalyd.schedule.realtime_interim import write_interim
from anomalyd.schedule.realtime_log import HeldState
from anomalyd.schedule.realtime_progress import Progress, after_cold_start, after_tick
from anomalyd.schedule.realtime_record import NO_DATA, ScoredTick, Tick, TickRecords
from anomalyd.schedule.realtime_tools import RealtimeTools, TooManyFailuresError
from anomalyd.schedule.scheduler import JobControl
from anomalyd.schedule.ticks import Timetable
from anomalyd.source.base import FeatureRows
from anomalyd.store.base import DocumentWrite, ResultBatch

logger = logging.getLogger(__name__)

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
        self._records = TickRecords(self.plan, self.timetable)
        self._tools = tools
        self._fingerprint = fingerprint(detector)
        self._live: LiveDetector | None = None
        self._held: HeldState | None = None
        self._known: Task | None = None
        self._behind: WindowRange | None = None
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
            # another thread may have done it while this one waited for the lock
            if self._ended or self.next_at > self._tools.clock.now():
                return
            try:
                self._step(control)
            except StoppedEarlyError:
                self.abandon()

    @property
    def usual(self) -> bool:
        """Whether the next tick may be one of many that are worked on together; a guess."""
        return (
            not self.plan.detector.categories
            and self._live is not None
            and self._held is not None
            and not self._held.state.noted
        )

    @property
    def behind(self) -> bool:
        """Whether windows are recorded whose influencers are still to be computed."""
        return self._behind is not None

    @property
    def busy(self) -> bool:
        """Whether somebody works on the detector; a guess."""
        return self._working.locked()

    def plain_tick(self) -> Tick | None:
        """Return the window that is due, where there is nothing else to do, and lock the detector.

        ``release`` must follow, unless None is returned. In between come ``scored`` and
        ``recorded``, or ``abandon``; nothing is done before.
        """
        self._working.acquire()
        live, held = self._live, self._held
        if not self._ended and self.usual and live is not None and held is not None:
            now, most = self._tools.clock.now(), self._tools.limits.backlog_windows
            backlog = self.timetable.backlog(held.state.position, now, most=most)
            if backlog.windows.count == 1 and not backlog.dropped:
                return Tick(live, held, backlog.windows)
        self._working.release()
        return None

    def release(self) -> None:
        """Unlock the detector."""
        self._working.release()

    def scored(
        self, tick: Tick, begun: int, control: JobControl, found: FeatureRows | None = None
    ) -> ScoredTick:
        """Score windows and return what is to be written; ``recorded`` or ``abandon`` must follow.

        Of many rows all but the last chunk are written here. Only the last one moves the position;
        after a crash in between the chunks before it are written again, over themselves.

        Args:
            tick: what is due.
            begun: when work on it began, epoch ms.
            control: looked at now and then.
            found: what the source answered, where it was asked already.

        Raises: StoppedEarlyError; the source's errors.
        """
        tools, windows = self._tools, tick.windows
        if tick.held.state.noted:
            self._records.forget_errors(windows, tools)
        waiting: ResultBatch | None = None
        seen: list[Int64s] = []
        count = 0
        for rows in tick.live.tick(windows, control.stopping, found):
            if waiting is not None:
                tools.results.record(waiting)
            waiting = self._records.batch(rows, begun, tools)
            tools.influencers.shared(self._records.job(tools), rows.shares)
            seen.append(np.unique(rows.rows.window_start))
            count += len(rows.rows)
        empty = empty_windows(windows, seen)
        if len(empty):
            if waiting is not None:
                tools.results.record(waiting)
            waiting = self._records.errors(empty, NO_DATA, begun, tools)
        assert waiting is not None
        error = NO_DATA if windows.end - windows.interval in empty else ""
        state = self._records.next_state(tick, tools)
        documents = self._documents(state, tick.held, tick.live, error)
        return ScoredTick(tick, waiting, state, documents, rows=count)

    def recorded(self, done: ScoredTick, seq_no: int) -> None:
        """Go on after a tick was written, with the sequence number of its state."""
        tick, now = done.tick, self._tools.clock.now()
        self._held = HeldState(done.state, seq_no)
        tick.live.committed(tick.windows.end)
        tick.live.checkpoint()
        self._records.count(done, now=now, tools=self._tools)
        self._behind = tick.windows
        self._settled(tick.windows.end)

    def _settled(self, position: int) -> None:
        self._retried = 0
        self.next_at = self.timetable.due(position + self.plan.interval)

    def abandon(self) -> None:
        """Forget models that may be ahead of the records; they are brought back from these."""
        live, self._live = self._live, None
        self._held = self._known = None
        if live is not None:
            live.close(forget=False)

    def begin_influencers(self) -> tuple[JobRun, WindowRange] | None:
        """Return windows that were recorded with others and the run, and lock the detector.

        ``release`` must follow, unless None is returned: nothing waits, or somebody works on it.
        """
        # whoever holds the locks of several detectors must not wait for one more
        if not self._working.acquire(blocking=False):
            return None
        if self._ended or self._behind is None:
            self._working.release()
            return None
        windows, self._behind = self._behind, None
        return self._records.job(self._tools), windows

    def find_influencers(self, windows: WindowRange) -> None:
        """Compute the influencers of windows that ``begin_influencers`` returned."""
        self._records.find_influencers(windows, self._tools)

    def _influencers_of_those_behind(self) -> None:
        windows, self._behind = self._behind, None
        if windows is not None:
            self._records.find_influencers(windows, self._tools)

    def quiesce(self) -> None:
        """Wait for the tick that is under way, and begin no other."""
        with self._working:
            self._ended = True

    def close(self, *, forget: bool) -> None:
        """Let go of the models; ``forget`` deletes what is kept of them, else it is saved."""
        with self._working:
            self._influencers_of_those_behind()
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
                self._influencers_of_those_behind()
                job, position = self._records.job(self._tools), held.state.position
                write_interim(self._live, job, self._tools, position=position)
            return held.state.position

    def _step(self, control: JobControl) -> None:
        tools, limits = self._tools, self._tools.limits
        self._influencers_of_those_behind()
        held = tools.log.state(self.detector_id)
        self._held = self._known = None
        if held is None:
            self.abandon()
            self.next_at = tools.clock.now() + self.plan.interval
            return
        if held.state.held_by_other(tools.owner, tools.clock.now()):
            self.abandon()
            self.next_at = held.state.lease_expires
            return
        if held.state.owner != tools.owner:
            held = tools.log.take_over(held, tools.owner, until=self._records.lease_end(tools))
        try:
            position = self._work(held, control)
        except VersionConflict:
            # Somebody else has the lease, or the detector was stopped; the next look tells.
            self.abandon()
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
            self._settled(position)

    def _work(self, held: HeldState, control: JobControl) -> int:
        """Bring the models about and record everything that is due; return the position."""
        tools = self._tools
        live = self._live or self._opened(held)
        job = self._records.job(tools)
        state = look_again(self.plan, job, live, held.state, tools.late, control.stopping)
        held = HeldState(state, held.seq_no)
        position = held.state.position
        backlog = self.timetable.backlog(
            position, tools.clock.now(), most=tools.limits.backlog_windows
        )
        for _ in range(backlog.dropped):
            tools.metrics.ticked("dropped")
        dropped, missed = backlog.dropped, backlog.missed
        for piece in backlog.windows.pieces(tools.limits.at_once(live.count)):
            late = min(missed, piece.count)
            tick = Tick(live, held, piece, dropped=dropped, caught_up=late)
            record_ticks([(self, self.scored(tick, tools.clock.now(), control))], tools)
            self._influencers_of_those_behind()
            position, dropped, missed = piece.end, 0, missed - late
            assert self._held is not None
            # until all is done no group may wait for this detector
            held, self._held = self._held, None
        self._held = held
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
            self._known = after_cold_start(
                task, self._progress, interval=self.plan.interval, now=now
            )
            self._tools.tasks.put([self._known])

    def _documents(
        self, state: RealtimeState, held: HeldState, live: LiveDetector, error: str
    ) -> Sequence[DocumentWrite]:
        """Return the new state, and the task where it says anything new."""
        tools = self._tools
        writes = [tools.log.state_write(state, after=held)]
        task = self._task()
        if task is not None:
            learned = live.most_updates()
            changed = after_tick(
                task, self._progress, learned=learned, error=error, interval=self.plan.interval
            )
            if changed != task:
                self._known = dataclasses.replace(changed, last_update_time=state.timestamp)
                writes += tools.tasks.writes([self._known])
        return writes

    def _retry(self, held: HeldState, problem: SourceUnavailable, control: JobControl) -> None:
        """Ask again soon; after the last time, say so and wait for the next window.

        A source that cannot be read is not the detector's fault, so this never stops it.
        """
        limits, clock = self._tools.limits, self._tools.clock
        self.abandon()
        if self._retried < limits.retries:
            self.next_at = clock.now() + round(limits.first_wait * 1_000 * 2**self._retried)
            self._retried += 1
            return
        self._records.failed(held, self._task(), problem.reason, held.state.failures, self._tools)
        self._settled(self.timetable.last_due(clock.now()))

    def _fail(self, held: HeldState, reason: str) -> None:
        limits, clock = self._tools.limits, self._tools.clock
        self.abandon()
        failures = held.state.failures + 1
        self._records.failed(held, self._task(), reason, failures, self._tools)
        if failures > limits.failures:
            raise TooManyFailuresError(
                "Stopped detector as job failed consecutively for more than "
                f"{limits.failures} times: {reason}"
            )
        self.next_at = self.timetable.due(self.timetable.last_due(clock.now()) + self.plan.interval)

    def _task(self) -> Task | None:
        """Return the detector's task, read once after each step: nobody else changes it."""
        if self._known is None:
            self._known = self._tools.tasks.latest(self.detector_id, REALTIME)
        return None if self._known is None or self._known.state.ended else self._known


def record_ticks(
    scored: Sequence[tuple[RunningDetector, ScoredTick]], tools: RealtimeTools
) -> None:
    """Write ticks of different detectors in one transaction, and let the detectors go on.

    Raises: VersionConflict; nothing is written then.
    """
    if not scored:
        return
    documents = [write for _, each in scored for write in each.documents]
    stored = tools.results.record_all([each.batch for _, each in scored], documents)
    numbers = {each.id: each.seq_no for each in stored}
    for one, each in scored:
        one.recorded(each, numbers[each.state.id])
