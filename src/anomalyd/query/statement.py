"""Statements over the documents that a search's query matches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlglot import exp

from anomalyd.query.relation import Relation
from anomalyd.query.sql import Parameters, both, number
from anomalyd.query.written import written

DOCUMENTS = "docs"
"""Under this name a statement finds the documents that match."""

_ALWAYS = {"_index", "_id", "_version", "_seq_no"}


class Documents:
    """The documents of a relation that meet a condition.

    Args:
        relation: where they are.
        parameters: hold the values of all expressions.
        condition: which of them; NULL counts as no.
    """

    def __init__(
        self, relation: Relation, parameters: Parameters, condition: exp.Expression
    ) -> None:
        self._relation = relation
        self._parameters = parameters
        self._condition = condition

    def rows(
        self, statement: exp.Select, also: exp.Expression | None = None
    ) -> list[tuple[object, ...]]:
        """Runs a statement that reads ``DOCUMENTS`` and gives its rows.

        Args:
            statement: what to compute; consumed.
            also: a further condition on the documents.
        """
        # quoted columns are the table's own; names that statements make up are not quoted
        parts = [statement, self._condition, *([] if also is None else [also])]
        columns = {
            column.name
            for part in parts
            for column in part.find_all(exp.Column)
            if column.this.args.get("quoted")
        }
        table = exp.Subquery(
            this=self._relation.select(sorted(columns - _ALWAYS)),
            alias=exp.TableAlias(this=exp.to_identifier("everything")),
        )
        condition = self._condition if also is None else both([self._condition, also])
        inner = exp.Select(expressions=[exp.Star()], from_=exp.From(this=table))
        inner.set("where", exp.Where(this=condition))
        # by hand: sqlglot's helper parses the name, for a quarter of a millisecond
        name = exp.TableAlias(this=exp.Identifier(this=DOCUMENTS))
        statement.set("with_", exp.With(expressions=[exp.CTE(this=inner, alias=name)]))
        sql, names = written(statement)
        return self._relation.rows(sql, self._parameters.values(names))

    def read(
        self, places: Collection[tuple[str, int]], *, encoded: bool
    ) -> list[tuple[str, int, Any]]:
        """``_index``, ``_seq_no`` and document of what was found before, by place."""
        return self._relation.documents(places, encoded=encoded)


def identifier(name: str) -> exp.Expression:
    """A column that a statement made up."""
    return exp.Column(this=exp.Identifier(this=name))


def alias(expression: exp.Expression, name: str) -> exp.Expression:
    """An expression under a made-up name."""
    return exp.Alias(this=expression, alias=exp.Identifier(this=name))


def select(
    expressions: Sequence[exp.Expression], source: exp.Query | str, *, group_by: Sequence[str] = ()
) -> exp.Select:
    """``SELECT expressions FROM source GROUP BY names``; a query as source is nested."""
    table: exp.Expression
    if isinstance(source, str):
        table = exp.Table(this=exp.to_identifier(source))
    else:
        name = exp.TableAlias(this=exp.to_identifier("inside"))
        table = exp.Subquery(this=source.copy(), alias=name)
    statement = exp.Select(expressions=list(expressions)).from_(table, copy=False)
    if group_by:
        statement = statement.group_by(*(identifier(one) for one in group_by), copy=False)
    return statement


def limited(statement: exp.Select, rows: int) -> exp.Select:
    """At most so many rows; the number is one of this package, not of a request."""
    return statement.limit(number(rows), copy=False)
