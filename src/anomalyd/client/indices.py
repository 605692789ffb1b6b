"""Calls of IndexService: how data get into the embedded source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anomalyd.client.bodies import Body, search_body
from anomalyd.client.connection import Connection
from anomalyd.v1 import index_pb2
from anomalyd.v1 import index_service_pb2 as pb

SERVICE = "IndexService"


class Indices:
    """Create indices, fill them, look into them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        name: str,
        *,
        mappings: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> pb.CreateIndexResponse:
        """Create an index; without mappings its fields appear as documents bring them.

        Raises: IndexExists, IndexNameInvalid, ParsingError for an unknown field type.
        """
        request = pb.CreateIndexRequest(index=name)
        if mappings is not None:
            request.mappings.update(mappings)
        return self._connection.call(
            f"{SERVICE}/CreateIndex", request, pb.CreateIndexResponse, timeout=timeout
        )

    def mapping(
        self, indices: Sequence[str] = (), *, timeout: float | None = None
    ) -> pb.GetMappingResponse:
        """Read the fields of the matching indices; all when none is named.

        Raises: IndexNotFound.
        """
        return self._connection.call(
            f"{SERVICE}/GetMapping",
            pb.GetMappingRequest(indices=indices),
            pb.GetMappingResponse,
            timeout=timeout,
        )

    def bulk(
        self, ndjson: bytes, *, index: str | None = None, timeout: float | None = None
    ) -> pb.BulkResponse:
        """Apply an Elasticsearch bulk body; what fails is an item with an error.

        Raises: ParsingError when it is no bulk body; nothing is written then.
        """
        request = pb.BulkRequest(batch=index_pb2.BulkBatch(index=index, ndjson=ndjson))
        return self._connection.call(f"{SERVICE}/Bulk", request, pb.BulkResponse, timeout=timeout)

    def bulk_stream(
        self,
        bodies: Iterable[bytes],
        *,
        index: str | None = None,
        timeout: float | None = None,
    ) -> pb.BulkStreamResponse:
        """Apply bulk bodies one after another, in one call, with one report at the end.

        Args:
            bodies: Elasticsearch bulk bodies; the next one is taken while the service is busy
                with the one before.
            index: where operations go that name no index.
            timeout: seconds for all of it; no limit when None.

        Raises: ParsingError when one is no bulk body; those before it are written.
        """
        requests = (
            pb.BulkStreamRequest(batch=index_pb2.BulkBatch(index=index, ndjson=body))
            for body in bodies
        )
        return self._connection.send(
            f"{SERVICE}/BulkStream", requests, pb.BulkStreamResponse, timeout=timeout
        )

    def append_lines(
        self, index: str, lines: bytes, *, timeout: float | None = None
    ) -> pb.BulkStreamResponse:
        """Write one JSON document per line under new ids, the fastest way in.

        Returns: how many were written, and the first thousand failures with the place of their
            line, from 0.
        Raises: IndexNameInvalid, IllegalArgument.
        """
        batch = index_pb2.BulkBatch(index=index, documents=lines)
        return self._connection.send(
            f"{SERVICE}/BulkStream",
            [pb.BulkStreamRequest(batch=batch)],
            pb.BulkStreamResponse,
            timeout=timeout,
        )

    def search(
        self,
        indices: Sequence[str] = (),
        body: Body = None,
        *,
        page_token: str = "",
        timeout: float | None = None,
    ) -> pb.SearchResponse:
        """Search documents; ``page_token`` is the answer's ``next_page_token``.

        Raises: IndexNotFound, ParsingError, IllegalArgument.
        """
        request = pb.SearchRequest(indices=indices, body=search_body(body), page_token=page_token)
        return self._connection.call(
            f"{SERVICE}/Search", request, pb.SearchResponse, timeout=timeout
        )

    def count(
        self,
        indices: Sequence[str] = (),
        query: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
    ) -> int:
        """Count the documents that a query matches. Raises: IndexNotFound, ParsingError."""
        request = pb.CountRequest(indices=indices)
        if query is not None:
            request.query.update(query)
        answer = self._connection.call(
            f"{SERVICE}/Count", request, pb.CountResponse, timeout=timeout
        )
        return answer.count

    def delete(self, indices: Sequence[str], *, timeout: float | None = None) -> None:
        """Delete the matching indices with all their documents. Raises: IndexNotFound."""
        self._connection.call(
            f"{SERVICE}/DeleteIndex",
            pb.DeleteIndexRequest(indices=indices),
            pb.DeleteIndexResponse,
            timeout=timeout,
        )
