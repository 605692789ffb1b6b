"""Figures of the service and of its node; how many detectors there are."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from anomalyd.engine.live import LiveDetector
from anomalyd.errors import IllegalArgument
from anomalyd.model.detector import DetectorType
from anomalyd.model.entity import entity_document, model_id
from anomalyd.model.index_names import IndexNames
from anomalyd.query.parse_search import parse_search
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.counters import NodeCounters
from anomalyd.schedule.realtime import RealtimeDetection
from anomalyd.store.base import DocumentStore, ResultStore

Document = dict[str, Any]

ALL = "_all"
MOST_MODELS = 100
"""Models that are shown one by one."""
GREEN = "green"
NON_EXISTENT = "non-existent"
_EVERYTHING: Mapping[str, Any] = {"match_all": {}}

_NODE_STATS = (
    "ad_execute_request_count",
    "models",
    "ad_canceled_batch_task_count",
    "ad_hc_execute_request_count",
    "ad_hc_execute_failure_count",
    "model_count",
    "ad_execute_failure_count",
    "ad_batch_task_failure_count",
    "ad_total_batch_task_execution_count",
    "ad_executing_batch_task_count",
)
"""Figures of a node, in the order of a real node's answer."""


class StatsService:
    """Use case of figures. Thread-safe.

    Args:
        documents: where detectors, jobs and tasks are.
        results: the results.
        counters: what this process has done.
        realtime: where the models that stay in memory are.
        names: the indices.
        clock: for searches.
        node_id: of this process.
    """

    def __init__(
        self,
        *,
        documents: DocumentStore,
        results: ResultStore,
        counters: NodeCounters,
        realtime: RealtimeDetection,
        names: IndexNames,
        clock: Clock,
        node_id: str,
    ) -> None:
        self._documents = documents
        self._results = results
        self._counters = counters
        self._realtime = realtime
        self._names = names
        self._clock = clock
        self._node_id = node_id
        # The order is that of a real node's answer.
        self._of_service: Mapping[str, Callable[[], object]] = {
            "anomaly_detectors_index_status": lambda: self._status(names.detectors),
            "anomaly_detection_state_status": lambda: self._status(names.state),
            "single_entity_detector_count": lambda: self._count_type(DetectorType.SINGLE_ENTITY),
            "detector_count": self._count,
            "multi_entity_detector_count": lambda: self._count_type(DetectorType.MULTI_ENTITY),
            "anomaly_detection_job_index_status": lambda: self._status(names.jobs),
            "models_checkpoint_index_status": lambda: self._status(names.checkpoints),
            "anomaly_results_index_status": self._results_status,
        }

    def read(
        self, stats: Sequence[str] = (), nodes: Sequence[str] = (), *, request: str
    ) -> Document:
        """Return figures.

        Args:
            stats: which; none or ``_all`` = all.
            nodes: of which nodes; none or ``_all`` = all. Unknown ones are left out, as observed.
            request: how an error names the request.

        Returns: figures of the service by name, and ``nodes``: node id → its figures.

        Raises: IllegalArgument for a figure that is not known, or for ``_all`` beside others.
        """
        here = not nodes or ALL in nodes or self._node_id in nodes
        node = self._node() if here else {}
        wanted = self._wanted(stats, [*self._of_service, *_NODE_STATS], request)
        service = {name: read() for name, read in self._of_service.items() if name in wanted}
        shown = {name: value for name, value in node.items() if name in wanted}
        return {**service, "nodes": {self._node_id: shown} if here else {}}

    def detectors(self, name: str | None = None) -> Document:
        """Count the detectors, or those of exactly this name, which is one or none.

        Returns: ``{"match": whether there is one of that name, "count": how many}``.
        """
        if name is None:
            return {"match": False, "count": self._count()}
        count = self._count({"term": {"name.keyword": name}})
        return {"match": count > 0, "count": count}

    def _wanted(self, asked: Sequence[str], known: Sequence[str], request: str) -> frozenset[str]:
        if not asked or list(asked) == [ALL]:
            return frozenset(known)
        if ALL in asked:
            others = ",".join(asked)
            raise IllegalArgument(
                f"request [{request}] contains {ALL} and individual stats [{others}]", field="stats"
            )
        unknown = sorted(set(asked) - set(known))
        if unknown:
            plural = "s" if len(unknown) > 1 else ""
            named = ", ".join(f"[{name}]{_meant(name, known)}" for name in unknown)
            raise IllegalArgument(
                f"request [{request}] contains unrecognized stat{plural}: {named}", field="stats"
            )
        return frozenset(asked)

    def _node(self) -> Document:
        counts = dataclasses.asdict(self._counters.read())
        lives = self._realtime.lives()
        models: Document = {
            "models": list(itertools.islice(_models(lives.values()), MOST_MODELS)),
            "model_count": sum(live.count for live in lives.values()),
        }
        return {name: (counts | models)[name] for name in _NODE_STATS}

    def _status(self, index: str) -> str:
        return GREEN if self._documents.exists(index) else NON_EXISTENT

    def _results_status(self) -> str:
        return GREEN if self._results.indices(self._names.results) else NON_EXISTENT

    def _count_type(self, type: DetectorType) -> int:
        return self._count({"term": {"detector_type": type.value}})

    def _count(self, query: Mapping[str, Any] = _EVERYTHING) -> int:
        request = parse_search({"query": query, "size": 0, "track_total_hits": True})
        found = self._documents.search(self._names.detectors, request, now=self._clock.now())
        total: int = found["hits"]["total"]["value"]
        return total


def _models(lives: Iterable[LiveDetector]) -> Iterator[Document]:
    for live in lives:
        detector_id, categories = live.plan.detector_id, live.plan.detector.categories
        for model in live.models():
            yield {
                "detector_id": detector_id,
                "model_type": "entity" if categories else "rcf",
                "last_used_time": model.last_used,
                "model_id": model_id(detector_id, categories, model.entity),
                "last_checkpoint_time": model.last_saved,
                **({"entity": entity_document(categories, model.entity)} if categories else {}),
            }


def _meant(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" -> did you mean [{near[0]}]?" if near else ""
