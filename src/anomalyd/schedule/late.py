"""Documents that come after their window was judged: a second look within a grace time.

With each tick the source is asked for which of the last windows documents arrived since the tick
before. Their windows are judged again by today's models, which learn nothing from it, and the
results are replaced where a feature changed. So models, and what a restart makes of the stored
results, are those of a run in which the documents had never come.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from anomalyd.engine.analysis import StoppedEarlyError
from anomalyd.engine.influencers import InfluencerRecorder, JobRun
from anomalyd.engine.live import LiveDetector
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.results import result_batch
from anomalyd.engine.window import WindowRange
from anomalyd.executor.base import Int64s
from anomalyd.metrics import Metrics
from anomalyd.model.index_names import IndexNames
from anomalyd.model.realtime import RealtimeState
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.influencer_failures import failures_logged
from anomalyd.schedule.noted import forget_noted
from anomalyd.source.base import Arrivals, Source
from anomalyd.store.base import ResultStore


@dataclasses.dataclass(frozen=True, kw_only=True)
class LateTools:
    """What a second look works with.

    Attributes:
        grace_seconds: how long after its end a window is looked at again, in whole windows; 0 =
            never.
    """

    source: Source
    results: ResultStore
    influencers: InfluencerRecorder
    names: IndexNames
    clock: Clock
    metrics: Metrics
    grace_seconds: int = 600


def late_windows(state: RealtimeState, *, interval: int, grace_seconds: int) -> WindowRange:
    """Return the judged windows that may still change: at least one, unless the grace is 0."""
    count = -(-grace_seconds * 1_000 // interval)
    start = max(state.first_window, state.position - count * interval)
    return WindowRange(start=min(start, state.position), end=state.position, interval=interval)


def look_again(
    plan: AnalysisPlan,
    job: JobRun,
    live: LiveDetector,
    state: RealtimeState,
    tools: LateTools,
    stopping: Callable[[], bool],
) -> RealtimeState:
    """Judge windows again that documents came late for.

    To be called before the windows after the state's position are read. A crash at any moment is
    made good by calling it again with the state as it was stored.

    Returns: the state with what the source said it has now, to be stored with the next results.
    Raises: StoppedEarlyError; the source's errors.
    """
    if not tools.grace_seconds:
        return dataclasses.replace(state, marks=None)
    windows = late_windows(state, interval=plan.interval, grace_seconds=tools.grace_seconds)
    arrivals = tools.source.arrived(
        plan.selection,
        since=state.marks,
        start=windows.start,
        end=windows.end,
        interval=plan.interval,
    )
    if len(arrivals):
        _judge(plan, job, live, arrivals, tools, stopping)
    return dataclasses.replace(state, marks=arrivals.marks)


def _judge(
    plan: AnalysisPlan,
    job: JobRun,
    live: LiveDetector,
    arrivals: Arrivals,
    tools: LateTools,
    stopping: Callable[[], bool],
) -> None:
    begun = tools.clock.now()
    windows = WindowRange(
        start=int(arrivals.window_start.min()),
        end=int(arrivals.window_start.max()) + plan.interval,
        interval=plan.interval,
    )
    with failures_logged(plan.detector_id):
        tools.influencers.settle(job, windows)
    changed, seen = 0, [np.empty(0, dtype=np.int64)]
    for rows in live.rejudge(arrivals):
        if stopping():
            raise StoppedEarlyError
        batch = result_batch(
            plan,
            rows.entities,
            rows.rows,
            index=tools.names.results_into(plan.detector.result_index, begun),
            task_id=None,
            execution_start=begun,
            execution_end=tools.clock.now(),
        )
        tools.influencers.shared(job, rows.shares)
        changed += int(np.count_nonzero(tools.results.revise(batch, job.indices)))
        seen.append(np.unique(rows.rows.window_start))
    _no_longer_empty(plan, np.unique(np.concatenate(seen)), tools)
    tools.metrics.rescored(changed)
    with failures_logged(plan.detector_id):
        tools.influencers.late(job, windows)


def _no_longer_empty(plan: AnalysisPlan, windows: Int64s, tools: LateTools) -> None:
    """Delete the results that say that windows had no data."""
    if not len(windows):
        return
    forget_noted(
        plan,
        {"terms": {"data_start_time": windows.tolist()}},
        results=tools.results,
        names=tools.names,
        now=tools.clock.now(),
    )
