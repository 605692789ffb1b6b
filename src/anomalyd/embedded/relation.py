"""One index, or many, as the one table that a query sees.

Indices of one pattern rarely have exactly the same fields. A field that one of them lacks is NULL
there; long beside double reads as double, a single value beside arrays as an array of one, and
types that have nothing in common as text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import numpy.typing as npt
import orjson
from sqlglot import exp

from anomalyd.embedded.catalogue import IndexState
from anomalyd.embedded.database import quote
from anomalyd.embedded.kept_rows import KeptRows
from anomalyd.embedded.mapping import SQL_TYPE, IndexMapping, MappedField
from anomalyd.embedded.result_table import DOCUMENT_COLUMNS, anomalies_of, document
from anomalyd.embedded.result_table import KIND as RESULTS
from anomalyd.errors import IllegalArgument, SourceUnavailable
from anomalyd.query.fields import FieldKind
from anomalyd.query.sql import own_column

# As one text: a list parameter is taken over value by value, a hundred times slower.
ROWS = "(SELECT unnest(from_json($rows, '[\"BIGINT\"]')))"


class IndexSet:
    """Indices seen as one table, inside one snapshot (implements ``query.relation.Relation``).

    Args:
        cursor: a cursor of the snapshot that the states come from.
        states: the indices, by name.
        kept: where documents of result rows are remembered; None reads them each time.
        anomalies: of results, see those with a grade above zero alone.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        states: Sequence[IndexState],
        *,
        kept: KeptRows | None = None,
        anomalies: bool = False,
    ) -> None:
        self._cursor = cursor
        self._kept = kept
        self._anomalies = anomalies
        self._states = tuple(states)
        self.resolver = merge([state.mapping for state in states])

    @property
    def revisions(self) -> tuple[int, ...]:
        """Which indices with which mappings these are: what statements over them depend on."""
        return tuple(state.revision for state in self._states)

    @property
    def shard_count(self) -> int:
        """One shard per index, as on a node that has them all."""
        return len(self._states)

    def select(self, columns: Collection[str]) -> exp.Query:
        """Return a query for these columns of all documents.

        ``_index``, ``_id``, ``_version`` and ``_seq_no`` always come with them.
        """
        fixed = {"_index", "_id", "_version", "_seq_no"}
        wanted = [column for column in dict.fromkeys(columns) if column not in fixed]
        parts = [self._select_one(state, wanted) for state in self._states]
        if not parts:
            return self._select_nothing(wanted)
        union: exp.Query = parts[0]
        for part in parts[1:]:
            union = exp.union(union, part, distinct=False, copy=False)
        return union

    def documents(
        self, places: Collection[tuple[str, int]], *, encoded: bool = False
    ) -> list[tuple[str, int, Any]]:
        """Return ``_index``, ``_seq_no`` and the document of each of these places.

        Documents that are kept come as ``orjson.Fragment`` where ``encoded`` allows it.

        By sequence number, which DuckDB can look for in the parts that hold it alone.

        The places come as one text and by a join: DuckDB compares a list of constants row by row.
        """
        found: list[tuple[str, int, Any]] = []
        for state in self._states:
            numbers = [number for index, number in places if index == state.name]
            if not numbers:
                continue
            if self._kept is None or state.kind != RESULTS:
                documents = self._read(state, numbers)
            else:
                texts = self._texts(self._kept, state, numbers)
                made = orjson.Fragment if encoded else orjson.loads
                documents = {number: made(text) for number, text in texts.items()}
            found += [(state.name, number, one) for number, one in documents.items()]
        return found

    def _texts(self, kept: KeptRows, state: IndexState, numbers: list[int]) -> dict[int, bytes]:
        texts = kept.get(state.table, numbers)
        missing = [number for number in numbers if number not in texts]
        if missing:
            read = self._read(state, missing)
            made = {number: orjson.dumps(one) for number, one in read.items()}
            kept.put(state.table, made)
            texts |= made
        return texts

    def _read(self, state: IndexState, numbers: Sequence[int]) -> dict[int, Any]:
        names, made = _document_of(state)
        self._run(
            f"SELECT _seq_no, {', '.join(map(quote, names))} "  # noqa: S608 - quoted
            f"FROM {quote(self._table(state))} WHERE _seq_no BETWEEN $first AND $last "
            f"AND _seq_no IN {ROWS}",
            {"first": min(numbers), "last": max(numbers), "rows": orjson.dumps(numbers).decode()},
        )
        return {number: made(values) for number, *values in self._cursor.fetchall()}

    def rows(self, sql: str, parameters: Mapping[str, object]) -> list[tuple[object, ...]]:
        """Run a statement and return its rows.

        Raises: IllegalArgument where a value of the request overflows its type.
        """
        return self._run(sql, parameters).fetchall()

    def columns(self, sql: str, parameters: Mapping[str, object]) -> dict[str, npt.NDArray[Any]]:
        """Run a statement and return its columns by name; masked arrays where values are NULL."""
        return self._run(sql, parameters).fetchnumpy()

    @contextmanager
    def lend(self, name: str, columns: Mapping[str, npt.NDArray[Any]]) -> Iterator[None]:
        """Let statements inside use these arrays as a table; object arrays are VARCHAR."""
        self._cursor.register(name, dict(columns))
        try:
            yield
        finally:
            self._cursor.unregister(name)

    def _run(self, sql: str, parameters: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
        try:
            return self._cursor.execute(sql, dict(parameters))
        except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            raise IllegalArgument(f"the query cannot be computed: {error}") from error
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise SourceUnavailable(f"the query could not be computed now: {error}") from error

    def _table(self, state: IndexState) -> str:
        narrow = self._anomalies and state.kind == RESULTS
        return anomalies_of(state.table) if narrow else state.table

    def _select_one(self, state: IndexState, columns: Sequence[str]) -> exp.Select:
        own = {leaf.path: leaf for leaf in state.mapping.leaves.values()}
        paths = {leaf.column: leaf for leaf in self.resolver.leaves.values()}
        expressions: list[exp.Expr] = [
            _named(exp.Literal.string(state.name), "_index"),
            *map(own_column, ("_id", "_version", "_seq_no")),
        ]
        for column in columns:
            merged = paths[column]
            expressions.append(_named(_adapted(own.get(merged.path), merged), column))
        table = exp.Table(this=exp.to_identifier(self._table(state)))
        return exp.Select(expressions=expressions, from_=exp.From(this=table))

    def _select_nothing(self, columns: Sequence[str]) -> exp.Select:
        names = {"_index": "VARCHAR", "_id": "VARCHAR", "_version": "BIGINT", "_seq_no": "BIGINT"}
        names |= dict.fromkeys(columns, "VARCHAR")
        nulls = [exp.alias_(_null(type_), name, quoted=True) for name, type_ in names.items()]
        return exp.select(*nulls).where(exp.false())


def _document_of(state: IndexState) -> tuple[Sequence[str], Callable[[Sequence[Any]], Any]]:
    """Return the columns that a document is made of, and what makes it."""
    if state.kind == RESULTS:
        return DOCUMENT_COLUMNS, document
    return ("_source",), lambda values: orjson.loads(values[0])


def merge(mappings: Sequence[IndexMapping]) -> IndexMapping:
    """Return the mapping of several indices seen as one table."""
    if mappings and all(mapping.leaves == mappings[0].leaves for mapping in mappings):
        return mappings[0]
    merged = IndexMapping()
    for mapping in mappings:
        leaves: list[MappedField] = []
        for path, leaf in mapping.leaves.items():
            known = merged.leaves.get(path)
            if known is None:
                taken = [each.column for each in leaves]
                leaves.append(replace(leaf, column=merged.free_column(path, taken)))
            else:
                leaves.append(_unify(known, leaf))
        merged = replace(merged.with_leaves(leaves), nested=merged.nested | mapping.nested)
    return merged


def _unify(first: MappedField, second: MappedField) -> MappedField:
    kinds = {first.kind, second.kind}
    unified = first
    if len(kinds) > 1:
        numbers = kinds == {FieldKind.LONG, FieldKind.DOUBLE}
        unified = replace(first, type="double" if numbers else "keyword", parameters={})
    return replace(
        unified,
        multi=first.multi or second.multi,
        nested_path=first.nested_path if first.nested_path == second.nested_path else None,
        sub_fields={**second.sub_fields, **first.sub_fields} if unified is first else {},
    )


def _adapted(leaf: MappedField | None, merged: MappedField) -> exp.Expr:
    """Return an index's own column in the type of the merged field."""
    if leaf is None:
        return _null(merged.sql_type)
    column: exp.Expr = own_column(leaf.column)
    if leaf.sql_type == merged.sql_type:
        return column
    if leaf.multi or not merged.multi:
        return exp.cast(column, merged.sql_type, dialect="duckdb")
    one = exp.array(exp.cast(column.copy(), SQL_TYPE[merged.kind], dialect="duckdb"))
    return exp.case().when(column.is_(exp.null()).not_(), one)


def _named(value: exp.Expr, name: str) -> exp.Alias:
    # built by hand: sqlglot's helpers copy and parse what they are given, for half a millisecond
    return exp.Alias(this=value, alias=exp.Identifier(this=name, quoted=True))


def _null(sql_type: str) -> exp.Expr:
    return exp.cast(exp.null(), sql_type, dialect="duckdb")
