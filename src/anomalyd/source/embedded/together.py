"""Windows of many selections out of one statement, where only compared values differ.

DuckDB takes milliseconds to plan a statement, however few rows it reads. Selections that all ask
for ``field = value``, each with a value of its own, are one join with the table of these values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlglot import exp

from anomalyd.embedded.relation import IndexSet
from anomalyd.query.nodes import MatchAll
from anomalyd.source.base import FeatureRows, WindowQuery
from anomalyd.source.embedded.prepared import (
    COUNT,
    ENTITY,
    WINDOW,
    Prepared,
    PreparedWindows,
    prepared,
    times,
)
from anomalyd.source.embedded.statement import POSITION, WANTED, SelectedDocuments
from anomalyd.source.embedded.windows import feature_values, read_windows

_COMPARISONS = (
    exp.Column, exp.Identifier, exp.Placeholder, exp.Paren, exp.And, exp.Or, exp.Not, exp.Is,
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Boolean, exp.Null,
)  # fmt: skip
"""What a filter may consist of: some functions want constants, which columns are not."""
_LONGS = range(-(2**63), 2**63)


def read_each(
    relations: Callable[[Sequence[str]], IndexSet],
    queries: Sequence[WindowQuery],
    *,
    now: int,
    statements: PreparedWindows,
) -> list[FeatureRows]:
    """Return the feature values of each query, as ``read_windows`` does.

    Args:
        relations: gives the documents of index patterns, of all of them in one snapshot.
        queries: what to compute.
        now: what ``now`` means in filters, epoch ms.
        statements: those that were built before.
    """
    families: dict[object, list[int]] = {}
    made: list[Prepared | None] = []
    for number, query in enumerate(queries):
        one = None
        if query.end - query.start <= query.interval:
            relation = relations(query.selection.indices)
            one = statements.kept(relation, query, now, _joined)
        made.append(one)
        families.setdefault(number if one is None else _family(one, query), []).append(number)
    found: dict[int, FeatureRows] = {}
    for members in families.values():
        query, first = queries[members[0]], made[members[0]]
        relation = relations(query.selection.indices)
        if first is None or len(members) == 1:
            rows = [read_windows(relation, query, now=now, statements=statements)]
        else:
            own = [one.own for one in map(made.__getitem__, members) if one is not None]
            rows = _read(relation, query, first, own)
        found |= zip(members, rows, strict=True)
    return [found[number] for number in range(len(queries))]


def _family(one: Prepared, query: WindowQuery) -> object:
    """Return what queries of one statement have in common."""
    types = [type(value) for value in one.own.values()]
    return one.sql, repr((one.parameters, types)), tuple(times(query).values())


def _read(
    relation: IndexSet, query: WindowQuery, first: Prepared, own: Sequence[Mapping[str, object]]
) -> list[FeatureRows]:
    """Run the statement of a family; ``query`` and ``first`` are of any of its members."""
    lent: dict[str, npt.NDArray[Any]] = {POSITION: np.arange(len(own), dtype=np.int64)}
    for name, value in first.own.items():
        lent[name] = np.empty(len(own), dtype=object if isinstance(value, str) else type(value))
        lent[name][:] = [values[name] for values in own]
    with relation.lend(WANTED, lent):
        columns = relation.columns(first.sql, {**first.parameters, **times(query)})
    starts, counts = (columns[name].astype(np.int64) for name in (WINDOW, COUNT))
    values = feature_values(columns, len(query.features))
    cuts = np.searchsorted(columns[ENTITY].astype(np.int64), np.arange(len(own) + 1)).tolist()
    return [
        FeatureRows(
            ((),),
            np.zeros(end - begin, dtype=np.int64),
            starts[begin:end],
            counts[begin:end],
            values[begin:end],
        )
        for begin, end in itertools.pairwise(cuts)
    ]


def _joined(relation: IndexSet, query: WindowQuery, now: int) -> Prepared | None:
    """Return a query's statement as one of its family; None where it must be read by itself.

    A filter needs an equality, so that a document is in the windows of few selections.
    """
    selection = query.selection
    if selection.category_fields or isinstance(selection.filter, MatchAll):
        return None
    documents = SelectedDocuments(relation, replace(selection, filter=MatchAll()), now)
    if not documents.possible:
        return None
    filter = documents.compiled(selection.filter)
    if not _is_equality(filter.expression) or not all(map(_is_plain, filter.parameters.values())):
        return None
    if not all(isinstance(node, _COMPARISONS) for node in filter.expression.walk()):
        return None
    condition = filter.expression.transform(_as_column)
    return prepared(documents, query, of_each=condition, own=filter.parameters)


def _as_column(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Placeholder):
        return exp.column(node.name, table=WANTED, quoted=True)
    return node


def _is_equality(condition: exp.Expr) -> bool:
    """Tell whether documents must have a certain value."""
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        return any(map(_is_equality, (condition.this, condition.expression)))
    return (
        isinstance(condition, exp.EQ)
        and isinstance(condition.this.unnest(), exp.Column)
        and isinstance(condition.expression.unnest(), exp.Placeholder)
    )


def _is_plain(value: object) -> bool:
    """Tell whether a value is the same as one of an array."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value in _LONGS
    return isinstance(value, str | bool)
