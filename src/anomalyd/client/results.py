"""Calls of ResultService."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anomalyd.client.bodies import Body, as_message, search_body
from anomalyd.client.connection import Connection
from anomalyd.v1 import common_pb2, result_pb2
from anomalyd.v1 import result_service_pb2 as pb

SERVICE = "ResultService"


class Results:
    """Read what detectors found."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def search(
        self,
        body: Body = None,
        *,
        result_index: str | None = None,
        only_custom: bool = False,
        page_token: str = "",
        timeout: float | None = None,
    ) -> pb.SearchResultsResponse:
        """Search results.

        Args:
            body: the search; None returns the first ten results.
            result_index: a custom result index to search beside the default ones.
            only_custom: search the custom index alone.
            page_token: ``next_page_token`` of the page before; the first page when empty.
            timeout: seconds.

        Raises: ParsingError, IllegalArgument.
        """
        request = pb.SearchResultsRequest(
            body=search_body(body),
            result_index=result_index,
            only_query_custom_result_index=only_custom,
            page_token=page_token,
        )
        return self._connection.call(
            f"{SERVICE}/SearchResults", request, pb.SearchResultsResponse, timeout=timeout
        )

    def anomalies(
        self,
        detector_id: str,
        *,
        task_id: str | None = None,
        grade_above: float = 0.0,
        size: int = 1000,
        timeout: float | None = None,
    ) -> pb.SearchResultsResponse:
        """Return a detector's anomalies by time.

        Args:
            detector_id: the detector.
            task_id: only those of this historical task.
            grade_above: leave out those with this grade or less.
            size: at most so many, up to 10,000; ``hits.total`` tells how many there are.
            timeout: seconds.
        """
        conditions: list[dict[str, Any]] = [
            {"term": {"detector_id": detector_id}},
            {"range": {"anomaly_grade": {"gt": grade_above}}},
        ]
        if task_id is not None:
            conditions.append({"term": {"task_id": task_id}})
        body = {
            "query": {"bool": {"filter": conditions}},
            "sort": ["data_start_time"],
            "size": size,
            "track_total_hits": True,
        }
        return self.search(body, timeout=timeout)

    def top_anomalies(
        self,
        detector_id: str,
        *,
        start: int,
        end: int,
        historical: bool = True,
        task_id: str | None = None,
        category_fields: Sequence[str] = (),
        order: result_pb2.TopAnomalyOrder = result_pb2.TOP_ANOMALY_ORDER_SEVERITY,
        size: int | None = None,
        timeout: float | None = None,
    ) -> pb.GetTopAnomaliesResponse:
        """Rank the entities of a high-cardinality detector.

        Args:
            detector_id: the detector.
            start: results whose window ends at this time or later, epoch ms.
            end: results whose window ends at this time or earlier, epoch ms.
            historical: rank historical results, not real-time ones.
            task_id: of this historical task; the latest when None.
            category_fields: group by these; by all of the detector's when empty.
            order: by highest grade or by number of anomalies.
            size: how many, up to 10,000; 10 when None.
            timeout: seconds.

        Raises: DetectorNotFound, IllegalArgument, ActionInvalid.
        """
        request = pb.GetTopAnomaliesRequest(
            detector_id=detector_id,
            historical=historical,
            size=size,
            category_field=category_fields,
            order=order,
            task_id=task_id,
            start_time_ms=start,
            end_time_ms=end,
        )
        return self._connection.call(
            f"{SERVICE}/GetTopAnomalies", request, pb.GetTopAnomaliesResponse, timeout=timeout
        )

    def delete(
        self, query: Mapping[str, Any], *, timeout: float | None = None
    ) -> pb.DeleteResultsResponse:
        """Delete the results that a query matches; those in custom indices stay.

        Raises: ParsingError, IllegalArgument.
        """
        request = as_message({"query": query}, pb.DeleteResultsRequest)
        return self._connection.call(
            f"{SERVICE}/DeleteResults", request, pb.DeleteResultsResponse, timeout=timeout
        )

    def watch(
        self,
        detector_id: str = "",
        *,
        task_id: str | None = None,
        grade_above: float | None = None,
        entity: Mapping[str, str] | None = None,
        after: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[pb.WatchResultsResponse]:
        """Follow results as they are written; closing the iterator ends it.

        Args:
            detector_id: the detector; all when empty.
            task_id: results of this historical task; those of real time when None.
            grade_above: only anomalies of a higher grade, 0 to 1.
            entity: only results with these values of category fields.
            after: ``position`` of the last message that was seen; only what is new when None.
            timeout: seconds; no limit when None.

        Raises: DetectorNotFound, IllegalArgument, Throttled, from the iterator.
        """
        request = pb.WatchResultsRequest(
            detector_id=detector_id,
            task_id=task_id,
            grade_above=grade_above,
            entity=[
                common_pb2.Entity(name=name, value=value) for name, value in (entity or {}).items()
            ],
            after=after,
        )
        return self._connection.follow(
            f"{SERVICE}/WatchResults", request, pb.WatchResultsResponse, timeout=timeout
        )
