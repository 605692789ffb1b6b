"""A table of documents in an in-memory database: the relation that the tests of queries run on."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import duckdb
from sqlglot import exp

from anomalyd.query.fields import Field, FieldKind

SQL_TYPES = {
    FieldKind.KEYWORD: "VARCHAR",
    FieldKind.TEXT: "VARCHAR",
    FieldKind.IP: "VARCHAR",
    FieldKind.LONG: "BIGINT",
    FieldKind.DOUBLE: "DOUBLE",
    FieldKind.BOOLEAN: "BOOLEAN",
    FieldKind.DATE: "BIGINT",
}
FIXED = ("_index", "_id", "_version", "_seq_no")


class Fields:
    """Some fields (implements ``FieldResolver``); a text ``f`` also answers to ``f.keyword``."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = tuple(fields)
        self._by_path = {field.path: field for field in fields}
        for field in fields:
            if field.kind is FieldKind.TEXT:
                path = f"{field.path}.keyword"
                self._by_path[path] = Field(path, field.column, FieldKind.KEYWORD, field.multi)
        self._by_path["_id"] = Field("_id", "_id", FieldKind.KEYWORD)

    def resolve(self, path: str) -> Field | None:
        return self._by_path.get(path)

    def fields(self) -> Sequence[Field]:
        return self._fields


class Table:
    """Documents with ``_id`` and a value per field (implements ``Relation``)."""

    def __init__(
        self, fields: Sequence[Field], documents: Sequence[Mapping[str, Any]], shards: int = 1
    ) -> None:
        self.resolver = Fields(fields)
        self.shard_count = shards
        self.statements: list[str] = []
        self._connection = duckdb.connect(":memory:")
        columns = {field.column: self._sql_type(field) for field in fields}
        made = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        self._connection.execute(
            'CREATE TABLE t ("_index" VARCHAR, "_id" VARCHAR, "_version" BIGINT, "_seq_no" BIGINT, '
            f'"_source" VARCHAR{", " if made else ""}{made})'
        )
        rows = [
            [
                document.get("_index", "index"),
                document["_id"],
                1,
                number,
                json.dumps({k: v for k, v in document.items() if not k.startswith("_")}),
                *(document.get(field.path) for field in fields),
            ]
            for number, document in enumerate(documents)
        ]
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)

    @staticmethod
    def _sql_type(field: Field) -> str:
        is_list = field.multi or field.nested_path is not None
        return SQL_TYPES[field.kind] + ("[]" if is_list else "")

    def select(self, columns: Collection[str]) -> exp.Query:
        names = dict.fromkeys((*FIXED, *columns))
        return exp.select(*(exp.column(name, quoted=True) for name in names)).from_("t")

    def documents(
        self, places: Collection[tuple[str, int]], *, encoded: bool = False
    ) -> list[tuple[str, int, Any]]:
        del encoded  # allows, does not ask
        rows = self._connection.execute('SELECT "_index", "_seq_no", "_source" FROM t').fetchall()
        return [(*row[:2], json.loads(row[2])) for row in rows if row[:2] in places]

    def rows(self, sql: str, parameters: Mapping[str, object]) -> list[tuple[object, ...]]:
        self.statements.append(sql)
        return self._connection.execute(sql, dict(parameters)).fetchall()

    def close(self) -> None:
        self._connection.close()
