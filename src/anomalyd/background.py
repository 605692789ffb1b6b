"""What works without being asked, put together: historical runs and real time.

A part of the composition root (``app``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from anomalyd.config import Settings
from anomalyd.engine.influencers import InfluencerRecorder
from anomalyd.engine.live import LiveDetector
from anomalyd.engine.live_values import LiveTools
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.executor.budget import BudgetedExecutor
from anomalyd.executor.memory import MemoryBreaker
from anomalyd.figures import add_figures
from anomalyd.foundation import Foundation
from anomalyd.limits import realtime_limits
from anomalyd.model.index_names import IndexNames
from anomalyd.model.realtime import fingerprint
from anomalyd.schedule.counters import NodeCounters
from anomalyd.schedule.historical import HistoricalAnalysis
from anomalyd.schedule.historical_plan import RunPlans
from anomalyd.schedule.historical_run import RunTools
from anomalyd.schedule.late import LateTools
from anomalyd.schedule.live_runs import LiveRuns
from anomalyd.schedule.realtime import RealtimeDetection
from anomalyd.schedule.realtime_log import RealtimeLog
from anomalyd.schedule.realtime_tools import RealtimeTools


@dataclass(frozen=True, kw_only=True)
class Background:
    """Runs and ticks, and what tells of them."""

    historical: HistoricalAnalysis
    realtime: RealtimeDetection
    recorder: InfluencerRecorder
    live: LiveRuns
    _base: Foundation
    _run_tools: RunTools
    _live_tools: LiveTools
    _realtime_tools: RealtimeTools

    @property
    def counters(self) -> NodeCounters:
        """What was done since the start."""
        return self._run_tools.counters

    @property
    def log(self) -> RealtimeLog:
        """What is written of detectors that run in real time."""
        return self._realtime_tools.log

    @property
    def breaker(self) -> MemoryBreaker:
        """Whether there is room for more models."""
        return self._realtime_tools.breaker

    def reconfigure(self, settings: Settings) -> None:
        """Go on with other settings, as far as they may change while the service runs."""
        self._base.budget.dedicated = settings.dedicated_cache_size
        live = dataclasses.replace(
            self._live_tools, checkpoint_seconds=settings.checkpoint_saving_freq
        )
        self.realtime.reconfigure(
            dataclasses.replace(
                self._realtime_tools,
                open=_opener(live, self._base.names),
                limits=realtime_limits(settings),
            )
        )
        plans = self._run_tools.plans
        self.historical.reconfigure(
            dataclasses.replace(
                self._run_tools,
                plans=plans.limited_to(settings.max_top_entities_for_historical_analysis),
                piece_windows=settings.batch_task_piece_size,
                entities_at_once=settings.max_running_entities_per_detector_for_historical_analysis,
                old_tasks=settings.max_old_ad_task_docs_per_detector,
            ),
            slots=settings.max_batch_task_per_node,
        )


def prepare(settings: Settings, base: Foundation) -> Background:
    """Put runs and ticks together; nothing runs before their ``resume()``."""
    recorder = InfluencerRecorder(scores=base.scores, influencers=base.influencers)
    counters, live = NodeCounters(), LiveRuns()
    run_tools = RunTools(
        source=base.source,
        results=base.results,
        executor=base.executor,
        influencers=recorder,
        tasks=base.tasks,
        plans=RunPlans(
            source=base.source,
            documents=base.documents,
            tasks=base.tasks,
            names=base.names,
            clock=base.clock,
            ids=base.ids,
            top_entities=settings.max_top_entities_for_historical_analysis,
        ),
        names=base.names,
        clock=base.clock,
        counters=counters,
        live=live,
        piece_windows=settings.batch_task_piece_size,
        entities_at_once=settings.max_running_entities_per_detector_for_historical_analysis,
        old_tasks=settings.max_old_ad_task_docs_per_detector,
    )
    live_tools = LiveTools(
        source=base.source,
        executor=BudgetedExecutor(base.executor, base.budget),
        learned=base.scores,
        checkpoints=base.checkpoints,
        now=base.clock.now,
        checkpoint_seconds=settings.checkpoint_saving_freq,
    )
    realtime_tools = RealtimeTools(
        open=_opener(live_tools, base.names),
        checkpoints=base.checkpoints,
        results=base.results,
        tasks=base.tasks,
        log=RealtimeLog(base.documents, names=base.names, clock=base.clock),
        influencers=recorder,
        late=LateTools(
            source=base.source,
            results=base.results,
            influencers=recorder,
            names=base.names,
            clock=base.clock,
            metrics=base.metrics,
            grace_seconds=settings.late_data_grace,
        ),
        names=base.names,
        clock=base.clock,
        counters=counters,
        metrics=base.metrics,
        breaker=MemoryBreaker(base.budget),
        owner=base.node_id,
        limits=realtime_limits(settings),
    )
    realtime = RealtimeDetection(realtime_tools, base.scheduler)
    add_figures(base.metrics, base.budget, lag=realtime.lag)
    return Background(
        historical=HistoricalAnalysis(
            run_tools, base.scheduler, slots=settings.max_batch_task_per_node
        ),
        realtime=realtime,
        recorder=recorder,
        live=live,
        _base=base,
        _run_tools=run_tools,
        _live_tools=live_tools,
        _realtime_tools=realtime_tools,
    )


def _opener(tools: LiveTools, names: IndexNames) -> Callable[[AnalysisPlan], LiveDetector]:
    def open_models(plan: AnalysisPlan) -> LiveDetector:
        return LiveDetector(
            plan,
            fingerprint=fingerprint(plan.detector),
            indices=(names.results_from(plan.detector.result_index),),
            tools=tools,
        )

    return open_models
