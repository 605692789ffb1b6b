"""Answers about documents, out of DuckDB and as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlglot import exp

from anomalyd.embedded.catalogue import Catalogue, ReadSession
from anomalyd.embedded.relation import IndexSet
from anomalyd.query.fields import FieldKind
from anomalyd.source.base import (
    EntityCount,
    EntityValues,
    FeatureRows,
    Selection,
    TimeRange,
    WindowQuery,
)
from anomalyd.source.embedded.statement import (
    TIME,
    WANTED,
    SelectedDocuments,
    category,
    select_from,
)

_ENTITY = "anomalyd_entity"
_WINDOW = "anomalyd_window"
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
        categories = len(query.selection.category_fields)
        wanted = query.entities if categories else ((),)
        with self._documents(query.selection) as documents:
            if wanted == () or not documents.possible:
                return _no_rows(wanted or (), len(query.features))
            statement = _window_statement(documents, query)
            parameters = {
                **documents.parameters,
                "first_window": query.start,
                "interval": query.interval,
            }
            with _wanted_entities(documents.relation, query.entities if categories else None):
                columns = documents.relation.columns(statement.sql(dialect="duckdb"), parameters)
        entity = columns[_ENTITY].astype(np.int64)
        if wanted is None:
            wanted = _entity_values(entity, [columns[category(at)] for at in range(categories)])
        values = np.empty((len(entity), len(query.features)), dtype=np.float64)
        for number in range(len(query.features)):
            values[:, number] = _doubles(columns[f"m{number}"])
        return FeatureRows(
            entities=wanted,
            entity=entity,
            window_start=columns[_WINDOW].astype(np.int64),
            doc_count=columns[_COUNT].astype(np.int64),
            values=values,
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


def _window_statement(documents: SelectedDocuments, query: WindowQuery) -> exp.Select:
    """Return the statement that yields entity, window, count and one column per feature."""
    window = f"({TIME} - $first_window) // $interval"
    names = [category(number) for number in range(len(query.selection.category_fields))]
    metrics = [
        exp.alias_(documents.metric(aggregation, number), f"m{number}")
        for number, aggregation in enumerate(query.features)
    ]
    by_position = bool(names) and query.entities is not None
    keys = ["position"] if by_position else names
    grouped = documents.select(
        *keys,
        f"{window} AS {_WINDOW}",
        f"count(*) AS {_COUNT}",
        *metrics,
        start=query.start,
        end=query.end,
    ).group_by(*keys, _WINDOW, copy=False)
    if by_position:
        same = " AND ".join(f"{name} = {WANTED}.value{at}" for at, name in enumerate(names))
        grouped = grouped.join(WANTED, on=same, dialect="duckdb", copy=False)
        entity = "position"
    else:
        entity = f"dense_rank() OVER (ORDER BY {', '.join(names)}) - 1" if names else "0"
    return select_from(
        grouped,
        "grouped",
        f"{entity} AS {_ENTITY}",
        f"$first_window + {_WINDOW} * $interval AS {_WINDOW}",
        _COUNT,
        *(metric.alias for metric in metrics),
        *([] if by_position else names),
    ).order_by("1", "2", copy=False)


@contextmanager
def _wanted_entities(relation: IndexSet, entities: Sequence[EntityValues] | None) -> Iterator[None]:
    """Lend the entities that are asked for to the statements inside, as a table."""
    if entities is None:
        yield
        return
    columns: dict[str, npt.NDArray[Any]] = {"position": np.arange(len(entities), dtype=np.int64)}
    for number, values in enumerate(zip(*entities, strict=True)):
        column = np.empty(len(entities), dtype=object)
        column[:] = values
        columns[f"value{number}"] = column
    with relation.lend(WANTED, columns):
        yield


def _entity_values(
    entity: npt.NDArray[np.int64], columns: Sequence[npt.NDArray[Any]]
) -> tuple[EntityValues, ...]:
    """Return the values of each entity, taken from its first row."""
    first_rows = np.flatnonzero(np.diff(entity, prepend=-1))
    return tuple(zip(*(column[first_rows].tolist() for column in columns), strict=True))


def _doubles(column: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return a column with NaN where it has no value, or none that is a number."""
    doubles = np.ma.filled(column.astype(np.float64), np.nan)
    return np.where(np.isfinite(doubles), doubles, np.nan)


def _no_rows(entities: Sequence[EntityValues], features: int) -> FeatureRows:
    nothing = np.zeros(0, dtype=np.int64)
    return FeatureRows(
        entities=tuple(entities),
        entity=nothing,
        window_start=nothing,
        doc_count=nothing,
        values=np.zeros((0, features), dtype=np.float64),
    )
