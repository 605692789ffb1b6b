"""Checkpoints of models in an SQLite file of their own: many small blobs, each replaced often."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import orjson

from anomalyd.errors import CorruptState
from anomalyd.store.models import CHECKPOINTS_AT_ONCE, ModelCheckpoint

FILE_NAME = "checkpoints.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS checkpoints (
    number INTEGER PRIMARY KEY,
    detector_id TEXT NOT NULL,
    entity TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    position INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (detector_id, entity)
)
"""
# pages of one detector are found without looking at the others'
_INDEX = "CREATE INDEX IF NOT EXISTS in_order ON checkpoints (detector_id, number)"
_SAVE = """
INSERT INTO checkpoints (detector_id, entity, fingerprint, position, data) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (detector_id, entity) DO UPDATE
SET fingerprint = excluded.fingerprint, position = excluded.position, data = excluded.data
"""


class EmbeddedCheckpointStore:
    """Implements ``store.models.CheckpointStore``.

    Args:
        folder: where the file is; None keeps everything in memory.
        read_only: leave the file as it is.

    Raises: CorruptState when the file cannot be read.
    """

    def __init__(self, folder: Path | None, *, read_only: bool = False) -> None:
        place = ":memory:" if folder is None else str(folder / FILE_NAME)
        self._lock = threading.Lock()
        try:
            if read_only and folder is not None:
                place = f"{(folder / FILE_NAME).resolve().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(
                place, isolation_level=None, check_same_thread=False, uri=read_only
            )
            if read_only:
                return
            # A commit is an append to the log; readers never see half of one.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(_SCHEMA)
            self._connection.execute(_INDEX)
        except sqlite3.DatabaseError as error:
            raise CorruptState(f"[{place}] cannot be read: {error}") from error

    def save(
        self, detector_id: str, fingerprint: str, checkpoints: Sequence[ModelCheckpoint]
    ) -> None:
        """Write checkpoints; each replaces the one of its entity."""
        rows = [
            (detector_id, _text(one.entity), fingerprint, one.position, one.data)
            for one in checkpoints
        ]
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(_SAVE, rows)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def load(self, detector_id: str, fingerprint: str) -> Iterator[Sequence[ModelCheckpoint]]:
        """Return a detector's checkpoints by this fingerprint, batch after batch."""
        last = -1
        while True:
            with self._lock:
                rows = self._connection.execute(
                    "SELECT number, entity, position, data FROM checkpoints "
                    "WHERE detector_id = ? AND number > ? AND fingerprint = ? "
                    "ORDER BY number LIMIT ?",
                    (detector_id, last, fingerprint, CHECKPOINTS_AT_ONCE),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield [
                ModelCheckpoint(entity=tuple(orjson.loads(entity)), position=position, data=data)
                for _, entity, position, data in rows
            ]

    def forget(self, detector_id: str) -> None:
        """Delete all checkpoints of a detector, whatever their fingerprint."""
        with self._lock:
            self._connection.execute(
                "DELETE FROM checkpoints WHERE detector_id = ?", (detector_id,)
            )

    def detectors(self) -> Mapping[str, int]:
        """Return how many checkpoints each detector has; those without any are left out."""
        with self._lock:
            return dict(
                self._connection.execute(
                    "SELECT detector_id, count(*) FROM checkpoints GROUP BY detector_id"
                ).fetchall()
            )

    def fingerprints(self) -> Mapping[str, frozenset[str]]:
        """Return by which definitions each detector's checkpoints are; none are left out."""
        found: dict[str, frozenset[str]] = {}
        with self._lock:
            rows = self._connection.execute(
                "SELECT DISTINCT detector_id, fingerprint FROM checkpoints"
            ).fetchall()
        for id, fingerprint in rows:
            found[id] = found.get(id, frozenset()) | {fingerprint}
        return found

    def close(self) -> None:
        """Close the file; twice is fine."""
        with self._lock:
            self._connection.close()


def _text(entity: tuple[str, ...]) -> str:
    return orjson.dumps(entity).decode()
