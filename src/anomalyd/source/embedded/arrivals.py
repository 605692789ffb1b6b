"""Which windows got documents since somebody last looked.

Every write takes the next sequence number of its index, so what is new is a range of numbers.
Tables lie in about that order, so DuckDB looks at their ends only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from anomalyd.embedded.catalogue import IndexState
from anomalyd.embedded.database import quote
from anomalyd.embedded.relation import IndexSet
from anomalyd.source.base import Arrivals, Marks, Selection
from anomalyd.source.embedded.statement import (
    TIME,
    SelectedDocuments,
    category,
    select_from,
)
from anomalyd.source.embedded.windows import entity_values


@dataclass(frozen=True)
class ArrivalQuery:
    """What ``Source.arrived`` was asked."""

    selection: Selection
    since: Marks | None
    start: int
    end: int
    interval: int

    def mark(self, state: IndexState) -> int:
        """Return the first sequence number of an index that is new."""
        mark = (self.since or {}).get(state.name, 0)
        # an index that was made anew counts from 0 again
        return mark if mark <= state.next_seq_no else 0


def read_arrivals(
    cursor: duckdb.DuckDBPyConnection,
    indices: Sequence[IndexState],
    query: ArrivalQuery,
    *,
    now: int,
) -> Arrivals:
    """Return the series and windows that documents arrived for.

    Args:
        cursor: of the snapshot that the states come from.
        indices: those of the selection.
        query: what to look for.
        now: what ``now`` means in filters, epoch ms.
    """
    now_at = {state.name: state.next_seq_no for state in indices}
    if query.since is None:
        return Arrivals.none(now_at)
    new = [state for state in indices if _any_new(cursor, state, query)]
    relation = IndexSet(cursor, new)
    marks = {state.name: query.mark(state) for state in new}
    documents = SelectedDocuments(relation, query.selection, now, since=marks)
    if not new or not documents.possible:
        return Arrivals.none(now_at)
    names = [category(number) for number in range(len(query.selection.category_fields))]
    pairs = documents.select(
        *names,
        f"({TIME} - $first_window) // $interval AS w",
        start=query.start,
        end=query.end,
    ).distinct()
    entity = f"dense_rank() OVER (ORDER BY {', '.join(names)}) - 1" if names else "0"
    statement = select_from(pairs, "pairs", f"{entity} AS e", "w", *names).order_by("1", "2")
    found = relation.columns(
        statement.sql(dialect="duckdb"),
        {**documents.parameters, "first_window": query.start, "interval": query.interval},
    )
    entities = found["e"].astype(np.int64)
    return Arrivals(
        entity_values(entities, [found[name] for name in names]) if names else ((),),
        entities,
        query.start + found["w"].astype(np.int64) * query.interval,
        now_at,
    )


def _any_new(cursor: duckdb.DuckDBPyConnection, state: IndexState, query: ArrivalQuery) -> bool:
    """Tell whether an index may have new documents in the range, whatever the filter says.

    Asked in every tick, so it is one plain statement that hardly ever finds anything.
    """
    mark = query.mark(state)
    time = state.mapping.leaves.get(query.selection.time_field)
    if mark >= state.next_seq_no or time is None:
        return False
    if time.sql_type != "BIGINT":
        return True
    column = quote(time.column)
    cursor.execute(
        f"SELECT 1 FROM {quote(state.table)} WHERE _seq_no >= $mark "  # noqa: S608 - quoted
        f"AND {column} >= $start AND {column} < $end LIMIT 1",
        {"mark": mark, "start": query.start, "end": query.end},
    )
    return cursor.fetchone() is not None
