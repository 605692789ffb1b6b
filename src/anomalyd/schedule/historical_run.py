"""One historical run: a range of past windows, analysed piece by piece (behaviour §10).

A piece is fetched, scored and then recorded in ONE transaction: its results together with the
progress of the tasks. So whatever moment a crash comes at, results and progress agree. The models
themselves are not kept: a run that goes on replays the windows before ``current_piece`` without
writing anything, which gives the same models bit by bit, because their seeds are derived from ids.

A detector with category fields has a task per entity below its own. Entities are worked on in
groups that share their models' place, all entities of a group piece by piece together.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from anomalyd.engine.analysis import Analysis, ScoredRows, StoppedEarlyError
from anomalyd.engine.influencers import InfluencerRecorder, JobRun
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.results import result_batch
from anomalyd.engine.shares import ShareFinder
from anomalyd.engine.window import WindowRange
from anomalyd.errors import AnomalydError
from anomalyd.executor.base import Executor
from anomalyd.model.detector import Detector
from anomalyd.model.entity import entity_values
from anomalyd.model.index_names import IndexNames
from anomalyd.model.task import Task, TaskState
from anomalyd.query.parse import parse_query
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.counters import NodeCounters
from anomalyd.schedule.historical_plan import RunFailedError, RunPlans
from anomalyd.schedule.historical_progress import (
    Pace,
    ParentProgress,
    advanced,
    ended,
    parent_ended,
    with_minutes_left,
)
from anomalyd.schedule.live_runs import LiveRuns, LiveSeries
from anomalyd.schedule.scheduler import JobControl
from anomalyd.schedule.task_log import TaskLog
from anomalyd.source.base import Source
from anomalyd.store.base import ResultStore
from anomalyd.store.influencers import ShareRows

logger = logging.getLogger(__name__)

CANCELLED = "Historical analysis cancelled by user"
DEFECT = "Historical analysis failed because of an internal error; the log of the service has it"


@dataclass(frozen=True, kw_only=True)
class RunTools:
    """What every run works with.

    Attributes:
        piece_windows: windows of a piece.
        entities_at_once: entities of a group.
        influencers: computes who is to blame once a run has all its results.
        counters: what this process has done.
        live: where the models of running analyses can be looked at.
        old_tasks: how many ended runs of a detector are kept besides the latest.
    """

    source: Source
    results: ResultStore
    executor: Executor
    influencers: InfluencerRecorder
    tasks: TaskLog
    plans: RunPlans
    names: IndexNames
    clock: Clock
    counters: NodeCounters
    live: LiveRuns
    piece_windows: int = 1_000
    entities_at_once: int = 10
    old_tasks: int = 1


class HistoricalRun:
    """The job that runs one task; it ends with the task FINISHED, FAILED or STOPPED.

    When the service shuts down in between, the task stays as it is and the next start goes on.

    Args:
        task_id: the detector's task.
        tools: what to work with.
    """

    def __init__(self, task_id: str, tools: RunTools) -> None:
        self._task_id = task_id
        self._tools = tools

    def __call__(self, control: JobControl) -> None:
        """Run; called by the scheduler."""
        task = self._tools.tasks.get(self._task_id)
        if task is None or task.state.ended:
            return
        try:
            self._run(task, control)
        except StoppedEarlyError:
            if control.cancelled_by is not None:
                self._end(TaskState.STOPPED, CANCELLED, stopped_by=control.cancelled_by)
        except RunFailedError as failure:
            self._end(TaskState.FAILED, str(failure))
        except AnomalydError as problem:
            logger.warning("historical run %s failed: %s", self._task_id, problem.reason)
            self._end(TaskState.FAILED, problem.reason)
        except Exception:
            self._end(TaskState.FAILED, DEFECT)
            raise

    def _run(self, task: Task, control: JobControl) -> None:
        tools = self._tools
        if control.stopping():
            raise StoppedEarlyError
        try:
            plan = AnalysisPlan.of(task.detector_id, Detector.restore(task.detector))
            self._forget_outdated(task.detector_id)
            windows = tools.plans.windows(task, plan)
        except Exception:
            # It never comes to a group of series, which would count it.
            tools.counters.failed(1)
            raise
        if plan.detector.categories:
            self._run_entities(plan, windows, control)
        else:
            self._work_on([task], None, plan, windows, control)
            self._find_influencers(plan, windows, control)
        tools.plans.forget(task.id)

    def _run_entities(self, plan: AnalysisPlan, windows: WindowRange, control: JobControl) -> None:
        tools = self._tools
        task = tools.tasks.get(self._task_id)
        assert task is not None
        children = tools.tasks.children(task.id)
        parent = ParentProgress(task, children, began=tools.clock.monotonic())
        waiting = [child for child in children if not child.state.ended]
        for group in _groups(waiting, tools.entities_at_once):
            self._work_on(group, parent, plan, windows, control)
        self._find_influencers(plan, windows, control)
        last = parent_ended(
            parent.after([], now=tools.clock.now()),
            tools.tasks.children(task.id),
            now=tools.clock.now(),
        )
        tools.tasks.put([last])

    def _find_influencers(
        self, plan: AnalysisPlan, windows: WindowRange, control: JobControl
    ) -> None:
        """Compute the run's influencers from its results; done again if it is interrupted."""
        self._tools.influencers.analysed(self._job(plan), windows, control.stopping)

    def _job(self, plan: AnalysisPlan) -> JobRun:
        return JobRun(
            detector_id=plan.detector_id,
            detector=plan.detector,
            task_id=self._task_id,
            indices=(self._tools.names.results_from(plan.detector.result_index),),
        )

    def _work_on(
        self,
        group: Sequence[Task],
        parent: ParentProgress | None,
        plan: AnalysisPlan,
        windows: WindowRange,
        control: JobControl,
    ) -> None:
        """Run a group, counted, and shown as long as it runs."""
        tools = self._tools
        try:
            with tools.counters.executing(
                len(group), cancelled=lambda: control.cancelled_by is not None
            ):
                ended_group = self._run_group(group, parent, plan, windows, control)
        finally:
            tools.live.forget(self._task_id)
        tools.counters.failed(sum(task.state is TaskState.FAILED for task in ended_group))

    def _show(self, group: Sequence[Task], analysis: Analysis) -> None:
        """Show the models of a group to whoever looks at the run from outside."""
        columns = (analysis.updates().tolist(), analysis.sizes().tolist())
        series = [
            LiveSeries(task_id=task.id, updates=updates, model_size_in_bytes=size)
            for task, updates, size in zip(group, *columns, strict=True)
        ]
        self._tools.live.show(self._task_id, series)

    def _run_group(
        self,
        group: Sequence[Task],
        parent: ParentProgress | None,
        plan: AnalysisPlan,
        windows: WindowRange,
        control: JobControl,
    ) -> Sequence[Task]:
        """Analyse the windows of tasks that are all equally far, to their end; return that."""
        tools = self._tools
        analysis = Analysis(
            plan,
            [entity_values(plan.detector.categories, task.entity or ()) for task in group],
            source=tools.source,
            executor=tools.executor,
        )
        if parent is not None and group[0].current_piece is None:
            begun = tools.clock.now()
            group = [dataclasses.replace(task, execution_start_time=begun) for task in group]
        self._show(group, analysis)
        done, left = windows.split(group[0].current_piece)
        for piece in done.pieces(tools.piece_windows):
            analysis.step(piece, control.stopping)
            self._show(group, analysis)
        pace = Pace(tools.clock.monotonic(), group[0].task_progress)
        # A piece is recorded while the next one is fetched and scored, one after the other.
        with ThreadPoolExecutor(1, thread_name_prefix="anomalyd-record") as recorder:
            recording: Future[None] | None = None
            for piece in left.pieces(tools.piece_windows):
                begun = tools.clock.now()
                shares: list[ShareRows] = []
                rows = analysis.step(piece, control.stopping, _looking(analysis, tools, shares))
                self._show(group, analysis)
                tools.influencers.shared(self._job(plan), ShareRows.joined(shares))
                now, seconds = tools.clock.now(), tools.clock.monotonic()
                group = [
                    advanced(task, windows, piece.end, learned=int(learned), now=now)
                    for task, learned in zip(group, analysis.updates(), strict=True)
                ]
                if parent is None:
                    shown = [with_minutes_left(task, pace, seconds) for task in group]
                else:
                    above = with_minutes_left(parent.after(group, now=now), parent.pace, seconds)
                    shown = [*group, above]
                batch = result_batch(
                    plan,
                    analysis.entities,
                    rows,
                    index=tools.names.results_into(plan.detector.result_index, begun),
                    task_id=self._task_id,
                    execution_start=begun,
                    execution_end=now,
                )
                if recording is not None:
                    recording.result()
                recording = recorder.submit(tools.results.record, batch, tools.tasks.writes(shown))
            if recording is not None:
                recording.result()
        return group

    def _end(self, state: TaskState, error: str, *, stopped_by: str | None = None) -> None:
        """Write down the end of the task and of all its entities' tasks that have not ended."""
        tools = self._tools
        task = tools.tasks.get(self._task_id)
        if task is None:
            return
        unfinished = [one for one in (task, *tools.tasks.children(task.id)) if not one.state.ended]
        now = tools.clock.now()
        tools.tasks.put(
            ended(dataclasses.replace(one, stopped_by=stopped_by), state, error=error, now=now)
            for one in unfinished
        )
        tools.plans.forget(task.id)

    def _forget_outdated(self, detector_id: str) -> None:
        """Delete old runs of the detector with their results, as a setting says."""
        tools = self._tools
        for task in tools.tasks.outdated(detector_id, keep=tools.old_tasks):
            custom = task.detector.get("result_index")
            indices = tools.results.indices(custom or tools.names.results)
            query = parse_query({"term": {"task_id": task.id}})
            tools.results.delete_matching(indices, query, now=tools.clock.now())
            tools.plans.forget(task.id)
            tools.tasks.delete(task.id)


def _looking(
    analysis: Analysis, tools: RunTools, shares: list[ShareRows]
) -> Callable[[ScoredRows], None] | None:
    """Return what looks into unusual rows; None where the detector asks for no influencers."""
    if not analysis.plan.detector.options.influencers:
        return None
    finder = ShareFinder(analysis.plan, tools.source, analysis.models)
    numbers = np.arange(len(analysis.entities))
    return lambda rows: shares.append(finder.find(rows, analysis.entities, numbers))


def _groups(tasks: Sequence[Task], size: int) -> Iterator[Sequence[Task]]:
    """Cut tasks into groups whose members are all equally far."""
    for _, alike in itertools.groupby(tasks, key=lambda task: task.current_piece):
        members = list(alike)
        for first in range(0, len(members), size):
            yield members[first : first + size]
