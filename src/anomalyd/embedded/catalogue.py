"""Which indices there are: their tables, mappings and sequence numbers.

The catalogue is a table beside the data, changed in the same transactions, so that a crash at any
moment leaves both as they were before or after. The writer keeps it in memory; each reader sees
the catalogue of its own snapshot, or the one in memory if nothing was committed while it read.
Parsed mappings are shared between readers.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import duckdb
import orjson

from anomalyd.embedded.database import Database, quote
from anomalyd.embedded.mapping import IndexMapping
from anomalyd.embedded.mapping_json import parse_mapping, render_mapping
from anomalyd.embedded.names import check_name, expand
from anomalyd.embedded.result_table import KIND as RESULTS
from anomalyd.embedded.result_table import anomalies_of
from anomalyd.errors import IndexExists, IndexNotFound

T = TypeVar("T")

DOCUMENT_COLUMNS: Mapping[str, str] = {
    "_id": "VARCHAR",
    "_version": "BIGINT",
    "_seq_no": "BIGINT",
    "_source": "VARCHAR",
}
"""Columns of every table of documents, before those of its fields."""

_CREATE = """
CREATE TABLE IF NOT EXISTS anomalyd_index (
    name VARCHAR PRIMARY KEY,
    table_name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    mapping VARCHAR NOT NULL,
    settings VARCHAR NOT NULL,
    revision BIGINT NOT NULL,
    next_seq_no BIGINT NOT NULL
)
"""


@dataclass(frozen=True, kw_only=True)
class IndexState:
    """An index as the catalogue has it.

    Attributes:
        name: the index's name.
        table: the table that holds it.
        kind: ``documents``, or the name of another table layout.
        mapping: its fields.
        settings: the ``settings`` object of its creation.
        revision: changes with every change of the mapping; never used twice.
        next_seq_no: sequence number of the next write.
    """

    name: str
    table: str
    kind: str
    mapping: IndexMapping
    settings: Mapping[str, Any] = field(default_factory=dict)
    revision: int
    next_seq_no: int = 0

    @property
    def tables(self) -> tuple[str, ...]:
        """All tables of the index, alike in their columns."""
        if self.kind != RESULTS:
            return (self.table,)
        return (self.table, anomalies_of(self.table))


class Catalogue:
    """The indices of a database. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()
        self._mappings: dict[int, IndexMapping] = {}
        self._session: WriteSession | None = None
        self._changes: Counter[str] = Counter()
        if database.read_only:
            with database.read() as cursor:
                self._states = self._load(cursor)
        else:
            with database.write() as connection:
                connection.execute(_CREATE)
                self._states = self._load(connection)
        self._revision = max((state.revision for state in self._states.values()), default=0)

    @contextmanager
    def write(self) -> Iterator[WriteSession]:
        """Open a transaction; all of it happens, or nothing. Nested calls of a thread join it."""
        with self._lock:
            if self._session is not None:
                yield self._session
                return
            try:
                with self._database.write() as connection:
                    self._session = WriteSession(connection, dict(self._states), self._revision)
                    yield self._session
                    self._session.flush()
                # only now is it committed
                self._changes.update(self._session.changed)
                self._states = self._session.states
                self._revision = self._session.revision
                self._mappings = {each.revision: each.mapping for each in self._states.values()}
            finally:
                self._session = None

    def changes(self, name: str) -> int:
        """Count the transactions that wrote to an index since this object was made.

        Whoever keeps something that was read asks *before* reading, and reads again once the
        number is another: what is written is counted before its writer goes on.
        """
        return self._changes[name]

    def committed(self) -> Mapping[str, IndexState]:
        """Return the indices as the last transaction left them, without asking the database.

        For whoever needs only their names: what happens next may belong to a newer state.
        """
        return self._states

    @contextmanager
    def read(self) -> Iterator[ReadSession]:
        """Open a snapshot for reading."""
        with self._database.read() as cursor:
            yield ReadSession(cursor, self._load(cursor))

    def reading(self, work: Callable[[ReadSession], T]) -> T:
        """Return what comes of work that only reads, as if done inside ``read``.

        For work of milliseconds, which may be done twice. To begin a snapshot, read the catalogue
        and end it takes DuckDB as long as finding a few rows. So the work is done without a
        snapshot while nobody writes: if nothing was committed until its end, all that it read
        belongs together, and to the catalogue in memory. Otherwise it is done in a snapshot.
        """
        # in this order: of a writer that is not seen here, either everything is in `_states`
        # already, or its commit is counted below
        commits = self._database.commits
        if self._session is None and not self._database.writing:
            try:
                with self._database.cursor() as cursor:
                    found = work(ReadSession(cursor, self._states))
            except Exception:
                if self._database.commits == commits:
                    raise
            else:
                if self._database.commits == commits:
                    return found
        with self.read() as session:
            return work(session)

    def _load(self, connection: duckdb.DuckDBPyConnection) -> dict[str, IndexState]:
        connection.execute(
            "SELECT name, table_name, kind, settings, revision, next_seq_no FROM anomalyd_index"
        )
        states = {}
        for name, table, kind, settings, revision, next_seq_no in connection.fetchall():
            mapping = self._mappings.get(revision)
            if mapping is None:
                mapping = self._mappings[revision] = _load_mapping(connection, revision)
            states[name] = IndexState(
                name=name,
                table=table,
                kind=kind,
                mapping=mapping,
                settings=orjson.loads(settings),
                revision=revision,
                next_seq_no=next_seq_no,
            )
        return states


