"""Whether anything is kept of detectors that do not run, or are gone.

Looks at the stores alone, so that it can be asked of a folder whose service is not running as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from anomalyd.model.index_names import IndexNames
from anomalyd.model.task import HISTORICAL, REALTIME
from anomalyd.query.parse_search import parse_search
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.realtime_log import RealtimeLog
from anomalyd.schedule.task_log import TaskLog
from anomalyd.store.base import DocumentStore
from anomalyd.store.influencers import InfluencerStore
from anomalyd.store.models import CheckpointStore

PAGE = 10_000
"""Documents that are read at once."""


@dataclass(frozen=True, kw_only=True)
class OrphanCheck:
    """Compares what the stores hold. Thread-safe, changes nothing.

    Attributes:
        documents: detectors, and the windows of historical runs.
        names: their indices.
        tasks, log: tasks; jobs and states.
        checkpoints: of models.
        influencers: states and rows of detectors.
        clock: for searches.
    """

    documents: DocumentStore
    names: IndexNames
    tasks: TaskLog
    log: RealtimeLog
    checkpoints: CheckpointStore
    influencers: InfluencerStore
    clock: Clock

    def findings(self, models: Collection[str] = ()) -> tuple[str, ...]:
        """Return what is wrong, a line each, sorted; none when all is well.

        Args:
            models: detectors that have models in memory, where the service runs.
        """
        detectors = set(self._documents(self.names.detectors))
        jobs = {job.name for job in self.log.enabled()}
        every_job = set(self._documents(self.names.jobs))
        states = {state.detector_id: state for state in self.log.states()}
        trained = self.checkpoints.fingerprints()
        tasks = {task.detector_id for task in self.tasks.unfinished(REALTIME)}
        without_job: Mapping[str, Collection[str]] = {
            "task": tasks,
            "state and lease": states,
            "checkpoint": trained,
            "model": models,
        }
        without_detector: Mapping[str, Collection[str]] = {
            "job": every_job,
            "task": self.tasks.detectors(),
            "influencer state": self.influencers.jobs(),
        }
        found = [
            f"{id}: a {what} without a job"
            for what, ids in without_job.items()
            for id in set(ids) - jobs
        ]
        found += [
            f"{id}: a{'n' * (what[0] == 'i')} {what} without a detector"
            for what, ids in without_detector.items()
            for id in set(ids) - detectors
        ]
        found += [f"{id}: a job without a task" for id in jobs - tasks]
        found += [f"{id}: a job without a state" for id in jobs - states.keys()]
        found += [
            f"{id}: a checkpoint of another definition"
            for id, state in states.items()
            if trained.get(id, frozenset()) - {state.fingerprint}
        ]
        running = {task.id for task in self.tasks.unfinished(HISTORICAL)}
        found += [
            f"{run['detector_id']}: windows of a historical run that has ended"
            for id, run in self._documents(self.names.checkpoints).items()
            if "task_id" in run and id not in running
        ]
        return tuple(sorted(found))

    def _documents(self, index: str) -> Mapping[str, Mapping[str, str]]:
        """Return all documents of an index by id."""
        found: dict[str, Mapping[str, str]] = {}
        body = {"query": {"match_all": {}}, "size": PAGE, "sort": [{"_seq_no": "asc"}]}
        more: dict[str, object] = {}
        while True:
            request = parse_search(body | more)
            hits = self.documents.search(index, request, now=self.clock.now())["hits"]["hits"]
            found |= {hit["_id"]: hit["_source"] for hit in hits}
            if len(hits) < PAGE:
                return found
            more = {"search_after": hits[-1]["sort"]}
