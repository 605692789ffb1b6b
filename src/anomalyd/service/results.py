"""Anomaly results: search, top anomalies, deletion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomalyd.errors import ActionInvalid, DetectorNotFound, IllegalArgument, MissingBody
from anomalyd.model.detector import Detector
from anomalyd.model.index_names import IndexNames
from anomalyd.model.result import TopAnomaliesRequest
from anomalyd.model.task import TaskType
from anomalyd.query.nodes import Query
from anomalyd.schedule.clock import Clock
from anomalyd.schedule.task_log import TaskLog
from anomalyd.service.searching import required_search, timed
from anomalyd.store.base import DocumentStore, ResultStore

Document = dict[str, Any]


class ResultService:
    """Use cases of results. Thread-safe.

    Args:
        results: the results.
        documents: where detectors are.
        tasks: to find a detector's latest run.
        names: the result indices.
        clock: for date math and durations.
    """

    def __init__(
        self,
        *,
        results: ResultStore,
        documents: DocumentStore,
        tasks: TaskLog,
        names: IndexNames,
        clock: Clock,
    ) -> None:
        self._results = results
        self._documents = documents
        self._tasks = tasks
        self._names = names
        self._clock = clock

    def search(
        self,
        body: Mapping[str, Any] | None,
        *,
        custom_index: str | None = None,
        only_custom: bool = False,
        encoded: bool = False,
    ) -> Document:
        """Search results.

        Args:
            body: an Elasticsearch search.
            custom_index: a custom result index (a pattern, or several with commas) to search as
                well; one that is not there is left out, as observed.
            only_custom: leave the default indices out.
            encoded: whole documents of hits may come as ``orjson.Fragment``.

        Raises:
            MissingBody, ParsingError, IllegalArgument: the body; "No custom result index set." and
            "No custom result indices found" when only custom ones were asked for.
        """
        request = required_search(body, encoded=encoded)
        custom = self._custom_indices(custom_index)
        if only_custom and custom_index is None:
            raise IllegalArgument("No custom result index set.")
        if only_custom and not custom:
            raise IllegalArgument("No custom result indices found")
        default = () if only_custom else self._results.indices(self._names.results)
        return timed(
            self._clock,
            lambda: self._results.search((*default, *custom), request, now=self._clock.now()),
        )

    def top_anomalies(
        self, detector_id: str, body: Mapping[str, Any] | None, *, historical: bool
    ) -> list[Document]:
        """Return the buckets ``{"key", "doc_count", "max_anomaly_grade"}``, the top one first.

        Args:
            detector_id: of a detector with category fields.
            body: see ``TopAnomaliesRequest``.
            historical: results of a historical run, the latest unless the body names its task;
                else those of real time.

        Raises:
            MissingBody, ActionInvalid, IllegalArgument: the body, word for word as documented.
            DetectorNotFound.
        """
        if body is None:
            raise MissingBody("request body is required")
        request = TopAnomaliesRequest.parse(body)
        stored = self._documents.get(self._names.detectors, detector_id)
        if stored is None:
            raise DetectorNotFound(detector_id)
        detector = Detector.restore(stored.source)
        fields = request.grouping(detector_id, detector.categories)
        anomalies = self._results.top_anomalies(
            self._results.indices(self._names.results_from(detector.result_index)),
            detector_id=detector_id,
            task_id=self._task_id(detector_id, request.task_id) if historical else None,
            category_fields=fields,
            start=request.start,
            end=request.end,
            order=request.order,
            size=request.size,
        )
        return [
            {
                "key": one.key,
                "doc_count": one.doc_count,
                "max_anomaly_grade": one.max_anomaly_grade,
            }
            for one in anomalies
        ]

    def delete(self, body: Mapping[str, Any] | None) -> Document:
        """Delete results of the default indices; custom ones are never touched.

        All that match go in one transaction, so nothing conflicts and nothing is tried again; the
        answer's counters say so.

        Args:
            body: ``{"query": {...}}``, nothing else, so that nothing is deleted by accident.

        Raises:
            MissingBody, ActionInvalid: no body, no query.
            ParsingError, IllegalArgument: the query, or a key beside it.
        """
        query = required_search(body).query
        if query is None:
            raise ActionInvalid("query is missing", field="query")
        others = sorted(set(body or ()) - {"query"})
        if others:
            raise IllegalArgument(
                f"Results are deleted by [query] alone, not by [{others[0]}]", field=others[0]
            )
        return timed(self._clock, lambda: self._delete(query))

    def _delete(self, query: Query) -> Document:
        indices = self._results.indices(self._names.results)
        deleted = self._results.delete_matching(indices, query, now=self._clock.now())
        return {
            "timed_out": False,
            "total": deleted,
            "updated": 0,
            "created": 0,
            "deleted": deleted,
            "batches": 1 if deleted else 0,
            "version_conflicts": 0,
            "noops": 0,
            "retries": {"bulk": 0, "search": 0},
            "throttled_millis": 0,
            "requests_per_second": -1.0,
            "throttled_until_millis": 0,
            "failures": [],
        }

    def _task_id(self, detector_id: str, asked: str | None) -> str:
        if asked is not None:
            return asked
        task = self._tasks.latest(detector_id, (TaskType.HISTORICAL_HC_DETECTOR,))
        if task is None:
            raise IllegalArgument(f"No historical tasks found for detector ID {detector_id}")
        return task.id

    def _custom_indices(self, asked: str | None) -> tuple[str, ...]:
        names = [] if asked is None else asked.split(",")
        found = {
            index
            for name in names
            if name.startswith(self._names.custom_results)
            for index in self._results.indices(name)
        }
        return tuple(sorted(found))
