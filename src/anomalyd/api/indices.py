"""``anomalyd.v1.IndexService``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import grpc

from anomalyd.api import documents
from anomalyd.api.bulk import MOST_FAILURES, bulk_body, default_index, form_of, item_document
from anomalyd.api.convert import to_document
from anomalyd.api.paging import paged
from anomalyd.api.typed import required, respond
from anomalyd.errors import IllegalArgument
from anomalyd.schedule.clock import Clock
from anomalyd.service.indices import IndexService
from anomalyd.v1 import index_service_pb2 as pb
from anomalyd.v1.index_service_pb2_grpc import IndexServiceServicer

Context = grpc.ServicerContext

_NOT_IN_BODY = frozenset({"index"})


class IndexServicer(IndexServiceServicer):
    """Checks, converts, calls the use case, converts back."""

    def __init__(self, indices: IndexService, clock: Clock) -> None:
        self._indices = indices
        self._clock = clock

    def CreateIndex(  # noqa: N802 - RPC names are as in the proto
        self, request: pb.CreateIndexRequest, context: Context
    ) -> pb.CreateIndexResponse:
        """Create an index."""
        name = required(request.index, "index")
        self._indices.create_index(name, to_document(request, without=_NOT_IN_BODY))
        answer = {"acknowledged": True, "shards_acknowledged": True, "index": name}
        return respond(answer, pb.CreateIndexResponse)

    def GetMapping(  # noqa: N802
        self, request: pb.GetMappingRequest, context: Context
    ) -> pb.GetMappingResponse:
        """Read the fields of indices."""
        found = self._indices.get_mapping(_patterns(request.indices))
        return respond({"indices": documents.mappings(found)}, pb.GetMappingResponse)

    def Bulk(  # noqa: N802
        self, request: pb.BulkRequest, context: Context
    ) -> pb.BulkResponse:
        """Write a batch and report on every document."""
        begun = self._clock.monotonic()
        batch = request.batch
        result = self._indices.bulk(bulk_body(batch), default_index=default_index(batch))
        items = [item_document(item) for item in result.items]
        answer = {"took": self._since(begun), "errors": result.errors, "items": items}
        return respond(answer, pb.BulkResponse)

    def BulkStream(  # noqa: N802
        self, request_iterator: Iterator[pb.BulkStreamRequest], context: Context
    ) -> pb.BulkStreamResponse:
        """Write batch after batch and report at the end."""
        begun = self._clock.monotonic()
        tally = _Tally(self._indices)
        for request in request_iterator:
            tally.write(request)
        answer = {"took": self._since(begun), "errors": tally.failed > 0, **tally.document()}
        return respond(answer, pb.BulkStreamResponse)

    def Search(  # noqa: N802
        self, request: pb.SearchRequest, context: Context
    ) -> pb.SearchResponse:
        """Search documents."""
        patterns = _patterns(request.indices)

        def search(body: dict[str, Any]) -> dict[str, Any]:
            return self._indices.search(patterns, body | {"seq_no_primary_term": True})

        scope = tuple(patterns)
        found = paged(to_document(request.body), request.page_token, search, scope=scope)
        return respond(found, pb.SearchResponse)

    def Count(  # noqa: N802
        self, request: pb.CountRequest, context: Context
    ) -> pb.CountResponse:
        """Count documents."""
        patterns = _patterns(request.indices)
        query = to_document(request).get("query")
        count = self._indices.count(patterns, query)
        shards = documents.read_shards(len(self._indices.get_mapping(patterns)))
        return respond({"count": count, "_shards": shards}, pb.CountResponse)

    def DeleteIndex(  # noqa: N802
        self, request: pb.DeleteIndexRequest, context: Context
    ) -> pb.DeleteIndexResponse:
        """Delete indices."""
        if not request.indices:
            raise IllegalArgument("[indices] must name at least one index", field="indices")
        self._indices.delete_index(tuple(request.indices))
        return respond({"acknowledged": True}, pb.DeleteIndexResponse)

    def _since(self, begun: float) -> int:
        return round((self._clock.monotonic() - begun) * 1000)


class _Tally:
    """Writes the batches of one stream and counts what became of them."""

    def __init__(self, indices: IndexService) -> None:
        self._indices = indices
        self._failures: list[object] = []
        self._position = 0
        self.succeeded = 0
        self.failed = 0

    def write(self, request: pb.BulkStreamRequest) -> None:
        batch = request.batch
        if form_of(batch) == "documents":
            self._append(required(batch.index, "batch.index"), batch.documents)
            return
        result = self._indices.bulk(bulk_body(batch), default_index=default_index(batch))
        failures = [
            (at, item_document(item))
            for at, item in enumerate(result.items)
            if item.error is not None
        ]
        self._count(len(result.items), len(result.items) - len(failures), failures)

    def _append(self, index: str, lines: bytes) -> None:
        result = self._indices.append_lines(index, lines)
        described = {"action": "index", "index": index, "status": 400}
        failures = [(at, {**described, "error": e}) for at, e in sorted(result.failures.items())]
        self._count(result.lines, result.written, failures)

    def _count(
        self, operations: int, succeeded: int, failures: Sequence[tuple[int, Mapping[str, Any]]]
    ) -> None:
        room = MOST_FAILURES - len(self._failures)
        self._failures.extend(
            {**item, "position": self._position + at} for at, item in failures[:room]
        )
        self._position += operations
        self.succeeded += succeeded
        self.failed += len(failures)

    def document(self) -> dict[str, object]:
        return {
            "succeeded": self.succeeded,
            "failed": self.failed,
            "failures": self._failures,
        }


def _patterns(indices: Sequence[str]) -> tuple[str, ...]:
    return tuple(indices) or ("*",)
