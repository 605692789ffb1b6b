"""``anomalyd.v1.ResultService``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from anomalyd.api.convert import to_document
from anomalyd.api.paging import paged
from anomalyd.api.typed import required, respond
from anomalyd.service.results import ResultService
from anomalyd.service.watching import WatchService
from anomalyd.v1 import result_service_pb2 as pb
from anomalyd.v1.result_service_pb2_grpc import ResultServiceServicer

Context = grpc.ServicerContext

_NOT_IN_BODY = frozenset({"detector_id", "historical"})


class ResultServicer(ResultServiceServicer):
    """Checks, converts, calls the use case, converts back."""

    def __init__(self, results: ResultService, watching: WatchService) -> None:
        self._results = results
        self._watching = watching

    def SearchResults(  # noqa: N802 - RPC names are as in the proto
        self, request: pb.SearchResultsRequest, context: Context
    ) -> pb.SearchResultsResponse:
        """Search results."""
        custom_index = request.result_index if request.HasField("result_index") else None
        only_custom = request.only_query_custom_result_index

        def search(body: dict[str, Any]) -> dict[str, Any]:
            return self._results.search(body, custom_index=custom_index, only_custom=only_custom)

        scope = (custom_index, only_custom)
        found = paged(to_document(request.body), request.page_token, search, scope=scope)
        return respond(found, pb.SearchResultsResponse)

    def GetTopAnomalies(  # noqa: N802
        self, request: pb.GetTopAnomaliesRequest, context: Context
    ) -> pb.GetTopAnomaliesResponse:
        """Rank the entities of a detector."""
        buckets = self._results.top_anomalies(
            required(request.detector_id, "detector_id"),
            to_document(request, without=_NOT_IN_BODY),
            historical=request.historical,
        )
        return respond({"buckets": buckets}, pb.GetTopAnomaliesResponse)

    def DeleteResults(  # noqa: N802
        self, request: pb.DeleteResultsRequest, context: Context
    ) -> pb.DeleteResultsResponse:
        """Delete results of the default indices."""
        return respond(self._results.delete(to_document(request)), pb.DeleteResultsResponse)

    def WatchResults(  # noqa: N802
        self, request: pb.WatchResultsRequest, context: Context
    ) -> Iterator[pb.WatchResultsResponse]:
        """Send results as they are written."""
        for page in self._watching.results(to_document(request), active=context.is_active):
            for position, result in page.results:
                shown = {"result": result, "position": position, "behind": page.behind}
                yield respond(shown, pb.WatchResultsResponse)
            if not page.results:
                yield pb.WatchResultsResponse(position=page.position, behind=page.behind)
