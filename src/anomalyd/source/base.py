"""What the rest of anomalyd asks of a place that holds data.

A *source* answers questions about documents with a time field; it never scores and never keeps
anything of ours. Windows are half open, ``[start, start + interval)``, and aligned to the
interval since the epoch, whoever asks. Times are epoch milliseconds everywhere.

Every implementation passes ``tests/contract/test_source.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from anomalyd.model.bulk import BulkItem, BulkResult
from anomalyd.query.fields import FieldKind
from anomalyd.query.nodes import Query
from anomalyd.query.nodes_aggregations import Aggregation

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
EntityValues = tuple[str, ...]
"""The values of one entity, in the order of the detector's category fields; ``()`` for the one
series of a single-entity detector."""


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """First and last time that a selection of documents has, both inclusive, epoch ms."""

    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which documents: the indices, the time field, a filter, and the categories to split by."""

    indices: tuple[str, ...]
    time_field: str
    filter: Query
    category_fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WindowQuery:
    """Feature values of every non-empty window of a range.

    Attributes:
        selection: which documents.
        features: one aggregation per enabled feature, in the detector's order.
        start: first window's start, a multiple of ``interval``; inclusive.
        end: end of the last window, a multiple of ``interval``; exclusive.
        interval: length of a window in milliseconds.
        entities: only these, or all entities when None. Ignored without category fields.
    """

    selection: Selection
    features: tuple[Aggregation, ...]
    start: int
    end: int
    interval: int
    entities: tuple[EntityValues, ...] | None = None


@dataclass(frozen=True)
class FeatureRows:
    """Columns of (entity × window) rows, sorted by entity then window; no row for empty windows.

    Attributes:
        entities: the entities that ``entity`` points into: those asked for, in that order, or
            those found, sorted. ``((),)`` without category fields.
        entity: ``int64[rows]``, position in ``entities``.
        window_start: ``int64[rows]``, epoch ms.
        doc_count: ``int64[rows]``, documents in the window, ≥ 1.
        values: ``float64[rows, features]``; NaN where the aggregation has no value.
    """

    entities: tuple[EntityValues, ...]
    entity: Int64s
    window_start: Int64s
    doc_count: Int64s
    values: Float64s

    def __len__(self) -> int:
        return len(self.window_start)


@dataclass(frozen=True)
class EntityCount:
    """An entity and how many documents it has in the range that was asked for."""

    values: EntityValues
    doc_count: int


Marks = Mapping[str, int]
"""How far each index had been written at a moment: a source's own numbers by index name."""


@dataclass(frozen=True)
class Arrivals:
    """The series and windows that documents arrived for.

    Attributes:
        entities: those concerned; without category fields ``((),)``, or none.
        entity: ``int64[pairs]``, position in ``entities``.
        window_start: ``int64[pairs]``, epoch ms; each pair of both once.
        marks: how far the indices were written when this was looked at; whatever is read later
            has at least the documents before these marks.
    """

    entities: tuple[EntityValues, ...]
    entity: Int64s
    window_start: Int64s
    marks: Marks

    def __len__(self) -> int:
        return len(self.window_start)

    @staticmethod
    def none(marks: Marks) -> Arrivals:
        """Return that nothing arrived."""
        nothing = np.zeros(0, dtype=np.int64)
        return Arrivals((), nothing, nothing, marks)


