"""Detectors: create, read, update, search, delete; start and stop, live or over the past."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from anomalyd.auth.identity import Identity
from anomalyd.errors import DetectorNotFound, StateConflict
from anomalyd.model import reading
from anomalyd.model.detector import Detector
from anomalyd.model.detector_parse import DetectorRules, parse_detector
from anomalyd.model.ids import IdGenerator
from anomalyd.model.index_names import IndexNames
from anomalyd.model.job import Job
from anomalyd.model.task import HISTORICAL, REALTIME, DateRange, Task, TaskState, TaskType
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.historical import HistoricalAnalysis
from anomalyd.schedule.realtime import RealtimeDetection
from anomalyd.schedule.task_log import TaskLog
from anomalyd.service.detector_checks import DetectorChecks
from anomalyd.service.detector_update import WriteCondition, check_unchangeable
from anomalyd.service.searching import required_search, timed
from anomalyd.store.base import DocumentStore, DocumentWrite, ResultStore, StoredDocument
from anomalyd.store.influencers import InfluencerStore

Document = dict[str, Any]


@dataclass(frozen=True)
class DetectorWritten:
    """A detector as it was stored, and the fields of the request that nothing here knows."""

    stored: StoredDocument
    ignored_fields: tuple[str, ...]


@dataclass(frozen=True)
class DetectorView:
    """A detector with what belongs to it; a job or task is None where there is none.

    Tasks are their documents with ``task_id`` in front.
    """

    stored: StoredDocument
    job: Document | None
    realtime_task: Document | None
    historical_task: Document | None


@dataclass(frozen=True, kw_only=True)
class DeletedDetector:
    """What became of a deletion: ``result`` is ``deleted`` or ``not_found``."""

    index: str
    id: str
    result: str
    version: int
    seq_no: int
    primary_term: int


class DetectorService:
    """Use cases of detectors. Thread-safe.

    Args:
        documents: where detectors and jobs are.
        results: where custom result indices are made.
        tasks: the tasks of detectors.
        checks: of a detector against data and system.
        rules: how detectors are read.
        historical: runs of past data.
        realtime: detection in real time.
        influencers: what was found of whom; goes with its detector.
        names: the indices of detectors and jobs.
        ids: of detectors and tasks.
        clock: for the times in documents.
        node_id: of this process, for tasks.
    """

    def __init__(
        self,
        *,
        documents: DocumentStore,
        results: ResultStore,
        tasks: TaskLog,
        checks: DetectorChecks,
        rules: DetectorRules,
        historical: HistoricalAnalysis,
        realtime: RealtimeDetection,
        influencers: InfluencerStore,
        names: IndexNames,
        ids: IdGenerator,
        clock: Clock,
        node_id: str,
    ) -> None:
        self._documents = documents
        self._results = results
        self._tasks = tasks
        self._checks = checks
        self._rules = rules
        self._historical = historical
        self._realtime = realtime
        self._influencers = influencers
        self._names = names
        self._ids = ids
        self._clock = clock
        self._node_id = node_id
        # Held while the existence or the state of a detector is looked at and then changed.
        self._changing = threading.Lock()

    def create(self, document: Mapping[str, Any], *, caller: Identity) -> DetectorWritten:
        """Create a detector from its document.

        Raises:
            DetectorInvalid, DetectorRefused: the first rule that it breaks, in the order of
                behaviour §2.
            IllegalArgument, ParsingError: a value of a wrong type.
            IndexNotFound: one of its indices is not there.
        """
        parsed = parse_detector(
            document, rules=self._rules, user=caller.render(), now=self._clock.now()
        )
        detector = parsed.detector
        self._checks.check(detector)
        with self._changing:
            # Again, now that nobody else can create one in between.
            self._checks.check_number(detector)
            self._checks.check_unique_name(detector.name)
            if detector.result_index is not None:
                self._results.create_index(detector.result_index)
            (stored,) = self._documents.put(
                [
                    DocumentWrite(
                        index=self._names.detectors,
                        id=self._ids.next_id(),
                        source=detector.render(),
                        create_only=True,
                    )
                ]
            )
        return DetectorWritten(stored, parsed.ignored_fields)

    def update(
        self,
        detector_id: str,
        document: Mapping[str, Any],
        *,
        condition: WriteCondition,
        caller: Identity,
    ) -> DetectorWritten:
        """Replace the definition of a detector that is not running.

        Features that come with their ``feature_id`` keep it, the others are new ones. The detector
        stays its creator's (behaviour §15).

        Args:
            detector_id: which detector.
            document: the whole new definition.
            condition: which version of the stored one may be replaced.
            caller: who asks.

        Raises:
            DetectorInvalid, DetectorRefused, IllegalArgument, ParsingError, IndexNotFound: as
                ``create``; also for another category field or result index.
            DetectorNotFound.
            StateConflict: "Detector job is running: ID", "Detector is running".
            VersionConflict: somebody else wrote first.
        """
        parsed = parse_detector(
            document, rules=self._rules, user=caller.render(), now=self._clock.now()
        )
        self._checks.check_definition(parsed.detector)
        self._replaceable(detector_id, parsed.detector)
        self._checks.check_system_and_data(parsed.detector, detector_id)
        with self._changing:
            # Again, now that nobody else can start, delete or rename one in between.
            before = self._replaceable(detector_id, parsed.detector)
            self._checks.check_unique_name(parsed.detector.name, detector_id)
            (stored,) = self._documents.put(
                [
                    DocumentWrite(
                        index=self._names.detectors,
                        id=detector_id,
                        source=replace(
                            parsed.detector, user=before.user, result_index=before.result_index
                        ).render(),
                        if_seq_no=condition.seq_no,
                        if_primary_term=condition.primary_term,
                    )
                ]
            )
        return DetectorWritten(stored, parsed.ignored_fields)

    def get(self, detector_id: str, *, job: bool = False, task: bool = False) -> DetectorView:
        """Return a detector, with its job and its latest tasks where asked for.

        Raises: DetectorNotFound.
        """
        stored = self._require(detector_id)
        found = self._documents.get(self._names.jobs, detector_id) if job else None
        return DetectorView(
            stored=stored,
            job=None if found is None else found.source,
            realtime_task=self._latest_task(detector_id, REALTIME) if task else None,
            historical_task=self._latest_task(detector_id, HISTORICAL) if task else None,
        )

    def search(self, body: Mapping[str, Any] | None) -> Document:
        """Search detectors; an empty system has none.

        Raises: MissingBody, ParsingError, IllegalArgument.
        """
        request = required_search(body)
        return timed(
            self._clock,
            lambda: self._documents.search(self._names.detectors, request, now=self._clock.now()),
        )

    def delete(self, detector_id: str) -> DeletedDetector:
        """Delete a detector with its job and tasks; its results stay.

        Raises:
            StateConflict: "Detector job is running: ID", "Detector is running".
        """
        names = self._names
        with self._changing:
            if self._documents.get(names.detectors, detector_id) is not None:
                self._refuse_when_running(detector_id)
                self._tasks.delete_of_detector(detector_id)
                self._documents.delete(names.jobs, detector_id)
            deleted = self._documents.delete(names.detectors, detector_id)
            if deleted is not None:
                self._influencers.forget(detector_id)
        return DeletedDetector(
            index=names.detectors,
            id=detector_id,
            result="not_found" if deleted is None else "deleted",
            version=1 if deleted is None else deleted.version,
            seq_no=0 if deleted is None else deleted.seq_no,
            primary_term=1 if deleted is None else deleted.primary_term,
        )

    def start_historical(
        self, detector_id: str, body: Mapping[str, Any], *, caller: Identity
    ) -> StoredDocument:
        """Begin historical analysis and return its task's document.

        Raises:
            IllegalArgument: start or end is missing or they are the wrong way round.
            DetectorNotFound.
            StateConflict: no enabled features, already running, no task slot.
        """
        date_range = DateRange.parse(reading.mapping(body, "detection_date_range"))
        with self._changing:
            detector = Detector.restore(self._require(detector_id).source)
            _require_features(detector)
            now = self._clock.now()
            several = bool(detector.categories)
            return self._historical.start(
                Task(
                    id=self._ids.next_id(),
                    type=TaskType.HISTORICAL_HC_DETECTOR
                    if several
                    else TaskType.HISTORICAL_SINGLE_ENTITY,
                    state=TaskState.CREATED,
                    detector_id=detector_id,
                    detector=detector.render(),
                    detection_date_range=date_range,
                    started_by=caller.name,
                    user=caller.render(),
                    execution_start_time=now,
                    last_update_time=now,
                    coordinating_node=self._node_id,
                    worker_node=None if several else self._node_id,
                )
            )

    def stop_historical(self, detector_id: str, *, caller: Identity) -> str:
        """Ask historical analysis to end and return its task's id; it ends within two seconds.

        Raises:
            DetectorNotFound.
            StateConflict: "Detector not started", "No running task found".
        """
        self._require(detector_id)
        return self._historical.stop(detector_id, by=caller.name)

    def start_realtime(self, detector_id: str, *, caller: Identity) -> StoredDocument:
        """Begin detection in real time and return the job's document.

        The models learn from history at once, and the newest window that is due is scored.

        Raises:
            DetectorNotFound.
            StateConflict: no enabled features, "Anomaly detector job is already running: ID".
        """
        with self._changing:
            detector = Detector.restore(self._require(detector_id).source)
            _require_features(detector)
            now, user = self._clock.now(), caller.render()
            interval = detector.detection_interval
            return self._realtime.start(
                Job(
                    name=detector_id,
                    interval=interval,
                    window_delay=detector.window_delay,
                    start_time=now,
                    enabled=True,
                    enabled_time=now,
                    last_update_time=now,
                    lock_duration_seconds=interval.milliseconds // 1_000,
                    user=user,
                    result_index=detector.result_index,
                ),
                Task(
                    id=self._ids.next_id(),
                    type=TaskType.REALTIME_HC_DETECTOR
                    if detector.categories
                    else TaskType.REALTIME_SINGLE_ENTITY,
                    state=TaskState.CREATED,
                    detector_id=detector_id,
                    detector=detector.render(),
                    started_by=caller.name,
                    user=user,
                    execution_start_time=now,
                    last_update_time=now,
                    coordinating_node=self._node_id,
                ),
            )

    def stop_realtime(self, detector_id: str, *, caller: Identity) -> str:
        """End detection in real time and return the job's id; no tick runs when it returns.

        Raises:
            DetectorNotFound.
            StateConflict: "Anomaly detector job not exist: ID", "… is already stopped: ID".
        """
        with self._changing:
            self._require(detector_id)
            self._realtime.stop(detector_id, by=caller.name)
        return detector_id

    def _require(self, detector_id: str) -> StoredDocument:
        stored = self._documents.get(self._names.detectors, detector_id)
        if stored is None:
            raise DetectorNotFound(detector_id)
        return stored

    def _replaceable(self, detector_id: str, detector: Detector) -> Detector:
        """Return the stored detector that another definition may replace now."""
        before = Detector.restore(self._require(detector_id).source)
        self._refuse_when_running(detector_id)
        check_unchangeable(before, detector)
        return before

    def _latest_task(self, detector_id: str, types: tuple[TaskType, ...]) -> Document | None:
        task = self._tasks.latest(detector_id, types)
        return None if task is None else {"task_id": task.id, **task.render()}

    def _refuse_when_running(self, detector_id: str) -> None:
        job = self._documents.get(self._names.jobs, detector_id)
        if job is not None and job.source.get("enabled"):
            raise StateConflict(f"Detector job is running: {detector_id}")
        if self._historical.running(detector_id):
            raise StateConflict("Detector is running")


def _require_features(detector: Detector) -> None:
    if not detector.features:
        raise StateConflict("Can't start detector job as no features configured")
    if not detector.enabled_features:
        raise StateConflict("Can't start detector job as no enabled features configured")
