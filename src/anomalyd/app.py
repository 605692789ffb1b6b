"""The composition root: settings → a running application.

The only place that names concrete stores, sources and executors, and that reads the machine's
clock, randomness and name.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import platform
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from anomalyd.application import Application
from anomalyd.auth.identity import local_identity
from anomalyd.auth.policy import Policy
from anomalyd.config import Settings, runtime_settings
from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import FILE_NAME, Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.engine.influencers import InfluencerRecorder
from anomalyd.engine.live import LiveDetector
from anomalyd.engine.live_values import LiveTools
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.executor.budget import BudgetedExecutor, ModelBudget
from anomalyd.executor.memory import MemoryBreaker
from anomalyd.executor.spill import SpillFile
from anomalyd.executor.threads import ThreadExecutor
from anomalyd.figures import add_figures
from anomalyd.limits import detector_limits, preview_limits, realtime_limits
from anomalyd.metrics import Metrics
from anomalyd.model.detector_parse import DetectorRules
from anomalyd.model.ids import ByteIds
from anomalyd.model.index_names import IndexNames
from anomalyd.model.realtime import fingerprint
from anomalyd.schedule.clock import Clock, SystemClock
from anomalyd.schedule.counters import NodeCounters
from anomalyd.schedule.historical import LANE, HistoricalAnalysis
from anomalyd.schedule.historical_plan import RunPlans
from anomalyd.schedule.historical_run import RunTools
from anomalyd.schedule.late import LateTools
from anomalyd.schedule.live_runs import LiveRuns
from anomalyd.schedule.orphans import OrphanCheck
from anomalyd.schedule.realtime import LANE as REALTIME_LANE
from anomalyd.schedule.realtime import RealtimeDetection
from anomalyd.schedule.realtime_log import RealtimeLog
from anomalyd.schedule.realtime_tools import RealtimeTools
from anomalyd.schedule.scheduler import Scheduler
from anomalyd.schedule.task_log import TaskLog
from anomalyd.service.detector_checks import DetectorChecks
from anomalyd.service.detectors import DetectorService
from anomalyd.service.indices import IndexService
from anomalyd.service.influencers import InfluencerService
from anomalyd.service.jobs import Jobs
from anomalyd.service.memory import MemoryEstimator
from anomalyd.service.ml_results import MlResultService
from anomalyd.service.preview import PreviewService
from anomalyd.service.profile import ProfileService
from anomalyd.service.queries import ParsedQueries
from anomalyd.service.realtime_profile import RealtimeProfiles
from anomalyd.service.results import ResultService
from anomalyd.service.settings import SettingsService
from anomalyd.service.stats import StatsService
from anomalyd.service.suggest import SuggestionService
from anomalyd.service.tasks import TaskService
from anomalyd.service.validation import ValidationService
from anomalyd.service.validation_model import ModelChecks
from anomalyd.service.watching import WatchService
from anomalyd.source.embedded import EmbeddedIndices, EmbeddedSource
from anomalyd.source.measured import MeasuredSource
from anomalyd.store.embedded import (
    EmbeddedCheckpointStore,
    EmbeddedDocumentStore,
    EmbeddedInfluencerStore,
    EmbeddedResultStore,
    EmbeddedScoreReader,
)
from anomalyd.store.signal import WriteSignal
from anomalyd.tracing import open_tracer

NODE_ID_BYTES = 16


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> Application:
    """Open the data directory, put the application together and let unfinished runs go on.

    Args:
        settings: how.
        clock: the machine's by default; tests pass a virtual one.
        random_bytes: what ids are made of; tests pass a seeded source.

    Raises:
        SourceUnavailable: another process has the data directory open.
        CorruptState: the data directory cannot be read.
    """
    clock = SystemClock() if clock is None else clock
    path = None if settings.data_dir is None else settings.data_dir / FILE_NAME
    database = Database(
        path, threads=settings.database_threads, memory_limit=settings.database_memory
    )
    try:
        return _assemble(settings, database, clock, random_bytes)
    except BaseException:
        database.close()
        raise


def _assemble(
    settings: Settings, database: Database, clock: Clock, random_bytes: Callable[[int], bytes]
) -> Application:
    names, ids = IndexNames(settings.index_prefix), ByteIds(random_bytes)
    node_id = _node_id(settings.data_dir)
    catalogue = Catalogue(database)
    metrics = Metrics()
    source = MeasuredSource(
        EmbeddedSource(catalogue, now=clock.now),
        seconds=clock.monotonic,
        observe=metrics.source_answered,
    )
    documents, written = EmbeddedDocumentStore(catalogue), WriteSignal()
    results = EmbeddedResultStore(catalogue, recorded=written.ring)
    influencers = EmbeddedInfluencerStore(database)
    tasks = TaskLog(documents, names=names, clock=clock)
    scheduler = Scheduler(
        {LANE: settings.historical_threads, REALTIME_LANE: settings.realtime_threads}
    )
    plans = RunPlans(
        source=source,
        documents=documents,
        tasks=tasks,
        names=names,
        clock=clock,
        ids=ids,
        top_entities=settings.max_top_entities_for_historical_analysis,
    )
    executor = ThreadExecutor(threads=settings.core_threads)
    counters, live = NodeCounters(), LiveRuns()
    scores = EmbeddedScoreReader(catalogue)
    recorder = InfluencerRecorder(scores=scores, influencers=influencers)
    tools = RunTools(
        source=source,
        results=results,
        executor=executor,
        influencers=recorder,
        tasks=tasks,
        plans=plans,
        names=names,
        clock=clock,
        counters=counters,
        live=live,
        piece_windows=settings.batch_task_piece_size,
        entities_at_once=settings.max_running_entities_per_detector_for_historical_analysis,
        old_tasks=settings.max_old_ad_task_docs_per_detector,
    )
    historical = HistoricalAnalysis(tools, scheduler, slots=settings.max_batch_task_per_node)
    checkpoints = EmbeddedCheckpointStore(settings.data_dir)
    spill = SpillFile(None if settings.data_dir is None else settings.data_dir / "spill.sqlite")
    budget = ModelBudget(
        settings.model_memory_budget or _quarter_of_memory(),
        dedicated=settings.dedicated_cache_size,
        spill=spill,
    )
    live_tools = LiveTools(
        source=source,
        executor=BudgetedExecutor(executor, budget),
        learned=scores,
        checkpoints=checkpoints,
        now=clock.now,
        checkpoint_seconds=settings.checkpoint_saving_freq,
    )

    realtime_tools = RealtimeTools(
        open=_opener(live_tools, names),
        checkpoints=checkpoints,
        results=results,
        tasks=tasks,
        log=RealtimeLog(documents, names=names, clock=clock),
        influencers=recorder,
        late=LateTools(
            source=source,
            results=results,
            influencers=recorder,
            names=names,
            clock=clock,
            metrics=metrics,
            grace_seconds=settings.late_data_grace,
        ),
        names=names,
        clock=clock,
        counters=counters,
        metrics=metrics,
        breaker=MemoryBreaker(budget),
        owner=node_id,
        limits=realtime_limits(settings),
    )
    realtime = RealtimeDetection(realtime_tools, scheduler)
    add_figures(metrics, budget, lag=realtime.lag)
    checks = DetectorChecks(
        source=source,
        documents=documents,
        results=results,
        names=names,
        limits=detector_limits(settings),
        clock=clock,
    )
    jobs = Jobs(documents=documents, names=names, clock=clock, policy=Policy())
    rules = DetectorRules(
        queries=ParsedQueries(),
        ids=ids,
        category_field_limit=lambda: checks.limits.category_fields,
        result_index_prefix=names.custom_results,
    )

    memory = MemoryEstimator(
        source=source, breaker=realtime_tools.breaker, running=realtime.needs, clock=clock
    )

    def reconfigure(values: Mapping[str, Any]) -> None:
        changed = dataclasses.replace(settings, **values)
        checks.reconfigure(detector_limits(changed))
        application.previews.reconfigure(preview_limits(changed))
        entities = changed.max_running_entities_per_detector_for_historical_analysis
        application.profiles.reconfigure(entities_at_once=entities)
        budget.dedicated = changed.dedicated_cache_size
        seconds = changed.checkpoint_saving_freq
        opens = _opener(dataclasses.replace(live_tools, checkpoint_seconds=seconds), names)
        limits = realtime_limits(changed)
        realtime.reconfigure(dataclasses.replace(realtime_tools, open=opens, limits=limits))
        historical.reconfigure(
            dataclasses.replace(
                tools,
                plans=plans.limited_to(changed.max_top_entities_for_historical_analysis),
                piece_windows=changed.batch_task_piece_size,
                entities_at_once=entities,
                old_tasks=changed.max_old_ad_task_docs_per_detector,
            ),
            slots=changed.max_batch_task_per_node,
        )

    application = Application(
        settings=settings,
        caller=local_identity(),
        node_id=node_id,
        detectors=DetectorService(
            documents=documents,
            results=results,
            tasks=tasks,
            checks=checks,
            rules=rules,
            historical=historical,
            realtime=realtime,
            influencers=influencers,
            names=names,
            ids=ids,
            clock=clock,
            node_id=node_id,
        ),
        suggestions=SuggestionService(
            source=source, rules=rules, checks=checks, memory=memory, clock=clock
        ),
        validation=ValidationService(
            rules=rules,
            checks=checks,
            models=ModelChecks(source=source, clock=clock),
            memory=memory,
            clock=clock,
        ),
        previews=PreviewService(
            source=source,
            documents=documents,
            executor=executor,
            checks=checks,
            rules=rules,
            names=names,
            limits=preview_limits(settings),
            clock=clock,
        ),
        profiles=ProfileService(
            documents=documents,
            tasks=tasks,
            live=live,
            realtime=RealtimeProfiles(
                realtime=realtime,
                log=realtime_tools.log,
                tasks=tasks,
                source=source,
                clock=clock,
                node_id=node_id,
            ),
            source=source,
            names=names,
            entities_at_once=settings.max_running_entities_per_detector_for_historical_analysis,
        ),
        tasks=TaskService(documents=documents, names=names, clock=clock),
        results=ResultService(
            results=results, documents=documents, tasks=tasks, names=names, clock=clock
        ),
        watching=WatchService(
            results=results,
            documents=documents,
            names=names,
            signal=written,
            clock=clock,
            most=settings.max_watchers,
        ),
        influencers=InfluencerService(jobs=jobs, influencers=influencers, open_windows=realtime),
        ml_results=MlResultService(jobs=jobs, influencers=influencers),
        stats=StatsService(
            documents=documents,
            results=results,
            counters=counters,
            realtime=realtime,
            names=names,
            clock=clock,
            node_id=node_id,
        ),
        runtime_settings=SettingsService(
            documents=documents,
            names=names,
            settings=runtime_settings(settings),
            apply=reconfigure,
        ),
        indices=IndexService(
            indices=EmbeddedIndices(
                catalogue,
                now=clock.now,
                ids=CountedIds(random_bytes),
                reserved_prefix=names.prefix,
            ),
            names=names,
            clock=clock,
        ),
        metrics=metrics,
        tracer=open_tracer(settings.trace_endpoint),
        realtime=realtime,
        _orphans=OrphanCheck(
            documents=documents,
            names=names,
            tasks=tasks,
            log=realtime_tools.log,
            checkpoints=checkpoints,
            influencers=influencers,
            clock=clock,
        ),
        _scheduler=scheduler,
        _recorder=recorder,
        _checkpoints=checkpoints,
        _spill=spill,
        _database=database,
    )
    application.runtime_settings.restore()
    historical.resume()
    realtime.resume()
    return application


def _opener(tools: LiveTools, names: IndexNames) -> Callable[[AnalysisPlan], LiveDetector]:
    def open_models(plan: AnalysisPlan) -> LiveDetector:
        return LiveDetector(
            plan,
            fingerprint=fingerprint(plan.detector),
            indices=(names.results_from(plan.detector.result_index),),
            tools=tools,
        )

    return open_models


def _quarter_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


def _node_id(data_dir: Path | None) -> str:
    """Name this machine and folder: the same after every restart, like a node of the reference."""
    place = "memory" if data_dir is None else str(data_dir.resolve())
    digest = hashlib.sha256(f"{platform.node()}\0{place}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:NODE_ID_BYTES]).rstrip(b"=").decode("ascii")
