"""Threads for background work, in named lanes, so that one kind of work cannot starve another.

A job is a function that takes a ``JobControl`` and looks at it between steps. Jobs are told apart
by a key: at most one with a key is waiting or running. Two things may end a job early. *Cancelling*
is a user's wish and final. *Closing* the scheduler only interrupts: what the job was doing goes on
when the service is started again, so the job must leave its state as it is.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class JobControl:
    """How a running job learns that it should end. Thread-safe.

    Attributes:
        key: what the job was submitted under.
        stop: set when the job should end, for either reason.
        cancelled_by: who cancelled it; None while nobody has.
    """

    key: str
    stop: threading.Event = field(default_factory=threading.Event)
    cancelled_by: str | None = None

    def stopping(self) -> bool:
        """Tell whether the job should end as soon as it can."""
        return self.stop.is_set()


Job = Callable[[JobControl], None]


@dataclass(frozen=True)
class _Entry:
    lane: str
    control: JobControl
    job: Job
    future: Future[None]


class Scheduler:
    """Runs jobs on threads. Thread-safe.

    Args:
        lanes: number of threads per lane. Jobs beyond that wait in their lane, first come first
            served.
    """

    def __init__(self, lanes: Mapping[str, int]) -> None:
        self._pools = {
            lane: ThreadPoolExecutor(threads, thread_name_prefix=f"anomalyd-{lane}")
            for lane, threads in lanes.items()
        }
        # Jobs that were cancelled while waiting; each only writes down its end.
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="anomalyd-cancelled")
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, lane: str, key: str, job: Job) -> bool:
        """Queue a job; tell whether it was taken.

        Returns:
            False when a job with this key is waiting or running, or the scheduler is closed.

        Raises:
            KeyError: there is no such lane.
        """
        pool = self._pools[lane]
        with self._lock:
            if self._closed or key in self._entries:
                return False
            control = JobControl(key)
            future = pool.submit(self._run, control, job)
            self._entries[key] = _Entry(lane, control, job, future)
        return True

    def cancel(self, key: str, *, by: str) -> bool:
        """Ask a waiting or running job to end; tell whether there is one.

        A job that is still waiting gets its turn at once, outside its lane, so that it can write
        down its end.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return False
            if entry.control.cancelled_by is None:
                entry.control.cancelled_by = by
            entry.control.stop.set()
            if not self._closed and entry.future.cancel():
                future = self._aside.submit(self._run, entry.control, entry.job)
                self._entries[key] = _Entry(entry.lane, entry.control, entry.job, future)
        return True

    def keys(self, lane: str) -> frozenset[str]:
        """Return the keys of a lane's waiting and running jobs."""
        with self._lock:
            return frozenset(key for key, entry in self._entries.items() if entry.lane == lane)

    def close(self) -> None:
        """Interrupt all jobs, forget the waiting ones, and return when the last thread is done."""
        with self._lock:
            self._closed = True
            for entry in self._entries.values():
                entry.control.stop.set()
        for pool in (*self._pools.values(), self._aside):
            pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, control: JobControl, job: Job) -> None:
        try:
            job(control)
        except Exception:
            # A job handles its own failures; what arrives here is a defect, and must not be silent.
            logger.exception("job %s failed", control.key)
        finally:
            with self._lock, contextlib.suppress(KeyError):
                del self._entries[control.key]
