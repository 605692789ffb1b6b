"""Indices of the embedded source: how data gets in and is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anomalyd.errors import IllegalArgument
from anomalyd.model.bulk import BulkItem, BulkResult
from anomalyd.model.index_names import IndexNames
from anomalyd.schedule.clock import Clock
from anomalyd.service.searching import timed
from anomalyd.source.base import AppendResult, DocumentIndices, IndexDefinition


class IndexService:
    """Use cases of indices and their documents. Thread-safe.

    What anomalyd keeps for itself (the prefix of ``names``) is read through the other services and
    cannot be changed here.

    Args:
        indices: the source's write side.
        names: our own indices.
        clock: for durations.
    """

    def __init__(self, *, indices: DocumentIndices, names: IndexNames, clock: Clock) -> None:
        self._indices = indices
        self._prefix = names.prefix
        self._clock = clock

    def create_index(self, name: str, body: Mapping[str, Any]) -> None:
        """Create an index. Raises: IndexExists, IndexNameInvalid, ParsingError."""
        self._refuse_ours([name])
        self._indices.create_index(name, body)

    def delete_index(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Delete the matching indices and return their names. Raises: IndexNotFound."""
        self._refuse_ours(patterns)
        return self._indices.delete_index(patterns)

    def exists(self, patterns: Sequence[str]) -> bool:
        """Tell whether every concrete name exists and every pattern matches something."""
        return self._indices.exists(patterns)

    def put_mapping(self, patterns: Sequence[str], body: Mapping[str, Any]) -> None:
        """Add fields to a mapping. Raises: IndexNotFound, IllegalArgument on a changed type."""
        self._refuse_ours(patterns)
        self._indices.put_mapping(patterns, body)

    def get_mapping(self, patterns: Sequence[str]) -> Mapping[str, IndexDefinition]:
        """Return the matching indices by name. Raises: IndexNotFound."""
        return self._indices.get_mapping(patterns)

    def bulk(self, body: bytes, *, default_index: str | None = None) -> BulkResult:
        """Apply an NDJSON bulk body. Raises: ParsingError when it is none as a whole."""
        if default_index is not None:
            self._refuse_ours([default_index])
        return self._indices.bulk(body, default_index=default_index)

    def append_lines(self, index: str, lines: bytes) -> AppendResult:
        """Write one JSON document per line under new ids. Raises: IndexNameInvalid."""
        self._refuse_ours([index])
        return self._indices.append_lines(index, lines)

    def index_document(
        self, index: str, document: bytes, *, id: str | None = None, create_only: bool = False
    ) -> BulkItem:
        """Write one JSON document. Raises: MappingConflict, VersionConflict, MalformedJson."""
        self._refuse_ours([index])
        return self._indices.index_document(index, document, id=id, create_only=create_only)

    def get_document(self, index: str, id: str) -> Mapping[str, Any] | None:
        """Return a document with its place and version, or None."""
        return self._indices.get_document(index, id)

    def delete_document(self, index: str, id: str) -> BulkItem:
        """Delete one document; ``result`` is ``not_found`` when it was not there."""
        self._refuse_ours([index])
        return self._indices.delete_document(index, id)

    def search(self, patterns: Sequence[str], body: Mapping[str, Any]) -> dict[str, Any]:
        """Run an Elasticsearch search body and return its answer."""
        return timed(self._clock, lambda: self._indices.search(patterns, body))

    def count(self, patterns: Sequence[str], query: Mapping[str, Any] | None) -> int:
        """Count the documents that a query matches."""
        return self._indices.count(patterns, query)

    def _refuse_ours(self, patterns: Sequence[str]) -> None:
        for name in (one for pattern in patterns for one in pattern.split(",")):
            if name.startswith(self._prefix):
                raise IllegalArgument(
                    f"index [{name}] is kept by anomalyd and cannot be changed directly",
                    field="index",
                )
