"""Small pieces of SQL trees, shared by the compilers.

Values of requests come in through ``Parameters`` only: a tree holds placeholders, names of columns
that a resolver gave, and constants of this package, never anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import orjson
from sqlglot import exp

from anomalyd.query.fields import Field, FieldKind, SqlQuery

Condition = Callable[[exp.Expression], exp.Expression]
"""From a value's expression to a boolean expression about it."""


# in this order: a boolean is an integer to Python
_LIST_TYPES = ((bool, "BOOLEAN"), (int, "BIGINT"), (float, "DOUBLE"), (str, "VARCHAR"))


class Parameters:
    """The values of one statement, each under a placeholder name of its own."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._values: dict[str, object] = {}

    def bind(self, value: object) -> exp.Expression:
        """A placeholder that stands for the value."""
        name = f"{self._prefix}{len(self._values)}"
        self._values[name] = value
        return exp.Placeholder(this=name)

    def bind_list(self, values: Sequence[object]) -> exp.Expression:
        """A list of texts, numbers or booleans, all of one type, at least one.

        It travels as JSON text: DuckDB takes a fifth of a millisecond for each element of a
        Python list, since it looks for a library that need not be installed.
        """
        first = values[0]
        sql_type = next(name for kind, name in _LIST_TYPES if isinstance(first, kind))
        bound = self.bind(orjson.dumps(list(values)).decode())
        return call("from_json", bound, text(f'["{sql_type}"]'))

    def query(self, expression: exp.Expression) -> SqlQuery:
        """The expression with the values that it uses; DuckDB refuses values without a place."""
        used = {placeholder.name for placeholder in expression.find_all(exp.Placeholder)}
        return SqlQuery(expression, self.values(used))

    def values(self, names: Collection[str]) -> dict[str, object]:
        """The values of some placeholders by name."""
        return {name: value for name, value in self._values.items() if name in names}


def call(name: str, *arguments: exp.Expression) -> exp.Expression:
    """A call of a DuckDB function, under exactly this name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def text(value: str) -> exp.Expression:
    """A constant of this package as a string literal; never a value of a request."""
    return exp.Literal.string(value)


def number(value: int) -> exp.Expression:
    """A number literal: a constant of this package, or the size or start of a page."""
    if value < 0:
        return exp.Neg(this=exp.Literal.number(-value))
    return exp.Literal.number(value)


def compare(kind: type[exp.Binary], left: exp.Expression, right: exp.Expression) -> exp.Expression:
    """A binary operator, in parentheses so that it can stand anywhere."""
    return exp.Paren(this=kind(this=left, expression=right))


def true() -> exp.Expression:
    """Every row."""
    return exp.Boolean(this=True)


def false() -> exp.Expression:
    """No row."""
    return exp.Boolean(this=False)


def both(conditions: Sequence[exp.Expression]) -> exp.Expression:
    """All of the conditions."""
    return _joined(exp.And, conditions, empty=true())


def either(conditions: Sequence[exp.Expression]) -> exp.Expression:
    """One or more of the conditions."""
    return _joined(exp.Or, conditions, empty=false())


def _joined(
    kind: type[exp.Connector], conditions: Sequence[exp.Expression], empty: exp.Expression
) -> exp.Expression:
    """A balanced tree, so that a thousand conditions are ten levels deep and not a thousand."""
    if not conditions:
        return empty
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    left = _joined(kind, conditions[:middle], empty)
    right = _joined(kind, conditions[middle:], empty)
    return compare(kind, left, right)


def negated(condition: exp.Expression) -> exp.Expression:
    """Rows for which the condition is false or unknown."""
    return exp.Paren(
        this=exp.Not(this=exp.Is(this=exp.Paren(this=condition), expression=exp.Boolean(this=True)))
    )


def counted(conditions: Sequence[exp.Expression]) -> exp.Expression:
    """How many of the conditions hold."""
    if len(conditions) == 1:
        return exp.Case(
            ifs=[exp.If(this=conditions[0], true=number(1))],
            default=number(0),
        )
    middle = len(conditions) // 2
    return compare(exp.Add, counted(conditions[:middle]), counted(conditions[middle:]))


def some(values: exp.Expression, condition: Condition, variable: str) -> exp.Expression:
    """Whether any element of a list meets the condition.

    Args:
        values: the list.
        condition: about one element.
        variable: name of the element; differs from those of the lambdas around.
    """
    element = exp.to_identifier(variable)
    body = condition(exp.column(exp.to_identifier(variable)))
    found = call("list_filter", values, exp.Lambda(this=body, expressions=[element]))
    return compare(exp.GT, call("len", found), number(0))


@dataclass(frozen=True)
class Reached:
    """A field's values, as an expression reaches them.

    Attributes:
        kind: what the values are.
        expression: the value, or the list of values.
        multi: it is a list.
        in_lambda: the expression stands inside a lambda, where no subquery is allowed.
    """

    kind: FieldKind
    expression: exp.Expression
    multi: bool
    in_lambda: bool = False

    def any(self, condition: Condition) -> exp.Expression:
        """Whether any value meets the condition; no value does not."""
        if self.multi:
            return some(self.expression.copy(), condition, "__element__")
        return condition(self.expression.copy())

    def equals(self, value: exp.Expression) -> exp.Expression:
        """Whether any value is this one."""
        if self.multi:
            return call("list_contains", self.expression.copy(), value)
        return compare(exp.EQ, self.expression.copy(), value)

    def exists(self) -> exp.Expression:
        """Whether there is any value."""
        if self.multi:
            count = call("list_count", self.expression.copy())
            return compare(exp.GT, count, number(0))
        return negated(exp.Is(this=self.expression.copy(), expression=exp.Null()))


def own_column(name: str) -> exp.Column:
    """A column of the table."""
    return exp.Column(this=exp.Identifier(this=name, quoted=True))


def reach(field: Field, position: exp.Expression | None = None) -> Reached:
    """The values of a field.

    Args:
        field: the field.
        position: inside a nested query, the index (from 1) of the object in question.
    """
    column = own_column(field.column)
    if position is None:
        return Reached(field.kind, column, field.multi)
    element = call("list_extract", column, position.copy())
    return Reached(field.kind, element, multi=False, in_lambda=True)
