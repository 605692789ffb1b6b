"""The composition root: settings → a running application.

With ``foundation`` and ``background``, which it is made of, the only place that names concrete
stores, sources and executors, and that reads the machine's clock, randomness and name.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from anomalyd.application import Application
from anomalyd.auth.identity import local_identity
from anomalyd.auth.policy import Policy
from anomalyd.background import Background, prepare
from anomalyd.config import Settings, runtime_settings
from anomalyd.embedded.database import FILE_NAME, Database
from anomalyd.foundation import Foundation, lay
from anomalyd.limits import detector_limits, preview_limits
from anomalyd.model.detector_parse import DetectorRules
from anomalyd.schedule.clock import Clock, SystemClock
from anomalyd.schedule.orphans import OrphanCheck
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
from anomalyd.tracing import open_tracer


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
        base = lay(settings, database, clock, random_bytes)
        background = prepare(settings, base)
        application = _assemble(settings, base, background)
        application.runtime_settings.restore()
        background.historical.resume()
        background.realtime.resume()
        return application
    except BaseException:
        database.close()
        raise


def _assemble(settings: Settings, base: Foundation, background: Background) -> Application:
    names, clock, documents, tasks = base.names, base.clock, base.documents, base.tasks
    realtime = background.realtime
    checks = DetectorChecks(
        source=base.source,
        documents=documents,
        results=base.results,
        names=names,
        limits=detector_limits(settings),
        clock=clock,
    )
    jobs = Jobs(documents=documents, names=names, clock=clock, policy=Policy())
    rules = DetectorRules(
        queries=ParsedQueries(),
        ids=base.ids,
        category_field_limit=lambda: checks.limits.category_fields,
        result_index_prefix=names.custom_results,
    )

    memory = MemoryEstimator(
        source=base.source, breaker=background.breaker, running=realtime.needs, clock=clock
    )

    def reconfigure(values: Mapping[str, Any]) -> None:
        changed = dataclasses.replace(settings, **values)
        checks.reconfigure(detector_limits(changed))
        application.previews.reconfigure(preview_limits(changed))
        entities = changed.max_running_entities_per_detector_for_historical_analysis
        application.profiles.reconfigure(entities_at_once=entities)
        background.reconfigure(changed)

    application = Application(
        settings=settings,
        caller=local_identity(),
        node_id=base.node_id,
        detectors=DetectorService(
            documents=documents,
            results=base.results,
            tasks=tasks,
            checks=checks,
            rules=rules,
            historical=background.historical,
            realtime=realtime,
            influencers=base.influencers,
            names=names,
            ids=base.ids,
            clock=clock,
            node_id=base.node_id,
        ),
        suggestions=SuggestionService(
            source=base.source, rules=rules, checks=checks, memory=memory, clock=clock
        ),
        validation=ValidationService(
            rules=rules,
            checks=checks,
            models=ModelChecks(source=base.source, clock=clock),
            memory=memory,
            clock=clock,
        ),
        previews=PreviewService(
            source=base.source,
            documents=documents,
            executor=base.executor,
            checks=checks,
            rules=rules,
            names=names,
            limits=preview_limits(settings),
            clock=clock,
        ),
        profiles=ProfileService(
            documents=documents,
            tasks=tasks,
            live=background.live,
            realtime=RealtimeProfiles(
                realtime=realtime,
                log=background.log,
                tasks=tasks,
                source=base.source,
                clock=clock,
                node_id=base.node_id,
            ),
            source=base.source,
            names=names,
            entities_at_once=settings.max_running_entities_per_detector_for_historical_analysis,
        ),
        tasks=TaskService(documents=documents, names=names, clock=clock),
        results=ResultService(
            results=base.results, documents=documents, tasks=tasks, names=names, clock=clock
        ),
        watching=WatchService(
            results=base.results,
            documents=documents,
            names=names,
            signal=base.written,
            clock=clock,
            most=settings.max_watchers,
        ),
        influencers=InfluencerService(
            jobs=jobs, influencers=base.influencers, open_windows=realtime
        ),
        ml_results=MlResultService(jobs=jobs, influencers=base.influencers),
        stats=StatsService(
            documents=documents,
            results=base.results,
            counters=background.counters,
            realtime=realtime,
            names=names,
            clock=clock,
            node_id=base.node_id,
        ),
        runtime_settings=SettingsService(
            documents=documents,
            names=names,
            settings=runtime_settings(settings),
            apply=reconfigure,
        ),
        indices=IndexService(
            indices=base.indices,
            names=names,
            clock=clock,
        ),
        metrics=base.metrics,
        tracer=open_tracer(settings.trace_endpoint),
        realtime=realtime,
        _orphans=OrphanCheck(
            documents=documents,
            names=names,
            tasks=tasks,
            log=background.log,
            checkpoints=base.checkpoints,
            influencers=base.influencers,
            clock=clock,
        ),
        _scheduler=base.scheduler,
        _recorder=background.recorder,
        _checkpoints=base.checkpoints,
        _spill=base.spill,
        _database=base.database,
    )
    return application
