"""What a running service can do: the use cases, put together by ``app.build``.

Belongs to the composition root, beside ``app``.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomalyd.auth.identity import Identity
from anomalyd.config import Settings
from anomalyd.embedded.database import Database
from anomalyd.engine.influencers import InfluencerRecorder
from anomalyd.executor.spill import SpillFile
from anomalyd.metrics import Metrics
from anomalyd.schedule.orphans import OrphanCheck
from anomalyd.schedule.realtime import RealtimeDetection
from anomalyd.schedule.scheduler import Scheduler
from anomalyd.service.detectors import DetectorService
from anomalyd.service.indices import IndexService
from anomalyd.service.influencers import InfluencerService
from anomalyd.service.ml_results import MlResultService
from anomalyd.service.preview import PreviewService
from anomalyd.service.profile import ProfileService
from anomalyd.service.results import ResultService
from anomalyd.service.settings import SettingsService
from anomalyd.service.stats import StatsService
from anomalyd.service.suggest import SuggestionService
from anomalyd.service.tasks import TaskService
from anomalyd.service.validation import ValidationService
from anomalyd.service.watching import WatchService
from anomalyd.store.embedded import EmbeddedCheckpointStore
from anomalyd.tracing import Tracer


@dataclass(frozen=True, kw_only=True)
class Application:
    """All use cases of one service, ready to be called from any thread.

    Attributes:
        caller: who everybody is, until there is authentication.
        node_id: of this process in tasks and statistics: 22 characters.
    """

    settings: Settings
    caller: Identity
    node_id: str
    detectors: DetectorService
    previews: PreviewService
    profiles: ProfileService
    validation: ValidationService
    suggestions: SuggestionService
    tasks: TaskService
    results: ResultService
    watching: WatchService
    influencers: InfluencerService
    ml_results: MlResultService
    stats: StatsService
    runtime_settings: SettingsService
    metrics: Metrics
    tracer: Tracer
    indices: IndexService
    realtime: RealtimeDetection
    _orphans: OrphanCheck
    _scheduler: Scheduler
    _recorder: InfluencerRecorder
    _checkpoints: EmbeddedCheckpointStore
    _spill: SpillFile
    _database: Database

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def orphans(self) -> tuple[str, ...]:
        """Tell what is kept of detectors that do not run, and what running ones lack."""
        return self._orphans.findings(self.realtime.lives())

    def close(self) -> None:
        """Interrupt what is running, wait for it, and close the database; twice is fine.

        Runs that were interrupted go on when an application is built on the same folder again.
        """
        self.realtime.close()
        self._scheduler.close()
        self.realtime.save()
        self._recorder.close()
        self._checkpoints.close()
        self._spill.close()
        self._database.close()
        self.tracer.close()
