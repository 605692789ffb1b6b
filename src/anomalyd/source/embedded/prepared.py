"""Statements that are the same from tick to tick are built once.

Building a statement takes longer than running it on one window of a small series.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from anomalyd.embedded.relation import IndexSet
from anomalyd.source.base import WindowQuery
from anomalyd.source.embedded.statement import (
    POSITION,
    TIME,
    WANTED,
    SelectedDocuments,
    category,
    select_from,
    wanted,
)

MOST_KEPT = 20_000
"""Statements, a kilobyte or two each; beyond that all are forgotten. A detector has up to two."""

ENTITY = "anomalyd_entity"
WINDOW = "anomalyd_window"
COUNT = "anomalyd_count"
"""Columns of a window statement, before those of the features."""

ANOTHER_TIME = 0
"""A time that every expression of ``now`` tells from today."""


@dataclass(frozen=True)
class Prepared:
    """A statement and its parameters, but for the times of the range.

    Attributes:
        own: values that are no parameters but come as columns of ``WANTED``, by name.
    """

    sql: str
    parameters: Mapping[str, object]
    own: Mapping[str, object] = field(default_factory=dict)


Build = Callable[[IndexSet, WindowQuery, int], Prepared | None]
"""Makes the statement of a query over indices at a time, or says that there is none."""


class PreparedWindows:
    """Keeps window statements by everything that they depend on. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[object, Prepared | None] = {}

    def statement(self, relation: IndexSet, query: WindowQuery, now: int) -> Prepared:
        """Return the statement of a query over these indices."""
        made = self.kept(relation, query, now, _built)
        assert made is not None
        return made

    def kept(
        self, relation: IndexSet, query: WindowQuery, now: int, build: Build
    ) -> Prepared | None:
        """Return what ``build`` makes, now or earlier; it always makes the same."""
        key = (
            build,
            relation.revisions,
            replace(query, start=0, end=0, entities=None),
            query.entities is None,
        )
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        made = build(relation, query, now)
        if made == build(relation, query, ANOTHER_TIME):
            with self._lock:
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[key] = made
        return made


def times(query: WindowQuery) -> dict[str, object]:
    """Return the parameters of a window statement that are not kept with it."""
    return {
        "from_time": query.start,
        "to_time": query.end,
        "first_window": query.start,
        "interval": query.interval,
    }


def _built(relation: IndexSet, query: WindowQuery, now: int) -> Prepared:
    documents = SelectedDocuments(relation, query.selection, now)
    names = [category(number) for number in range(len(query.selection.category_fields))]
    same = None
    if names and query.entities is not None:
        pairs = (exp.column(name).eq(exp.column(wanted(at))) for at, name in enumerate(names))
        same = exp.and_(*pairs, copy=False)
    return prepared(documents, query, of_each=same)


def prepared(
    documents: SelectedDocuments,
    query: WindowQuery,
    *,
    of_each: exp.Expr | None,
    own: Mapping[str, object] | None = None,
) -> Prepared:
    """Return the statement that yields entity, window, count and one column per feature.

    Args:
        documents: the query's.
        query: what to compute.
        of_each: the condition on which a document belongs to a row of ``WANTED``, whose position
            is the entity then; None = entities are numbered as they are found.
        own: see ``Prepared``.
    """
    window = f"({TIME} - $first_window) // $interval"
    names = [category(number) for number in range(len(query.selection.category_fields))]
    metrics = [
        exp.alias_(documents.metric(aggregation, number), f"m{number}")
        for number, aggregation in enumerate(query.features)
    ]
    keys = names if of_each is None else [POSITION]
    grouped = documents.select(
        *keys,
        f"{window} AS {WINDOW}",
        f"count(*) AS {COUNT}",
        *metrics,
        start=query.start,
        end=query.end,
    ).group_by(*keys, WINDOW, copy=False)
    if of_each is not None:
        grouped = grouped.join(WANTED, on=of_each, dialect="duckdb", copy=False)
        entity = POSITION
    else:
        entity = f"dense_rank() OVER (ORDER BY {', '.join(names)}) - 1" if names else "0"
    statement = select_from(
        grouped,
        "grouped",
        f"{entity} AS {ENTITY}",
        f"$first_window + {WINDOW} * $interval AS {WINDOW}",
        COUNT,
        *(metric.alias for metric in metrics),
        *(names if of_each is None else []),
    ).order_by("1", "2", copy=False)
    changing = times(query)
    fixed = {name: each for name, each in documents.parameters.items() if name not in changing}
    return Prepared(statement.sql(dialect="duckdb"), fixed, own or {})
