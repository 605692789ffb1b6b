"""What the fields of an index are, and which columns hold them.

A mapping is a value: writing documents with new fields makes a new one. Leaf fields stand under
their dotted path; objects exist only as prefixes of paths. A text field's ``keyword`` sub-field
reads the same column as the field itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from anomalyd.query.fields import Field, FieldKind

ID_COLUMN = "_id"
SYSTEM_COLUMNS = ("_id", "_version", "_seq_no", "_source")

DEFAULT_DATE_FORMAT = "strict_date_optional_time||epoch_millis"

KIND_OF_TYPE: Mapping[str, FieldKind] = {
    "keyword": FieldKind.KEYWORD,
    "text": FieldKind.TEXT,
    "long": FieldKind.LONG,
    "integer": FieldKind.LONG,
    "short": FieldKind.LONG,
    "byte": FieldKind.LONG,
    "double": FieldKind.DOUBLE,
    "float": FieldKind.DOUBLE,
    "half_float": FieldKind.DOUBLE,
    "scaled_float": FieldKind.DOUBLE,
    "boolean": FieldKind.BOOLEAN,
    "date": FieldKind.DATE,
    "ip": FieldKind.IP,
}
"""Kind of every leaf type that an embedded index can have, by Elasticsearch's name."""

SQL_TYPE: Mapping[FieldKind, str] = {
    FieldKind.KEYWORD: "VARCHAR",
    FieldKind.TEXT: "VARCHAR",
    FieldKind.IP: "VARCHAR",
    FieldKind.LONG: "BIGINT",
    FieldKind.DOUBLE: "DOUBLE",
    FieldKind.BOOLEAN: "BOOLEAN",
    FieldKind.DATE: "BIGINT",
}

# `rowid` is DuckDB's own pseudo column
_RESERVED_COLUMNS = frozenset({*SYSTEM_COLUMNS, "_index", "rowid"})

TEXT_SUB_FIELDS: Mapping[str, Mapping[str, object]] = {
    "keyword": {"type": "keyword", "ignore_above": 256}
}
"""What dynamic mapping puts below a text field."""


@dataclass(frozen=True, kw_only=True)
class MappedField:
    """A leaf field.

    Attributes:
        path: dotted path from the root of the document.
        type: Elasticsearch's type name.
        column: name of the column; the path, unless that is taken in another case.
        multi: the column is a LIST, because some document has several values.
        nested_path: the nested object that the field belongs to.
        sub_fields: further fields over the same values, name to definition.
        parameters: what else the definition says (``format``, ``scaling_factor``, …).
    """

    path: str
    type: str
    column: str
    multi: bool = False
    nested_path: str | None = None
    sub_fields: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def kind(self) -> FieldKind:
        """How the values compare."""
        return KIND_OF_TYPE[self.type]

    @property
    def format(self) -> str:
        """How dates may be written."""
        return str(self.parameters.get("format", DEFAULT_DATE_FORMAT))

    @property
    def sql_type(self) -> str:
        """The column's type."""
        return SQL_TYPE[self.kind] + ("[]" if self.multi else "")

    def resolved(self) -> Field:
        """Return the field as queries see it."""
        return Field(self.path, self.column, self.kind, self.multi, self.nested_path)

    def resolved_sub_field(self, name: str) -> Field | None:
        """Return a sub-field such as ``keyword``."""
        definition = self.sub_fields.get(name)
        if definition is None:
            return None
        kind = KIND_OF_TYPE[str(definition["type"])]
        return Field(f"{self.path}.{name}", self.column, kind, self.multi, self.nested_path)


@dataclass(frozen=True, kw_only=True)
class IndexMapping:
    """All fields of an index; also finds them for queries (``FieldResolver``).

    Attributes:
        leaves: leaf fields by path.
        nested: paths of nested objects.
        disabled: paths of objects that are stored but not searchable (``enabled: false``).
        declared_objects: paths of objects that were declared, maybe without any field.
        dynamic: ``true`` adds unknown fields, ``false`` leaves them out, ``strict`` refuses them.
        date_detection: whether texts that look like dates become date fields.
        meta: the ``_meta`` object, kept for its owner.
    """

    leaves: Mapping[str, MappedField] = field(default_factory=dict)
    nested: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()
    declared_objects: frozenset[str] = frozenset()
    dynamic: str = "true"
    date_detection: bool = True
    meta: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def objects(self) -> frozenset[str]:
        """Every path that holds an object: declared ones and all prefixes of leaf fields."""
        return self.declared_objects.union(*(prefixes(path) for path in self.leaves))

    @cached_property
    def _columns_in_use(self) -> frozenset[str]:
        return frozenset(leaf.column.lower() for leaf in self.leaves.values())

    @cached_property
    def _fields(self) -> tuple[Field, ...]:
        found = []
        for leaf in self.leaves.values():
            found.append(leaf.resolved())
            for name in leaf.sub_fields:
                sub_field = leaf.resolved_sub_field(name)
                assert sub_field is not None
                found.append(sub_field)
        return tuple(sorted(found, key=lambda each: each.path))

    @cached_property
    def _by_path(self) -> Mapping[str, Field]:
        # where indices are merged, a sub-field of one may be a leaf of another: the leaf counts
        leaves = {path: leaf.resolved() for path, leaf in self.leaves.items()}
        return {each.path: each for each in self._fields} | leaves

    def resolve(self, path: str) -> Field | None:
        """Return a field or sub-field by its full path; ``_id`` is the id column."""
        if path == ID_COLUMN:
            return Field(ID_COLUMN, ID_COLUMN, FieldKind.KEYWORD)
        return self._by_path.get(path)

    def fields(self) -> tuple[Field, ...]:
        """Return all fields and sub-fields, by path."""
        return self._fields

    def nested_path_of(self, path: str) -> str | None:
        """Return the nested object that a path lies in."""
        return next((prefix for prefix in prefixes(path) if prefix in self.nested), None)

    def with_leaves(self, leaves: Iterable[MappedField]) -> IndexMapping:
        """Return the mapping with these leaf fields added, or replaced where the path exists."""
        return replace(self, leaves={**self.leaves, **{leaf.path: leaf for leaf in leaves}})

    def free_column(self, path: str, taken: Iterable[str] = ()) -> str:
        """Return a column name for a new field.

        Field names are case-sensitive and column names are not, so ``Host`` beside ``host`` gets
        a number. A NUL ends a statement, so it becomes a space.
        """
        in_use = self._columns_in_use | _RESERVED_COLUMNS | {name.lower() for name in taken}
        plain = path.replace("\0", " ")
        column, number = plain, 2
        while column.lower() in in_use:
            column, number = f"{plain}~{number}", number + 1
        return column


def prefixes(path: str) -> list[str]:
    """Return the paths of the objects around a field: ``a.b.c`` gives ``a`` and ``a.b``."""
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
