"""What the compiler needs to know about the table: which fields there are and what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from sqlglot import exp


class FieldKind(Enum):
    """The type of a field, and of its column.

    KEYWORD, TEXT and IP are VARCHAR, LONG is BIGINT, DOUBLE is DOUBLE, BOOLEAN is BOOLEAN, DATE is
    BIGINT: milliseconds since the epoch. Columns of arrays are lists of these.
    """

    KEYWORD = "keyword"
    TEXT = "text"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    IP = "ip"


@dataclass(frozen=True)
class Field:
    """A field of the documents.

    Attributes:
        path: the dotted name that requests use (``user.name``, ``host.keyword``).
        column: the column that holds it.
        kind: what it holds.
        multi: the column is a list, one element per value of the document's array.
        nested_path: the array of objects that the field belongs to. Its column is a list whose
            i-th element belongs to the i-th object; all columns of one path are equally long.
    """

    path: str
    column: str
    kind: FieldKind
    multi: bool = False
    nested_path: str | None = None


class FieldResolver(Protocol):
    """Knows the fields of one index, or of several seen as one. Immutable, so thread-safe."""

    def resolve(self, path: str) -> Field | None:
        """The field of this dotted name (``_id`` among them), or None where there is none."""
        ...

    def fields(self) -> Sequence[Field]:
        """All fields but ``_id`` and its kind, in a fixed order."""
        ...


@dataclass(frozen=True)
class SqlQuery:
    """A piece of SQL with the values that belong to its placeholders.

    Attributes:
        expression: a tree in DuckDB's dialect; ``expression.sql(dialect="duckdb")`` is its text.
        parameters: value by placeholder name (``p0`` for ``$p0``).
    """

    expression: exp.Expression
    parameters: Mapping[str, object] = field(default_factory=dict)
