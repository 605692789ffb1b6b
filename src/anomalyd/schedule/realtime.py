"""Real-time detection: how detectors are started, ticked, stopped, and go on after a restart.

One thread looks at the timetables and hands what is due to the scheduler's lane; the scheduler
takes a detector only once at a time, so ticks of one detector never overlap. A tick that takes
longer than the interval delays the next one, which then catches up.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Iterable, Mapping

from anomalyd.engine.live import LiveDetector
from anomalyd.errors import AnomalydError, StateConflict
from anomalyd.executor.memory import ModelNeed
from anomalyd.model.detector import Detector
from anomalyd.model.job import Job
from anomalyd.model.realtime import RealtimeState, fingerprint
from anomalyd.model.task import REALTIME, Task
from anomalyd.schedule.realtime_group import (
    MOST_TOGETHER,
    influencers_together,
    tick_together,
)
from anomalyd.schedule.realtime_progress import stopped
from anomalyd.schedule.realtime_run import RunningDetector
from anomalyd.schedule.realtime_tools import RealtimeTools, TooManyFailuresError
from anomalyd.schedule.scheduler import Job as ScheduledJob
from anomalyd.schedule.scheduler import JobControl, Scheduler
from anomalyd.store.base import StoredDocument

logger = logging.getLogger(__name__)

LANE = "realtime"
TOGETHER = "realtime, single series"
INFLUENCERS = "realtime, influencers of single series"
MOST_CAUGHT_UP = 100
"""Series whose influencers are computed before others have their turn in the lane."""
LONGEST_LOOK = 60.0
"""Seconds between two looks at the timetables at most: the time of day may be set."""


class RealtimeDetection:
    """Starts, ticks, stops and resumes detectors. Thread-safe.

    Args:
        tools: what a running detector works with.
        scheduler: has a lane called ``realtime``.
    """

    def __init__(self, tools: RealtimeTools, scheduler: Scheduler) -> None:
        self._tools = tools
        self._scheduler = scheduler
        self._running: dict[str, RunningDetector] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._timer: threading.Thread | None = None

    def start(self, job: Job, task: Task) -> StoredDocument:
        """Write a job, its task and its state down, begin, and return the job's document.

        The first window is the newest that is due now, so its result is there at once.

        Raises:
            StateConflict: "Anomaly detector job is already running: ID".
            MemoryExceeded: no room for the models that must always be ready.
        """
        tools, id = self._tools, job.name
        before = tools.log.job(id)
        if before is not None and before.enabled:
            raise StateConflict(f"Anomaly detector job is already running: {id}")
        detector = Detector.restore(task.detector)
        running = RunningDetector(id, detector, tools)
        tools.breaker.check(running.plan.need, self.needs())
        now = tools.clock.now()
        first = running.timetable.last_due(now) - running.plan.interval
        state = RealtimeState(
            detector_id=id,
            first_window=first,
            position=first,
            fingerprint=fingerprint(detector),
            owner=tools.owner,
            lease_expires=now,
            timestamp=now,
        )
        # A stop that was cut off may have left something of the models behind.
        running.close(forget=True)
        superseded = [
            dataclasses.replace(old, is_latest=False)
            for old in tools.tasks.all_latest(id, REALTIME)
        ]
        written = tools.tasks.put(
            [*superseded, task],
            [tools.log.job_write(job), tools.log.state_write(state, after=None)],
        )
        self._add(running)
        return written[-2]

    def stop(self, detector_id: str, *, by: str) -> None:
        """Disable a detector's job and forget its models, checkpoints and lease.

        Returns when no tick works on it any more.

        Raises: StateConflict: "Anomaly detector job not exist: ID", "… is already stopped: ID".
        """
        job = self._tools.log.job(detector_id)
        if job is None:
            raise StateConflict(f"Anomaly detector job not exist: {detector_id}")
        if not job.enabled:
            raise StateConflict(f"Anomaly detector job is already stopped: {detector_id}")
        self._scheduler.cancel(_key(detector_id), by=by)
        self._end(job, by=by, error=None)

    def live(self, detector_id: str) -> LiveDetector | None:
        """Return the models of a running detector, to be looked at; None without."""
        with self._lock:
            running = self._running.get(detector_id)
        return None if running is None else running.live

    def interim(self, detector_id: str, *, write: bool) -> int | None:
        """Write interim results of a running detector's windows that are not complete yet.

        Waits for the tick that is under way. Nothing is learned, and the ticks' own results take
        their place.

        Args:
            detector_id: whose.
            write: False only tells how far the detector is.

        Returns: the end of the last window that is recorded, epoch ms; None when it does not run.
        Raises: the source's errors.
        """
        with self._lock:
            running = self._running.get(detector_id)
        return None if running is None else running.interim(write=write)

    def lives(self) -> Mapping[str, LiveDetector]:
        """Return the models of all running detectors by id."""
        with self._lock:
            running = list(self._running.values())
        return {one.detector_id: one.live for one in running if one.live is not None}

    def needs(self) -> tuple[ModelNeed, ...]:
        """Return what the models of each running detector need at least."""
        with self._lock:
            return tuple(one.plan.need for one in self._running.values())

    def lag(self) -> float:
        """Return by how many seconds the detector that waits longest is late."""
        now = self._tools.clock.now()
        with self._lock:
            return max(
                (max(0, now - one.next_at) / 1_000 for one in self._running.values()), default=0.0
            )

    def reconfigure(self, tools: RealtimeTools) -> None:
        """Use other tools from the next ticks on."""
        with self._lock:
            self._tools = tools
            for running in self._running.values():
                running.reconfigure(tools)

    def resume(self) -> int:
        """Let all enabled jobs go on, and begin to tick; return how many there are.

        What is left of detectors that were being stopped is removed.
        """
        jobs = {job.name: job for job in self._tools.log.enabled()}
        for state in self._tools.log.states():
            if state.detector_id not in jobs:
                self._tools.log.forget(state.detector_id)
        now = self._tools.clock.now()
        cut_off = [
            stopped(task, by=None, now=now)
            for task in self._tools.tasks.unfinished(REALTIME)
            if task.detector_id not in jobs
        ]
        if cut_off:
            self._tools.tasks.put(cut_off)
        for id in set(self._tools.checkpoints.detectors()) - set(jobs):
            self._tools.checkpoints.forget(id)
        for id in jobs:
            task = self._tools.tasks.latest(id, REALTIME)
            if task is None or task.state.ended:
                logger.warning("a job without a task", extra={"detector_id": id})
                continue
            try:
                self._add(RunningDetector(id, Detector.restore(task.detector), self._tools))
            except AnomalydError:
                logger.exception("a detector cannot go on", extra={"detector_id": id})
        self._timer = threading.Thread(target=self._tick_tock, name="anomalyd-ticks", daemon=True)
        self._timer.start()
        return len(jobs)

    def close(self) -> None:
        """Begin no more ticks. To be called before the scheduler is closed."""
        self._closing = True
        self._wake.set()
        if self._timer is not None:
            self._timer.join()

    def save(self) -> None:
        """Save all models. To be called after the scheduler is closed."""
        with self._lock:
            running = list(self._running.values())
            self._running.clear()
        for one in running:
            one.close(forget=False)

    def settled(self) -> bool:
        """Tell whether nothing is due and nothing is being worked on; for tests."""
        now = self._tools.clock.now()
        with self._lock:
            due = any(one.next_at <= now or one.behind for one in self._running.values())
        self._wake.set()
        return not due and not self._scheduler.keys(LANE)

    def _add(self, running: RunningDetector) -> None:
        with self._lock:
            self._running[running.detector_id] = running
        self._wake.set()

    def _tick_tock(self) -> None:
        clock = self._tools.clock
        while not self._closing:
            self._wake.clear()
            now = clock.now()
            with self._lock:
                running = list(self._running.values())
            busy = self._scheduler.keys(LANE)
            waiting = [one for one in running if _key(one.detector_id) not in busy]
            due = sorted(_due(waiting, now), key=lambda each: each.next_at)
            for one in due:
                if not one.usual:
                    self._scheduler.submit(LANE, _key(one.detector_id), self._job_of(one))
            if any(one.usual for one in due):
                self._scheduler.submit(LANE, TOGETHER, self._tick_together)
            if any(one.behind and not one.busy for one in running):
                # behind everything that is due in the lane
                self._scheduler.submit(LANE, INFLUENCERS, self._catch_up)
            ahead = [one.next_at - now for one in waiting if one.next_at > now]
            clock.wait(self._wake, min(LONGEST_LOOK, min(ahead, default=60_000) / 1_000))

    def _tick_together(self, control: JobControl) -> None:
        """Tick the single series that are due, and those that become due meanwhile."""
        try:
            while not control.stopping():
                with self._lock:
                    running = list(self._running.values())
                usual = [one for one in _due(running, self._tools.clock.now()) if one.usual]
                if not usual:
                    break
                usual.sort(key=lambda each: each.next_at)
                for one in tick_together(usual[:MOST_TOGETHER], self._tools, control):
                    self._job_of(one)(control)
        finally:
            self._wake.set()

    def _catch_up(self, _: JobControl) -> None:
        """Compute influencers of some series that were ticked together."""
        with self._lock:
            behind = [one for one in self._running.values() if one.behind]
        influencers_together([one for one in behind if not one.busy][:MOST_CAUGHT_UP], self._tools)
        self._wake.set()

    def _job_of(self, running: RunningDetector) -> ScheduledJob:
        def tick(control: JobControl) -> None:
            try:
                running.step(control)
            except TooManyFailuresError as problem:
                job = self._tools.log.job(running.detector_id)
                if job is not None and job.enabled:
                    self._end(job, by=None, error=str(problem))
            finally:
                self._wake.set()

        return tick

    def _end(self, job: Job, *, by: str | None, error: str | None) -> None:
        """Write the end down and forget everything else."""
        tools, id = self._tools, job.name
        with self._lock:
            running = self._running.pop(id, None)
        now = tools.clock.now()
        disabled = dataclasses.replace(job, enabled=False, disabled_time=now, last_update_time=now)
        task = tools.tasks.latest(id, REALTIME)
        ended = [] if task is None or task.state.ended else [task]
        if running is None and task is not None:
            running = RunningDetector(id, Detector.restore(task.detector), tools)
        if running is not None:
            running.quiesce()
        tools.tasks.put(
            [stopped(one, by=by, now=now, error=error) for one in ended],
            [tools.log.job_write(disabled)],
        )
        if running is not None:
            running.close(forget=True)
        tools.log.forget(id)


def _due(running: Iterable[RunningDetector], now: int) -> list[RunningDetector]:
    return [one for one in running if one.next_at <= now]


def _key(detector_id: str) -> str:
    return f"realtime:{detector_id}"
