"""The one DuckDB database of a data directory: connections and transactions, nothing else.

DuckDB allows one writing process; inside it, one writer at a time (a lock here) and any number of
readers, each on its own cursor with its own snapshot.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from anomalyd.cancellation import cancellation
from anomalyd.errors import CorruptState, SourceUnavailable

FILE_NAME = "anomalyd.duckdb"

# The write-ahead log is folded into the file once it has this size: often enough for a quick
# restart, seldom enough not to show in the ingestion rate.
_CHECKPOINT_THRESHOLD = "64MB"

_ATTACHED = "stored"


class Database:
    """A DuckDB database in a file, or in memory.

    Thread-safe. Close it, or use it as a context manager.

    Args:
        path: the database file; created when absent, with its folder. None keeps it in memory.
        threads: threads that DuckDB may use for one statement.
        memory_limit: DuckDB's buffer limit, such as ``256MB``; larger work spills beside the file.
        read_only: leave the file as it is; it must exist, and nothing can be written.

    Raises:
        SourceUnavailable: another process has the file open.
        CorruptState: the file is no DuckDB database, or one of a newer version.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        threads: int = 2,
        memory_limit: str = "256MB",
        read_only: bool = False,
    ) -> None:
        self.read_only = read_only
        self._commits = 0
        self._write_lock = threading.RLock()
        self._depth = 0
        _settle_missing_pandas()
        self._connection = _connect(path, threads, memory_limit, read_only)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the writer, fold the log into the file and close it. Closing twice is fine."""
        with self._write_lock:
            self._connection.close()

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give the writing connection inside a transaction; commit at the end, roll back on error.

        Nested calls of one thread join the outer transaction.
        """
        with self._write_lock:
            if self._depth:
                yield self._connection
                return
            self._begin()
            self._depth = 1
            try:
                yield self._connection
                # before any reader can see it, see ``Catalogue.reading``
                self._commits += 1
                self._connection.commit()
            except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
                self._roll_back()
                raise SourceUnavailable(f"the database cannot be written: {error}") from error
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._depth = 0

    @property
    def writing(self) -> bool:
        """Whether a writing transaction is open."""
        return self._depth > 0

    @property
    def commits(self) -> int:
        """How many transactions were committed, or are being committed now."""
        return self._commits

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor with one consistent snapshot of everything that was committed.

        Raises: SourceUnavailable once the database is closed, and when the caller for whom this is
            read goes away (see ``cancellation``).
        """
        with self.cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
            finally:
                # nothing to keep: ending the snapshot is all that a reader does
                cursor.rollback()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor to read with: each statement sees what was committed when it began.

        Raises: as ``read``.
        """
        try:
            with self._open_cursor() as cursor, cancellation().watching(cursor.interrupt):
                yield cursor
        except duckdb.ConnectionException as error:
            raise SourceUnavailable("the database is closed") from error
        except duckdb.InterruptException as error:
            raise SourceUnavailable("nobody waits for the answer any more") from error

    def _open_cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._connection.cursor()
        if self.read_only:
            cursor.execute(f"USE {_ATTACHED}")
        return cursor

    def _roll_back(self) -> None:
        # a commit that failed has rolled back already
        with contextlib.suppress(duckdb.TransactionException):
            self._connection.rollback()

    def _begin(self) -> None:
        try:
            self._connection.begin()
        except duckdb.ConnectionException as error:
            raise SourceUnavailable("the database is closed") from error


def quote(identifier: str) -> str:
    """Return an SQL identifier that stands for exactly this text."""
    return '"' + identifier.replace('"', '""') + '"'


def _settle_missing_pandas() -> None:
    """Make DuckDB's questions for pandas cheap where it is not installed.

    DuckDB compares every value that comes from Python with pandas' own null values, and tries the
    import anew each time: 0.1 ms per value, 0.12 s for a list of a thousand. An entry of None
    makes the import fail at once, with the same error.
    """
    if "pandas" not in sys.modules and importlib.util.find_spec("pandas") is None:
        sys.modules["pandas"] = None  # type: ignore[assignment]  # documented by Python's import


def _connect(
    path: Path | None, threads: int, memory_limit: str, read_only: bool
) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": threads,
        "memory_limit": memory_limit,
        "checkpoint_threshold": _CHECKPOINT_THRESHOLD,
        # Object arrays are VARCHAR, always. Sniffing them costs 0.4 s a batch where pandas is not
        # installed (each of the sampled values tries to import it) and makes types depend on data.
        "pandas_analyze_sample": 0,
        # everything needed is linked in; nothing is ever fetched
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if path is None:
        # an in-memory database would spill into the working directory
        config["temp_directory"] = ""
        return duckdb.connect(":memory:", config=config)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if read_only:
            return _attached(path, config)
        _replay_log(path, config)
        return duckdb.connect(path, config=config)
    except duckdb.IOException as error:
        if "lock" in str(error):
            raise SourceUnavailable(
                f"the data directory [{path.parent}] is in use by another process"
            ) from error
        reason = str(error).partition("\n")[0]
        raise CorruptState(f"[{path}] cannot be opened as a database: {reason}") from error
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        raise CorruptState(f"[{path}] cannot be opened as a database: {reason}") from error


def _attached(path: Path, config: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """Open a file without changing it; attached, for the reason that ``_replay_log`` gives."""
    connection = duckdb.connect(":memory:", config={**config, "temp_directory": ""})
    file = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{file}' AS {_ATTACHED} (READ_ONLY)")
    return connection


def _replay_log(path: Path, config: Mapping[str, Any]) -> None:
    """Fold the log that a killed process left behind into the file.

    While DuckDB opens a file as its main database, it cannot replay all changes of tables, such as
    a column that became a list, and the file stays shut for good (duckdb issues 18259, 20543,
    22124). Attached to another database it can, and the same log is harmless then.
    """
    if not path.with_name(path.name + ".wal").exists():
        return
    spilled = {"temp_directory": f"{path}.tmp"}
    with duckdb.connect(":memory:", config={**config, **spilled}) as connection:
        file = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{file}' AS replayed")
        connection.execute("CHECKPOINT replayed")
        connection.execute("DETACH replayed")
