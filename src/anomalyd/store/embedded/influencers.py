"""Influencers, buckets and records in tables of the embedded database (decision 053)."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from anomalyd.embedded.database import Database
from anomalyd.errors import CorruptState
from anomalyd.store.embedded.influencer_columns import InfluencerColumns
from anomalyd.store.embedded.influencer_writes import registered, replace_shares, write_steps
from anomalyd.store.influencers import (
    BucketRow,
    Float64s,
    InfluencerRow,
    InfluencerStep,
    RecordRow,
    ResultFilter,
    ResultPage,
    RunState,
    ShareRows,
    StoredScores,
    StoredShares,
)

MOST_ROWS_IN_MEMORY = 2_000_000
"""Rows of all jobs' columns together, 45 bytes each; the job read last always stays."""

_CREATE = """
CREATE TABLE IF NOT EXISTS anomalyd_influencer (
    job VARCHAR, run VARCHAR, timestamp BIGINT, bucket_span BIGINT, field VARCHAR, value VARCHAR,
    code BIGINT, ln_probability DOUBLE, score DOUBLE, initial_score DOUBLE, interim BOOLEAN
);
CREATE TABLE IF NOT EXISTS anomalyd_bucket (
    job VARCHAR, run VARCHAR, timestamp BIGINT, bucket_span BIGINT, field VARCHAR,
    ln_probability DOUBLE, raw DOUBLE, score DOUBLE, initial_score DOUBLE, count BIGINT,
    interim BOOLEAN
);
CREATE TABLE IF NOT EXISTS anomalyd_record (
    job VARCHAR, run VARCHAR, timestamp BIGINT, bucket_span BIGINT, entity VARCHAR[],
    ln_probability DOUBLE, score DOUBLE, initial_score DOUBLE, actual DOUBLE[], typical DOUBLE[],
    interim BOOLEAN
);
CREATE TABLE IF NOT EXISTS anomalyd_share (
    job VARCHAR, run VARCHAR, timestamp BIGINT, entity BIGINT, field VARCHAR, value VARCHAR,
    code BIGINT, score DOUBLE, carriers BIGINT
);
CREATE TABLE IF NOT EXISTS anomalyd_influencer_run (
    job VARCHAR, run VARCHAR, position BIGINT, state_position BIGINT, state BLOB
);
"""
_TABLES = ("anomalyd_influencer", "anomalyd_bucket", "anomalyd_record")
_LOAD = """
WITH chosen AS (SELECT * FROM anomalyd_influencer WHERE job = $job),
names AS (SELECT field, row_number() OVER (ORDER BY field) - 1 AS at
          FROM (SELECT DISTINCT field FROM chosen)),
texts AS (SELECT value, row_number() OVER (ORDER BY value) - 1 AS at
          FROM (SELECT DISTINCT value FROM chosen))
SELECT CAST(names.at AS INTEGER) AS field, CAST(texts.at AS INTEGER) AS value, timestamp,
       CAST(bucket_span AS INTEGER) AS span, ln_probability, score, initial_score, interim
FROM chosen JOIN names USING (field) JOIN texts USING (value)
"""
_RECORD_SORTS = {
    "record_score": "score",
    "initial_record_score": "initial_score",
    "probability": "ln_probability",
    "timestamp": "timestamp",
    "bucket_span": "bucket_span",
    "is_interim": "interim",
}


