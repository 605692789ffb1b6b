"""Historical analysis: how runs begin, are stopped, and go on after a restart."""

from __future__ import annotations

import dataclasses
import logging
import threading

from anomalyd.errors import StateConflict
from anomalyd.model.task import HISTORICAL, Task, TaskState
from anomalyd.schedule.historical_progress import ended
from anomalyd.schedule.historical_run import CANCELLED, HistoricalRun, RunTools
from anomalyd.schedule.scheduler import Scheduler
from anomalyd.store.base import StoredDocument

logger = logging.getLogger(__name__)

LANE = "historical"


class HistoricalAnalysis:
    """Begins, stops and resumes historical runs. Thread-safe.

    Args:
        tools: what a run works with.
        scheduler: has a lane called ``historical``.
        slots: most runs at a time, those that wait for a thread included.
    """

    def __init__(self, tools: RunTools, scheduler: Scheduler, *, slots: int) -> None:
        self._tools = tools
        self._scheduler = scheduler
        self._slots = slots
        self._starting = threading.Lock()

    def reconfigure(self, tools: RunTools, *, slots: int) -> None:
        """Use other tools and slots for the runs that are queued from now on."""
        with self._starting:
            self._tools, self._slots = tools, slots

    def start(self, task: Task) -> StoredDocument:
        """Write a new task down and queue its run; return the task's document.

        Raises:
            StateConflict: "Detector is already running", "No available task slot".
        """
        tasks = self._tools.tasks
        with self._starting:
            latest = tasks.latest(task.detector_id, HISTORICAL)
            if latest is not None and not latest.state.ended:
                raise StateConflict("Detector is already running")
            if len(self._scheduler.keys(LANE)) >= self._slots:
                raise StateConflict("No available task slot")
            stored, *_ = tasks.put([task, *tasks.superseded(task.detector_id)])
            self._submit(task)
        return stored

    def stop(self, detector_id: str, *, by: str) -> str:
        """Ask the detector's run to end and return its task's id; it ends within two seconds.

        Raises:
            StateConflict: "Detector not started", "No running task found".
        """
        tasks = self._tools.tasks
        task = tasks.latest(detector_id, HISTORICAL)
        if task is None:
            raise StateConflict("Detector not started")
        if task.state.ended:
            raise StateConflict("No running task found")
        if not self._scheduler.cancel(task.id, by=by):
            self._end_orphan(task.id, by)
        return task.id

    def running(self, detector_id: str) -> bool:
        """Tell whether the detector has a run that has not ended."""
        task = self._tools.tasks.latest(detector_id, HISTORICAL)
        return task is not None and not task.state.ended

    def resume(self) -> int:
        """Queue all runs that a crash or a shutdown left unfinished; return how many."""
        unfinished = self._tools.tasks.unfinished()
        for task in unfinished:
            logger.info("historical run goes on", extra={"task_id": task.id})
            self._submit(task)
        return len(unfinished)

    def _submit(self, task: Task) -> None:
        self._scheduler.submit(LANE, task.id, HistoricalRun(task.id, self._tools))

    def _end_orphan(self, task_id: str, by: str) -> None:
        """End a task that says it is running but that no thread works on.

        The run may also have ended a moment ago; then its own last word stands.
        """
        tasks = self._tools.tasks
        task = tasks.get(task_id)
        if task is None or task.state.ended:
            return
        unfinished = [one for one in (task, *tasks.children(task_id)) if not one.state.ended]
        now = self._tools.clock.now()
        tasks.put(
            ended(
                dataclasses.replace(one, stopped_by=by), TaskState.STOPPED, error=CANCELLED, now=now
            )
            for one in unfinished
        )
