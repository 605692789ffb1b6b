"""Statements that are the same from tick to tick are built once.

Building a statement takes longer than running it on one window of a small series.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from anomalyd.embedded.relation import IndexSet
from anomalyd.source.base import WindowQuery
from anomalyd.source.embedded.statement import (
    TIME,
    WANTED,
    SelectedDocuments,
    category,
    select_from,
)

MOST_KEPT = 5_000
"""Statements; beyond that all are forgotten."""

ENTITY = "anomalyd_entity"
WINDOW = "anomalyd_window"
COUNT = "anomalyd_count"
"""Columns of a window statement, before those of the features."""

ANOTHER_TIME = 0
"""A time that every expression of ``now`` tells from today."""


@dataclass(frozen=True)
class Prepared:
    """A statement and its parameters, but for the times of the range."""

    sql: str
    parameters: Mapping[str, object]


class PreparedWindows:
    """Keeps window statements by everything that they depend on. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[object, Prepared] = {}

    def statement(self, relation: IndexSet, query: WindowQuery, now: int) -> Prepared:
        """Return the statement of a query over these indices."""
        key = (
            relation.revisions,
            replace(query, start=0, end=0, entities=None),
            query.entities is None,
        )
        with self._lock:
            found = self._kept.get(key)
        if found is not None:
            return found
        made = _built(relation, query, now)
        if made == _built(relation, query, ANOTHER_TIME):
            with self._lock:
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[key] = made
        return made


def _built(relation: IndexSet, query: WindowQuery, now: int) -> Prepared:
    documents = SelectedDocuments(relation, query.selection, now)
    statement = _window_statement(documents, query)
    ranges = ("from_time", "to_time")
    fixed = {name: each for name, each in documents.parameters.items() if name not in ranges}
    return Prepared(statement.sql(dialect="duckdb"), fixed)


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
        f"{window} AS {WINDOW}",
        f"count(*) AS {COUNT}",
        *metrics,
        start=query.start,
        end=query.end,
    ).group_by(*keys, WINDOW, copy=False)
    if by_position:
        same = " AND ".join(f"{name} = {WANTED}.value{at}" for at, name in enumerate(names))
        grouped = grouped.join(WANTED, on=same, dialect="duckdb", copy=False)
        entity = "position"
    else:
        entity = f"dense_rank() OVER (ORDER BY {', '.join(names)}) - 1" if names else "0"
    return select_from(
        grouped,
        "grouped",
        f"{entity} AS {ENTITY}",
        f"$first_window + {WINDOW} * $interval AS {WINDOW}",
        COUNT,
        *(metric.alias for metric in metrics),
        *([] if by_position else names),
    ).order_by("1", "2", copy=False)