class ReadSession:
    """A snapshot: the indices and their documents belong together."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, states: Mapping[str, IndexState]) -> None:
        self.cursor = cursor
        self.states = states

    def matching(self, patterns: Sequence[str]) -> tuple[IndexState, ...]:
        """Return the indices that patterns mean, by name. Raises: IndexNotFound."""
        return tuple(self.states[name] for name in expand(patterns, self.states))


class WriteSession:
    """A writing transaction over indices. Used by one thread, inside ``Catalogue.write``."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        states: dict[str, IndexState],
        revision: int,
    ) -> None:
        self.connection = connection
        self.states = states
        self.revision = revision
        self._moved: set[str] = set()
        self.changed: set[str] = set()

    def matching(self, patterns: Sequence[str]) -> tuple[IndexState, ...]:
        """Return the indices that patterns mean, by name. Raises: IndexNotFound."""
        return tuple(self.states[name] for name in expand(patterns, self.states))

    def get(self, name: str) -> IndexState:
        """Return an index. Raises: IndexNotFound."""
        try:
            return self.states[name]
        except KeyError:
            raise IndexNotFound(name) from None

    def create(
        self,
        name: str,
        mapping: IndexMapping,
        *,
        kind: str = "documents",
        settings: Mapping[str, Any] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> IndexState:
        """Create an index with its table.

        Args:
            name: its name.
            mapping: its fields.
            kind: layout of the table.
            settings: kept and shown.
            columns: SQL type per column; by default those of documents, then the fields'.

        Raises: IndexExists, IndexNameInvalid.
        """
        check_name(name)
        if name in self.states:
            raise IndexExists(f"index [{name}] already exists", details={"index": name})
        if columns is None:
            leaves = mapping.leaves.values()
            columns = {**DOCUMENT_COLUMNS, **{leaf.column: leaf.sql_type for leaf in leaves}}
        self.revision += 1
        state = IndexState(
            name=name,
            table=f"index_{self.revision}",
            kind=kind,
            mapping=mapping,
            settings=settings or {},
            revision=self.revision,
        )
        definitions = ", ".join(f"{quote(column)} {type_}" for column, type_ in columns.items())
        for table in state.tables:
            self.connection.execute(f"CREATE TABLE {quote(table)} ({definitions})")
        self.connection.execute(
            "INSERT INTO anomalyd_index VALUES (?, ?, ?, ?, ?, ?, 0)",
            [
                name, state.table, kind, _dump_mapping(mapping),
                orjson.dumps(state.settings).decode(), state.revision,
            ],
        )  # fmt: skip
        self.states[name] = state
        return state

    def drop(self, name: str) -> None:
        """Delete an index with everything in it. Raises: IndexNotFound."""
        state = self.get(name)
        for table in state.tables:
            self.connection.execute(f"DROP TABLE {quote(table)}")
        self.connection.execute("DELETE FROM anomalyd_index WHERE name = ?", [name])
        del self.states[name]
        self._moved.discard(name)
        self.changed.add(name)

    def change_mapping(self, name: str, mapping: IndexMapping) -> IndexState:
        """Give an index another mapping: columns are added, or become lists, as it says."""
        old = self.get(name)
        table = quote(old.table)
        for path, leaf in mapping.leaves.items():
            known = old.mapping.leaves.get(path)
            column = quote(leaf.column)
            if known is None:
                self.connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {leaf.sql_type}")
            elif leaf.multi and not known.multi:
                self.connection.execute(
                    f"ALTER TABLE {table} ALTER {column} TYPE {leaf.sql_type} "
                    f"USING CASE WHEN {column} IS NOT NULL THEN [{column}] END"
                )
        self.revision += 1
        state = replace(old, mapping=mapping, revision=self.revision)
        self.connection.execute(
            "UPDATE anomalyd_index SET mapping = ?, revision = ? WHERE name = ?",
            [_dump_mapping(mapping), state.revision, name],
        )
        self.states[name] = state
        return state

    def take_seq_nos(self, name: str, count: int, *, at_least: int = 0) -> int:
        """Reserve sequence numbers for that many writes and return the first.

        Args:
            name: the index.
            count: how many.
            at_least: the first is not below this; the numbers in between stay unused.
        """
        first = max(self.get(name).next_seq_no, at_least)
        self.states[name] = replace(self.get(name), next_seq_no=first + count)
        self._moved.add(name)
        self.changed.add(name)
        return first

    def flush(self) -> None:
        """Write what only stood in memory so far; called before the commit."""
        for name in self._moved:
            self.connection.execute(
                "UPDATE anomalyd_index SET next_seq_no = ? WHERE name = ?",
                [self.states[name].next_seq_no, name],
            )


def _dump_mapping(mapping: IndexMapping) -> str:
    columns = {path: [leaf.column, leaf.multi] for path, leaf in mapping.leaves.items()}
    return orjson.dumps({"mapping": render_mapping(mapping), "columns": columns}).decode()


def _load_mapping(connection: duckdb.DuckDBPyConnection, revision: int) -> IndexMapping:
    connection.execute("SELECT mapping FROM anomalyd_index WHERE revision = ?", [revision])
    row = connection.fetchone()
    assert row is not None
    stored = orjson.loads(row[0])
    mapping = parse_mapping(stored["mapping"])
    # in the order of the columns, which is not that of the names
    return replace(
        mapping,
        leaves={
            path: replace(mapping.leaves[path], column=column, multi=multi)
            for path, (column, multi) in stored["columns"].items()
        },
    )
