"""The statements of the embedded source: selections and windows as SQL with bound values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from anomalyd.embedded.relation import IndexSet
from anomalyd.errors import IllegalArgument
from anomalyd.query.fields import Field, FieldKind, SqlQuery
from anomalyd.query.nodes import MatchAll, Query
from anomalyd.query.nodes_aggregations import Aggregation
from anomalyd.query.to_sql import compile_query
from anomalyd.query.to_sql_aggregations import compile_metric
from anomalyd.source.base import Selection

WANTED = "anomalyd_wanted"
"""Relation of what was asked for: ``POSITION`` and the values that tell one from another."""
POSITION = "anomalyd_position"

TIME = "anomalyd_time"


def category(number: int) -> str:
    """Return the name of a category field's column."""
    return f"anomalyd_category{number}"


def wanted(number: int) -> str:
    """Return the name of a column of ``WANTED`` with the values of a category field."""
    return f"anomalyd_wanted{number}"


@dataclass
class SelectedDocuments:
    """The documents of a selection as a subquery, with the columns that a statement uses of them.

    With ``since``, only those of the named indices from these sequence numbers on.

    Expressions are added first (``metric``); ``select`` then builds the statement around a query
    for just the columns that they name.
    """

    relation: IndexSet
    selection: Selection
    now: int
    since: Mapping[str, int] = field(default_factory=dict)
    parameters: dict[str, object] = field(default_factory=dict)
    _columns: set[str] = field(default_factory=set)

    @property
    def possible(self) -> bool:
        """Whether any document can be selected: all fields that it must have are mapped.

        Raises: IllegalArgument when the time field cannot hold times.
        """
        time = self.relation.resolver.resolve(self.selection.time_field)
        if time is not None and time.kind not in (FieldKind.DATE, FieldKind.LONG):
            raise IllegalArgument(
                f"Timestamp field: ({self.selection.time_field}) must be of type date",
                field="time_field",
            )
        categories = map(self.relation.resolver.resolve, self.selection.category_fields)
        return time is not None and None not in tuple(categories)

    def metric(self, aggregation: Aggregation, number: int) -> exp.Expr:
        """Return the aggregate of one feature as a double."""
        compiled = compile_metric(
            aggregation, self.relation.resolver, now_ms=self.now, prefix=f"m{number}_"
        )
        self._use(compiled.expression)
        self.parameters |= compiled.parameters
        return exp.cast(compiled.expression, "DOUBLE", copy=False)

    def compiled(self, query: Query) -> SqlQuery:
        """Return a filter over the columns of ``select``."""
        compiled = compile_query(
            query, self.relation.resolver, now_ms=self.now, prefix="anomalyd_filter"
        )
        self._use(compiled.expression)
        return compiled

    def select(self, *expressions: exp.Expr | str, start: int, end: int) -> exp.Select:
        """Return a statement over the documents of ``[start, end)`` that match the filter.

        Columns ``TIME`` and ``category(n)`` are there, one row per value of a field with several.
        """
        conditions = [*self._filter(self.selection.filter), *self._newer()]
        inner: list[exp.Expr | str] = ["*"]
        lists = []
        for name, path in self._aliases().items():
            found = self.relation.resolver.resolve(path)
            assert found is not None
            self._columns.add(found.column)
            inner.append(exp.alias_(_values_of(found, name != TIME), name, quoted=True))
            if found.multi:
                lists.append(name)
        self.parameters |= {"from_time": start, "to_time": end}
        indexed = self.relation.select(sorted(self._columns))
        documents = select_from(indexed, "indexed", *inner)
        if conditions:
            documents = documents.where(*conditions, copy=False)
        for name in lists:
            # one after the other: every value of one field meets every value of the next
            documents = select_from(
                documents, f"of_{name}", f"* EXCLUDE ({name})", f"unnest({name}) AS {name}"
            )
        return select_from(documents, "documents", *expressions).where(
            f"{TIME} >= $from_time AND {TIME} < $to_time",
            *(f"{name} IS NOT NULL" for name in self._categories()),
            dialect="duckdb",
            copy=False,
        )

    def _aliases(self) -> dict[str, str]:
        categories = zip(self._categories(), self.selection.category_fields, strict=True)
        return {TIME: self.selection.time_field, **dict(categories)}

    def _categories(self) -> list[str]:
        return [category(number) for number in range(len(self.selection.category_fields))]

    def _filter(self, query: Query) -> Sequence[exp.Expr]:
        if isinstance(query, MatchAll):
            return ()
        compiled = self.compiled(query)
        self.parameters |= compiled.parameters
        return (compiled.expression,)

    def _newer(self) -> Sequence[exp.Expr]:
        """Return the condition that documents are not older than the marks of their indices."""
        if not self.since:
            return ()
        marks = list(enumerate(self.since.items()))
        self.parameters |= {f"marked{at}": name for at, (name, _) in marks}
        self.parameters |= {f"mark{at}": number for at, (_, number) in marks}
        either = (f"(_index = $marked{at} AND _seq_no >= $mark{at})" for at, _ in marks)
        return (exp.maybe_parse(" OR ".join(either), dialect="duckdb"),)

    def _use(self, expression: exp.Expr) -> None:
        known = {leaf.column for leaf in self.relation.resolver.leaves.values()}
        self._columns |= {column.name for column in expression.find_all(exp.Column)} & known


def select_from(inner: exp.Query, name: str, *expressions: exp.Expr | str) -> exp.Select:
    """Return a query over another one, which becomes part of it (copies would take most time)."""
    return exp.select(*expressions, dialect="duckdb", copy=False).from_(
        inner.subquery(name, copy=False), copy=False
    )


def _values_of(found: Field, as_text: bool) -> exp.Expr:
    """Return a field's column; different values only where it is a list."""
    column: exp.Expr = exp.column(found.column, quoted=True)
    if found.multi:
        column = exp.func("list_distinct", column)
    if not as_text:
        return column
    return exp.cast(column, "VARCHAR[]" if found.multi else "VARCHAR", dialect="duckdb")