class EmbeddedInfluencerStore:
    """Implements ``store.influencers.InfluencerStore``; the only writer of its tables."""

    def __init__(self, database: Database, *, rows_in_memory: int = MOST_ROWS_IN_MEMORY) -> None:
        self._database = database
        self._rows_in_memory = rows_in_memory
        self._lock = threading.Lock()
        # loading takes a second per million rows: not twice at the same time
        self._loading = threading.Lock()
        self._loaded: OrderedDict[str, tuple[int, InfluencerColumns]] = OrderedDict()
        self._writes: dict[str, int] = {}
        if not database.read_only:
            with database.write() as connection:
                connection.execute(_CREATE)

    # ---- writing

    def write(self, job: str, step: InfluencerStep) -> None:
        """Replace what is stored of the step's windows, in one transaction."""
        self.write_all([(job, step)])

    def write_all(self, steps: Sequence[tuple[str, InfluencerStep]]) -> None:
        """Do what ``write`` does for several jobs, in one transaction."""
        with self._changing(*(job for job, _ in steps)) as connection:
            write_steps(connection, steps)

    def rescore(self, job: str, run: str, stored: StoredScores, score: Float64s) -> int:
        """Give influencers new scores, in one transaction; returns how many rows changed."""
        changed = np.flatnonzero(score != stored.score)
        if not len(changed):
            return 0
        columns = {
            "timestamp": stored.timestamp[changed],
            "field": stored.field[changed],
            "code": stored.code[changed],
            "score": score[changed],
        }
        with self._changing(job) as connection, registered(connection, columns) as name:
            connection.execute(
                "UPDATE anomalyd_influencer AS old SET score = new.score "  # noqa: S608
                f"FROM {name} AS new WHERE old.timestamp = new.timestamp "
                "AND old.field = new.field AND old.code = new.code "
                "AND old.job = $job AND old.run = $run",
                {"job": job, "run": run},
            )
        return len(changed)

    def forget(self, job: str, run: str | None = None) -> None:
        """Delete everything of a job, or of one of its runs."""
        with self._changing(job) as connection:
            for table in (*_TABLES, "anomalyd_influencer_run"):
                connection.execute(
                    f"DELETE FROM {table} WHERE job = $job AND coalesce(run = $run, true)",  # noqa: S608
                    {"job": job, "run": run},
                )
            if run is None:
                connection.execute("DELETE FROM anomalyd_share WHERE job = $job", {"job": job})

    def write_shares(
        self, job: str, run: str, categories: Sequence[str], shares: ShareRows
    ) -> None:
        """Write shares; each (window, entity) loses those it had."""
        if len(shares):
            with self._database.write() as connection:
                replace_shares(connection, job, run, categories, shares)

    def forget_shares(self, job: str, run: str, *, before: int) -> None:
        """Delete the shares of windows that begin before a time, epoch ms."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM anomalyd_share WHERE job = $job AND run = $run "
                "AND timestamp < $before",
                {"job": job, "run": run, "before": before},
            )

    # ---- the life cycle reads

    def jobs(self) -> frozenset[str]:
        """Return the jobs that anything is kept of."""
        either = " UNION ".join(
            f"SELECT job FROM {table}"  # noqa: S608 - constants
            for table in (*_TABLES, "anomalyd_influencer_run")
        )
        with self._database.read() as cursor:
            return frozenset(job for (job,) in cursor.execute(either).fetchall())

    def state(self, job: str, run: str) -> RunState | None:
        """Return how far a run is; None when it never wrote anything."""
        with self._database.read() as cursor:
            cursor.execute(
                "SELECT position, state_position, state FROM anomalyd_influencer_run "
                "WHERE job = $job AND run = $run",
                {"job": job, "run": run},
            )
            row = cursor.fetchone()
        if row is None:
            return None
        state = None if row[2] is None else _unpacked(row[2])
        return RunState(position=row[0], state_position=row[1], state=state)

    def scores(self, job: str, run: str, *, since: int) -> StoredScores:
        """Return the final influencers of a run from ``since`` (epoch ms, inclusive) on."""
        with self._database.read() as cursor:
            cursor.execute(
                "SELECT timestamp, field, code, ln_probability, score FROM anomalyd_influencer "
                "WHERE job = $job AND run = $run AND timestamp >= $since AND NOT interim "
                "ORDER BY timestamp, field, value",
                {"job": job, "run": run, "since": since},
            )
            found = cursor.fetchnumpy()
        return StoredScores(
            timestamp=_filled(found["timestamp"]),
            field=_filled(found["field"]),
            code=_filled(found["code"]),
            ln_probability=_filled(found["ln_probability"]),
            score=_filled(found["score"]),
        )

    def shares(self, job: str, run: str, *, start: int, end: int) -> StoredShares:
        """Return the shares of windows in ``[start, end)``, epoch ms."""
        with self._database.read() as cursor:
            cursor.execute(
                "SELECT timestamp, entity, field, value, code, score, carriers FROM anomalyd_share "
                "WHERE job = $job AND run = $run AND timestamp >= $start AND timestamp < $end "
                "ORDER BY timestamp, entity, field, value",
                {"job": job, "run": run, "start": start, "end": end},
            )
            found = cursor.fetchnumpy()
        return StoredShares(**{name: _filled(column) for name, column in found.items()})

    # ---- callers read

    def influencers(
        self, job: str, which: ResultFilter, page: ResultPage
    ) -> tuple[int, tuple[InfluencerRow, ...]]:
        """Return how many influencers match, and a page of them, in a total order."""
        return self._columns(job).page(which, page)

    def buckets(self, job: str, which: ResultFilter) -> tuple[BucketRow, ...]:
        """Return bucket levels in order of time and field; the score is that of the bucket."""
        with self._database.read() as cursor:
            cursor.execute(
                "SELECT timestamp, bucket_span, field, ln_probability, raw, score, initial_score, "  # noqa: S608
                f"count, interim FROM anomalyd_bucket WHERE {_WHERE} "
                "QUALIFY coalesce(max(score) OVER (PARTITION BY timestamp) >= $score, true) "
                "ORDER BY timestamp, field",
                _parameters(job, which),
            )
            return tuple(_bucket_row(row) for row in cursor.fetchall())

    def records(
        self, job: str, which: ResultFilter, page: ResultPage
    ) -> tuple[int, tuple[RecordRow, ...]]:
        """Return how many records match, and a page of them, ordered as influencers are."""
        key = _RECORD_SORTS.get(page.sort)
        direction = "DESC" if page.descending else "ASC"
        order = f"{key} {direction}, " if key else ""
        where = f"{_WHERE} AND coalesce(score >= $score, true)"
        parameters = _parameters(job, which)
        with self._database.read() as cursor:
            cursor.execute(f"SELECT count(*) FROM anomalyd_record WHERE {where}", parameters)  # noqa: S608
            (count,) = cursor.fetchone() or (0,)
            cursor.execute(
                "SELECT timestamp, bucket_span, entity, ln_probability, score, initial_score, "  # noqa: S608
                f"actual, typical, interim FROM anomalyd_record WHERE {where} "
                f"ORDER BY {order}timestamp DESC, entity LIMIT {page.size} OFFSET {page.offset}",
                parameters,
            )
            return count, tuple(_record_row(row) for row in cursor.fetchall())

    def _columns(self, job: str) -> InfluencerColumns:
        found = self._current(job)
        if found is not None:
            return found
        with self._loading:
            found = self._current(job)
            if found is not None:
                return found
            # what is written from here on makes the columns outdated, even if they have it
            writes = self._writes.get(job, 0)
            with self._database.read() as cursor:
                columns = _load(cursor, job)
            with self._lock:
                self._loaded[job] = (writes, columns)
                self._loaded.move_to_end(job)
                self._shrink()
            return columns

    def _current(self, job: str) -> InfluencerColumns | None:
        with self._lock:
            writes, columns = self._loaded.get(job, (-1, None))
            if columns is None or writes != self._writes.get(job, 0):
                return None
            self._loaded.move_to_end(job)
            return columns

    def _shrink(self) -> None:
        rows = sum(len(columns) for _, columns in self._loaded.values())
        while rows > self._rows_in_memory and len(self._loaded) > 1:
            _, (_, columns) = self._loaded.popitem(last=False)
            rows -= len(columns)

    @contextmanager
    def _changing(self, *jobs: str) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._database.write() as connection:
            yield connection
        # only now do new readers see it
        with self._lock:
            for job in jobs:
                self._writes[job] = self._writes.get(job, 0) + 1


_WHERE = (
    "job = $job AND coalesce(timestamp >= $start, true) AND coalesce(timestamp < $end, true) "
    "AND NOT (interim AND $exclude_interim)"
)


def _parameters(job: str, which: ResultFilter) -> dict[str, object]:
    return {
        "job": job,
        "start": which.start,
        "end": which.end,
        "exclude_interim": which.exclude_interim,
        "score": which.score if which.score > 0 else None,
    }


def _load(cursor: duckdb.DuckDBPyConnection, job: str) -> InfluencerColumns:
    parameters = {"job": job}
    names = [
        [
            str(row[0])
            for row in cursor.execute(
                f"SELECT DISTINCT {name} FROM anomalyd_influencer WHERE job = $job ORDER BY {name}",  # noqa: S608
                parameters,
            ).fetchall()
        ]
        for name in ("field", "value")
    ]
    found = cursor.execute(_LOAD, parameters).fetchnumpy()
    columns = {name: _filled(each) for name, each in found.items()}
    order = np.lexsort((columns["value"], columns["field"], -columns["timestamp"]))
    return InfluencerColumns(
        fields=tuple(names[0]),
        values=names[1],
        **{name: np.ascontiguousarray(column[order]) for name, column in columns.items()},
    )


def _unpacked(state: bytes) -> bytes:
    try:
        return zlib.decompress(state)
    except zlib.error as error:
        raise CorruptState(f"the state of influencers is damaged: {error}") from error


def _filled(column: Any) -> npt.NDArray[Any]:
    """Return a column that has no NULLs as a plain array; DuckDB gives a masked one."""
    return np.ma.getdata(column)


def _bucket_row(row: tuple[Any, ...]) -> BucketRow:
    return BucketRow(
        timestamp=row[0], bucket_span=row[1], field=row[2], ln_probability=row[3], raw=row[4],
        score=row[5], initial_score=row[6], count=row[7], interim=row[8],
    )  # fmt: skip


def _record_row(row: tuple[Any, ...]) -> RecordRow:
    return RecordRow(
        timestamp=row[0], bucket_span=row[1], entity=tuple(row[2]), ln_probability=row[3],
        score=row[4], initial_score=row[5], actual=tuple(row[6]),
        typical=None if row[7] is None else tuple(row[7]), interim=row[8],
    )  # fmt: skip
