"""A data directory looked at without its service, and without changing it.

Belongs to the composition root, beside ``app``.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomalyd.config import Settings
from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import FILE_NAME, Database
from anomalyd.errors import SourceUnavailable
from anomalyd.model.index_names import IndexNames
from anomalyd.schedule.clock import SystemClock
from anomalyd.schedule.orphans import OrphanCheck
from anomalyd.schedule.realtime_log import RealtimeLog
from anomalyd.schedule.task_log import TaskLog
from anomalyd.store.embedded import (
    EmbeddedCheckpointStore,
    EmbeddedDocumentStore,
    EmbeddedInfluencerStore,
)


@dataclass(frozen=True)
class CheckedFolder:
    """What a look at a data directory gave.

    Attributes:
        findings: what is wrong, a line each; none when all is well.
        running: detectors that run.
        models: checkpoints of their models.
    """

    findings: tuple[str, ...]
    running: int
    models: int


def check(settings: Settings) -> CheckedFolder:
    """Look at the data directory of a service that does not run; nothing in it is changed.

    Raises:
        SourceUnavailable: there is none, or its service runs.
        CorruptState: it cannot be read.
    """
    folder = settings.data_dir
    if folder is None or not (folder / FILE_NAME).is_file():
        raise SourceUnavailable(f"[{folder}] is no data directory")
    clock, names = SystemClock(), IndexNames(settings.index_prefix)
    with Database(folder / FILE_NAME, read_only=True) as database:
        documents = EmbeddedDocumentStore(Catalogue(database))
        checkpoints = EmbeddedCheckpointStore(folder, read_only=True)
        log = RealtimeLog(documents, names=names, clock=clock)
        orphans = OrphanCheck(
            documents=documents,
            names=names,
            tasks=TaskLog(documents, names=names, clock=clock),
            log=log,
            checkpoints=checkpoints,
            influencers=EmbeddedInfluencerStore(database),
            clock=clock,
        )
        try:
            return CheckedFolder(
                orphans.findings(), len(log.enabled()), sum(checkpoints.detectors().values())
            )
        finally:
            checkpoints.close()