class Source(Protocol):
    """Read access to documents; all methods may be called from any thread at any time.

    Raises (all methods): IndexNotFound for a concrete index name that does not exist (a pattern
    with ``*`` may match nothing), ParsingError or IllegalArgument for a filter or aggregation that
    does not fit the fields, SourceUnavailable when the data cannot be read now.
    """

    def matching_indices(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Return the names that the patterns (``*``, comma lists) match, sorted."""
        ...

    def field_kinds(self, patterns: Sequence[str]) -> Mapping[str, FieldKind]:
        """Return every searchable field of the matching indices, sub-fields included."""
        ...

    def has_documents(self, patterns: Sequence[str]) -> bool:
        """Tell whether the matching indices hold at least one document."""
        ...

    def time_range(self, selection: Selection) -> TimeRange | None:
        """Return first and last time of the selected documents; None when there are none."""
        ...

    def feature_rows(self, query: WindowQuery) -> FeatureRows:
        """Return the feature values of the range, as columns.

        A window without documents has no row; a window with documents whose aggregation has no
        value has NaN. Documents that lack a category field's value belong to no entity; a document
        with several values of a category field counts for each of them.
        """
        ...

    def feature_rows_of_each(self, queries: Sequence[WindowQuery]) -> tuple[FeatureRows, ...]:
        """Return what ``feature_rows`` says of each query, all as of the same moment."""
        ...

    def top_entities(
        self, selection: Selection, *, start: int, end: int, limit: int
    ) -> tuple[EntityCount, ...]:
        """Return the entities with the most documents in ``[start, end)``.

        Most documents first, ties by value; at most ``limit``.
        """
        ...

    def arrived(
        self, selection: Selection, *, since: Marks | None, start: int, end: int, interval: int
    ) -> Arrivals:
        """Return for which windows of ``[start, end)`` documents were written since some marks.

        New documents and new versions of old ones count, deleted ones do not. All of an index
        without a mark, or made anew since, counts. Quick when nothing arrived.

        Args:
            selection: which documents.
            since: the marks of an earlier answer; None = nothing arrived, only the marks are
                wanted.
            start: first window's start, a multiple of ``interval``; inclusive.
            end: end of the last window; exclusive.
            interval: length of a window in milliseconds.
        """
        ...


@dataclass(frozen=True)
class AppendResult:
    """What became of the lines of ``DocumentIndices.append_lines``.

    Attributes:
        lines: how many lines there were, empty ones among them.
        written: documents written.
        failures: ``{"type", "reason"}`` of each line that was not, by its position from 0.
    """

    lines: int
    written: int
    failures: Mapping[int, Mapping[str, object]]


@dataclass(frozen=True, kw_only=True)
class IndexDefinition:
    """An index with its mapping, as Elasticsearch shows it."""

    name: str
    mapping: Mapping[str, object]
    settings: Mapping[str, object] = field(default_factory=dict)


class DocumentIndices(Protocol):
    """Write access to the embedded source's indices: what ``IndexService`` offers.

    Thread-safe. A call either happens as a whole or raises; a bulk call reports per item.
    """

    def create_index(self, name: str, body: Mapping[str, object]) -> None:
        """Create an index from ``{"mappings": …, "settings": …}``.

        Raises: IndexExists, IndexNameInvalid, ParsingError for an unknown field type.
        """
        ...

    def delete_index(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Delete the matching indices and return their names. Raises: IndexNotFound."""
        ...

    def exists(self, patterns: Sequence[str]) -> bool:
        """Tell whether every concrete name exists and every pattern matches something."""
        ...

    def put_mapping(self, patterns: Sequence[str], body: Mapping[str, object]) -> None:
        """Add fields to a mapping. Raises: IndexNotFound, IllegalArgument on a changed type."""
        ...

    def get_mapping(self, patterns: Sequence[str]) -> Mapping[str, IndexDefinition]:
        """Return the matching indices by name. Raises: IndexNotFound."""
        ...

    def bulk(self, body: bytes, *, default_index: str | None = None) -> BulkResult:
        """Apply an NDJSON bulk body (action line, source line, …).

        Raises: IllegalArgument or ActionInvalid when the body as a whole is no bulk body; nothing
            is written then.
        """
        ...

    def append_lines(self, index: str, lines: bytes) -> AppendResult:
        """Write one JSON document per line under new ids; the index is made when it is missing.

        The fast way in: it looks for no earlier documents and reports nothing on those written.
        Empty lines are skipped. Raises: IndexNameInvalid.
        """
        ...

    def index_document(
        self, index: str, document: bytes, *, id: str | None = None, create_only: bool = False
    ) -> BulkItem:
        """Write one JSON document. Raises: MappingConflict, VersionConflict, MalformedJson."""
        ...

    def get_document(self, index: str, id: str) -> Mapping[str, object] | None:
        """Return ``{"_index", "_id", "_version", "_seq_no", "_primary_term", "_source"}``."""
        ...

    def delete_document(self, index: str, id: str) -> BulkItem:
        """Delete one document; ``result`` is ``not_found`` when it was not there."""
        ...

    def search(self, patterns: Sequence[str], body: Mapping[str, object]) -> dict[str, object]:
        """Run an Elasticsearch search body and return its answer (without ``took``)."""
        ...

    def count(self, patterns: Sequence[str], query: Mapping[str, object] | None) -> int:
        """Count the documents that a query matches."""
        ...
