"""Feature values of windows: one statement per piece of a range, and the pieces put together.

Aggregates that must see all values of a window at once hold them in memory, so a range with very
many documents is read in several pieces. The rows are the same: no window lies in two pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlglot import exp

from anomalyd.embedded.relation import IndexSet
from anomalyd.source.base import EntityValues, FeatureRows, WindowQuery
from anomalyd.source.embedded.prepared import COUNT, ENTITY, WINDOW, PreparedWindows, times
from anomalyd.source.embedded.statement import (
    POSITION,
    TIME,
    WANTED,
    SelectedDocuments,
    category,
    wanted,
)

VALUES_AT_ONCE = 2_000_000
"""Documents × features that one statement may read."""

_MOST_PARTS = 1_000


def read_windows(
    relation: IndexSet,
    query: WindowQuery,
    *,
    now: int,
    statements: PreparedWindows,
    values_at_once: int = VALUES_AT_ONCE,
) -> FeatureRows:
    """Return the feature values of a range.

    Args:
        relation: the documents, in one snapshot.
        query: what to compute.
        now: what ``now`` means in filters, epoch ms.
        statements: those that were built before.
        values_at_once: see ``VALUES_AT_ONCE``.
    """
    categories = query.selection.category_fields
    asked = query.entities if categories else ((),)
    if asked == () or not SelectedDocuments(relation, query.selection, now).possible:
        return _no_rows(asked or (), len(query.features))
    limit = max(values_at_once // max(len(query.features), 1), 1)
    pieces = [
        _read_piece(relation, replace(query, start=start, end=end), now, statements)
        for start, end in _pieces(relation, query, now, limit)
    ]
    return pieces[0] if len(pieces) == 1 else _join(pieces, asked)


def _pieces(relation: IndexSet, query: WindowQuery, now: int, limit: int) -> list[tuple[int, int]]:
    """Cut the range where pieces of at most so many documents end, if windows allow it."""
    windows = (query.end - query.start) // query.interval
    if windows <= 1:
        return [(query.start, query.end)]
    everything = relation.select([]).subquery("everything")
    [(stored,)] = relation.rows(exp.select("count(*)").from_(everything).sql(dialect="duckdb"), {})
    if int(str(stored)) <= limit:
        return [(query.start, query.end)]
    step = -(-windows // _MOST_PARTS) * query.interval
    documents = SelectedDocuments(relation, query.selection, now)
    statement = documents.select(
        f"({TIME} - $first_window) // $step AS part",
        "count(*) AS documents",
        start=query.start,
        end=query.end,
    )
    counted = relation.rows(
        statement.group_by("part").order_by("part").sql(dialect="duckdb"),
        {**documents.parameters, "first_window": query.start, "step": step},
    )
    cuts, size = [query.start], 0
    for part, count in ((int(str(part)), int(str(count))) for part, count in counted):
        if size and size + count > limit:
            cuts.append(query.start + part * step)
            size = 0
        size += count
    return list(zip(cuts, [*cuts[1:], query.end], strict=True))


def _read_piece(
    relation: IndexSet, query: WindowQuery, now: int, statements: PreparedWindows
) -> FeatureRows:
    categories = len(query.selection.category_fields)
    statement = statements.statement(relation, query, now)
    parameters = {**statement.parameters, **times(query)}
    with _wanted_entities(relation, query.entities if categories else None):
        columns = relation.columns(statement.sql, parameters)
    entity = columns[ENTITY].astype(np.int64)
    entities = query.entities if categories else ((),)
    if entities is None:
        entities = entity_values(entity, [columns[category(at)] for at in range(categories)])
    return FeatureRows(
        entities=entities,
        entity=entity,
        window_start=columns[WINDOW].astype(np.int64),
        doc_count=columns[COUNT].astype(np.int64),
        values=feature_values(columns, len(query.features)),
    )


def feature_values(columns: Mapping[str, npt.NDArray[Any]], count: int) -> npt.NDArray[np.float64]:
    """Return the features out of the columns of a window statement, ``float64[rows, count]``."""
    values = np.empty((len(columns[ENTITY]), count), dtype=np.float64)
    for number in range(count):
        values[:, number] = _doubles(columns[f"m{number}"])
    return values


def _join(pieces: Sequence[FeatureRows], asked: tuple[EntityValues, ...] | None) -> FeatureRows:
    """Put pieces together; entities that were found and not asked for are numbered anew."""
    entities = asked
    if entities is None:
        entities = tuple(sorted({values for piece in pieces for values in piece.entities}))
    numbers = {values: number for number, values in enumerate(entities)}
    entity = np.concatenate(
        [
            piece.entity
            if asked is not None
            else np.array([numbers[values] for values in piece.entities], dtype=np.int64)[
                piece.entity
            ]
            for piece in pieces
        ]
    )
    window_start = np.concatenate([piece.window_start for piece in pieces])
    order = np.lexsort((window_start, entity))
    return FeatureRows(
        entities=entities,
        entity=entity[order],
        window_start=window_start[order],
        doc_count=np.concatenate([piece.doc_count for piece in pieces])[order],
        values=np.concatenate([piece.values for piece in pieces])[order],
    )


@contextmanager
def _wanted_entities(relation: IndexSet, entities: Sequence[EntityValues] | None) -> Iterator[None]:
    """Lend the entities that are asked for to the statements inside, as a table."""
    if entities is None:
        yield
        return
    columns: dict[str, npt.NDArray[Any]] = {POSITION: np.arange(len(entities), dtype=np.int64)}
    for number, values in enumerate(zip(*entities, strict=True)):
        column = np.empty(len(entities), dtype=object)
        column[:] = values
        columns[wanted(number)] = column
    with relation.lend(WANTED, columns):
        yield


def entity_values(
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
