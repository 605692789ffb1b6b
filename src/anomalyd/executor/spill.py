"""A file for models that have no room in memory. Nothing in it outlives the process."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anomalyd.errors import CorruptState, SourceUnavailable

AT_ONCE = 500
"""Rows that are asked for with one statement."""


class SpillFile:
    """Blobs by area and number. Thread-safe.

    Args:
        path: made anew; None keeps everything in memory.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        self._lock = threading.Lock()
        self._areas = 0
        self._connection = sqlite3.connect(
            ":memory:" if path is None else path, check_same_thread=False, isolation_level=None
        )
        # what it holds is in the checkpoints and results as well, so a crash may take it all
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(
            "CREATE TABLE blob (area INTEGER, number INTEGER, data BLOB, "
            "PRIMARY KEY (area, number)) WITHOUT ROWID"
        )

    def area(self) -> SpillArea:
        """Return a new, empty part of the file."""
        with self._lock:
            self._areas += 1
            return SpillArea(self, self._areas)

    def close(self) -> None:
        """Close the file; twice is fine."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to one thread at a time.

        Raises: SourceUnavailable when the disk cannot be used.
        """
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise SourceUnavailable(f"spilled models cannot be used now: {error}") from error


class SpillArea:
    """One owner's blobs, by number. Thread-safe."""

    def __init__(self, file: SpillFile, area: int) -> None:
        self._file = file
        self._area = area

    def write(self, blobs: Sequence[tuple[int, bytes]]) -> None:
        """Keep blobs; one with the same number is replaced."""
        rows = [(self._area, number, data) for number, data in blobs]
        with self._file.using() as connection:
            connection.execute("BEGIN")
            connection.executemany("INSERT OR REPLACE INTO blob VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")

    def read(self, numbers: Sequence[int]) -> list[bytes]:
        """Return blobs in the order of the numbers. Raises: CorruptState for one that is gone."""
        found: dict[int, bytes] = {}
        with self._file.using() as connection:
            for first in range(0, len(numbers), AT_ONCE):
                some = numbers[first : first + AT_ONCE]
                marks = ",".join("?" * len(some))
                found.update(
                    connection.execute(
                        "SELECT number, data FROM blob "  # noqa: S608 - question marks
                        f"WHERE area = ? AND number IN ({marks})",
                        (self._area, *some),
                    ).fetchall()
                )
        try:
            return [found[number] for number in numbers]
        except KeyError as missing:
            raise CorruptState(f"spilled model {missing} is gone") from None

    def take(self, numbers: Sequence[int]) -> list[bytes]:
        """Return blobs as ``read``, and keep them no more."""
        blobs = self.read(numbers)
        with self._file.using() as connection:
            connection.execute("BEGIN")
            connection.executemany(
                "DELETE FROM blob WHERE area = ? AND number = ?",
                [(self._area, number) for number in numbers],
            )
            connection.execute("COMMIT")
        return blobs

    def close(self) -> None:
        """Forget all blobs."""
        with contextlib.suppress(sqlite3.ProgrammingError), self._file.using() as connection:
            connection.execute("DELETE FROM blob WHERE area = ?", (self._area,))
