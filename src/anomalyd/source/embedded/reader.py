"""Answers about documents, out of DuckDB and as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from anomalyd.embedded.catalogue import Catalogue, ReadSession
from anomalyd.embedded.relation import IndexSet
from anomalyd.query.fields import FieldKind
from anomalyd.source.base import (
    Arrivals,
    EntityCount,
    FeatureRows,
    Marks,
    Selection,
    TimeRange,
    WindowQuery,
)
from anomalyd.source.embedded.arrivals import ArrivalQuery, read_arrivals
from anomalyd.source.embedded.prepared import PreparedWindows
from anomalyd.source.embedded.statement import (
    TIME,
    SelectedDocuments,
    category,
)
from anomalyd.source.embedded.together import read_each
from anomalyd.source.embedded.windows import read_windows

_COUNT = "anomalyd_count"

# every time that a document can have
_EARLIEST, _LATEST = -(2**63), 2**63 - 1


class EmbeddedSource:
    """The embedded indices as a source (implements ``source.base.Source``).

    Args:
        catalogue: the indices.
        now: the clock, epoch milliseconds: what ``now`` means in a filter.
    """

    def __init__(self, catalogue: Catalogue, *, now: Callable[[], int]) -> None:
        self._catalogue = catalogue
        self._now = now
        self._statements = PreparedWindows()

    def matching_indices(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Return the names that the patterns match, sorted."""
        with self._catalogue.read() as session:
            return tuple(state.name for state in session.matching(patterns))

    def field_kinds(self, patterns: Sequence[str]) -> Mapping[str, FieldKind]:
        """Return every searchable field, sub-fields included."""
        with self._relation(patterns) as relation:
            return {field.path: field.kind for field in relation.resolver.fields()}

    def has_documents(self, patterns: Sequence[str]) -> bool:
        """Tell whether the matching indices hold at least one document."""
        with self._relation(patterns) as relation:
            statement = relation.select([]).limit(1)
            return bool(relation.rows(statement.sql(dialect="duckdb"), {}))

    def time_range(self, selection: Selection) -> TimeRange | None:
        """Return first and last time of the selected documents; None when there are none."""
        with self._documents(selection) as documents:
            if not documents.possible:
                return None
            statement = documents.select(
                f"min({TIME})", f"max({TIME})", start=_EARLIEST, end=_LATEST
            )
            [(first, last)] = documents.relation.rows(
                statement.sql(dialect="duckdb"), documents.parameters
            )
        if not isinstance(first, int) or not isinstance(last, int):
            return None
        return TimeRange(first=first, last=last)

    def top_entities(
        self, selection: Selection, *, start: int, end: int, limit: int
    ) -> tuple[EntityCount, ...]:
        """Return the entities with the most documents in ``[start, end)``."""
        names = [category(number) for number in range(len(selection.category_fields))]
        with self._documents(selection) as documents:
            if not documents.possible:
                return ()
            statement = documents.select(*names, f"count(*) AS {_COUNT}", start=start, end=end)
            if names:
                statement = statement.group_by(*names)
            statement = statement.order_by(f"{_COUNT} DESC", *names).limit("$limit")
            rows = documents.relation.rows(
                statement.sql(dialect="duckdb"), {**documents.parameters, "limit": limit}
            )
        return tuple(
            EntityCount(tuple(map(str, row[:-1])), int(str(row[-1]))) for row in rows if row[-1]
        )

    def feature_rows(self, query: WindowQuery) -> FeatureRows:
        """Return the feature values of the range, as columns."""
        with self._relation(query.selection.indices) as relation:
            return read_windows(relation, query, now=self._now(), statements=self._statements)

    def feature_rows_of_each(self, queries: Sequence[WindowQuery]) -> tuple[FeatureRows, ...]:
        """Return the feature values of several queries, from one snapshot."""
        known: dict[tuple[str, ...], IndexSet] = {}
        with self._catalogue.read() as session:

            def relations(patterns: Sequence[str]) -> IndexSet:
                asked = tuple(patterns)
                if asked not in known:
                    known[asked] = _index_set(session, asked)
                return known[asked]

            return tuple(
                read_each(relations, queries, now=self._now(), statements=self._statements)
            )

    def arrived(
        self, selection: Selection, *, since: Marks | None, start: int, end: int, interval: int
    ) -> Arrivals:
        """Return for which windows of ``[start, end)`` documents were written since some marks."""
        with self._catalogue.read() as session:
            indices = session.matching(selection.indices)
            return read_arrivals(
                session.cursor,
                indices,
                ArrivalQuery(selection, since, start, end, interval),
                now=self._now(),
            )

    @contextmanager
    def _relation(self, patterns: Sequence[str]) -> Iterator[IndexSet]:
        with self._catalogue.read() as session:
            yield _index_set(session, patterns)

    @contextmanager
    def _documents(self, selection: Selection) -> Iterator[SelectedDocuments]:
        with self._relation(selection.indices) as relation:
            yield SelectedDocuments(relation, selection, self._now())


def _index_set(session: ReadSession, patterns: Sequence[str]) -> IndexSet:
    return IndexSet(session.cursor, session.matching(patterns))
