"""What the parts of an application stand on, put together from the settings: data, ids, threads.

A part of the composition root (``app``): concrete stores and sources are named here.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anomalyd.config import Settings
from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.executor.budget import ModelBudget
from anomalyd.executor.spill import SpillFile
from anomalyd.executor.threads import ThreadExecutor
from anomalyd.metrics import Metrics
from anomalyd.model.ids import ByteIds
from anomalyd.model.index_names import IndexNames
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.historical import LANE
from anomalyd.schedule.realtime import LANE as REALTIME_LANE
from anomalyd.schedule.scheduler import Scheduler
from anomalyd.schedule.task_log import TaskLog
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

NODE_ID_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """What services and runs share.

    Attributes:
        node_id: of this process in tasks and statistics: 22 characters.
        written: rings when results were recorded.
    """

    names: IndexNames
    ids: ByteIds
    clock: Clock
    node_id: str
    database: Database
    source: MeasuredSource
    indices: EmbeddedIndices
    documents: EmbeddedDocumentStore
    results: EmbeddedResultStore
    scores: EmbeddedScoreReader
    influencers: EmbeddedInfluencerStore
    checkpoints: EmbeddedCheckpointStore
    written: WriteSignal
    tasks: TaskLog
    scheduler: Scheduler
    executor: ThreadExecutor
    spill: SpillFile
    budget: ModelBudget
    metrics: Metrics


def lay(
    settings: Settings, database: Database, clock: Clock, random_bytes: Callable[[int], bytes]
) -> Foundation:
    """Open everything on the database of a data directory."""
    names = IndexNames(settings.index_prefix)
    catalogue = Catalogue(database)
    metrics = Metrics()
    documents, written = EmbeddedDocumentStore(catalogue), WriteSignal()
    spill = SpillFile(None if settings.data_dir is None else settings.data_dir / "spill.sqlite")
    return Foundation(
        names=names,
        ids=ByteIds(random_bytes),
        clock=clock,
        node_id=_node_id(settings.data_dir),
        database=database,
        source=MeasuredSource(
            EmbeddedSource(catalogue, now=clock.now),
            seconds=clock.monotonic,
            observe=metrics.source_answered,
        ),
        indices=EmbeddedIndices(
            catalogue, now=clock.now, ids=CountedIds(random_bytes), reserved_prefix=names.prefix
        ),
        documents=documents,
        results=EmbeddedResultStore(catalogue, recorded=written.ring),
        scores=EmbeddedScoreReader(catalogue),
        influencers=EmbeddedInfluencerStore(database),
        checkpoints=EmbeddedCheckpointStore(settings.data_dir),
        written=written,
        tasks=TaskLog(documents, names=names, clock=clock),
        scheduler=Scheduler(
            {LANE: settings.historical_threads, REALTIME_LANE: settings.realtime_threads}
        ),
        executor=ThreadExecutor(threads=settings.core_threads),
        spill=spill,
        budget=ModelBudget(
            settings.model_memory_budget or _quarter_of_memory(),
            dedicated=settings.dedicated_cache_size,
            spill=spill,
        ),
        metrics=metrics,
    )


def _quarter_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4


def _node_id(data_dir: Path | None) -> str:
    """Name this machine and folder: the same after every restart, like a node of the reference."""
    place = "memory" if data_dir is None else str(data_dir.resolve())
    digest = hashlib.sha256(f"{platform.node()}\0{place}".encode()).digest()
    return base64.urlsafe_b64encode(digest[:NODE_ID_BYTES]).rstrip(b"=").decode("ascii")
