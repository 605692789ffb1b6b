"""Steps of influencers, buckets and records put in the place of what their windows had."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import orjson

from anomalyd.store.embedded.scores import code_of
from anomalyd.store.influencers import InfluencerStep, ShareRows

Columns = Mapping[str, npt.NDArray[Any]]


_ROWS = "anomalyd_influencer_step"
_STEPS = "anomalyd_influencer_steps"
Step = tuple[str, InfluencerStep]
"""A job and what is written of it."""


def write_steps(connection: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> None:
    """Put steps of different jobs in the place of what their windows had."""
    places = {
        "place": np.arange(len(steps), dtype=np.int64),
        "job": texts([job for job, _ in steps]),
        "run": texts([step.run for _, step in steps]),
        "first": np.array([step.start for _, step in steps], dtype=np.int64),
        "last": np.array([step.end - 1 for _, step in steps], dtype=np.int64),
        "bucket_span": np.array([step.bucket_span for _, step in steps], dtype=np.int64),
        "interim": np.array([step.interim for _, step in steps], dtype=np.bool_),
    }
    with registered(connection, places, _STEPS):
        for part in (_INFLUENCERS, _BUCKETS, _RECORDS):
            _replace(connection, steps, part)
    moved = _moved_on(connection, [(job, step) for job, step in steps if step.state is None])
    for job, step in steps:
        if step.position is not None and job not in moved:
            _write_state(connection, job, step, step.position)


@dataclass(frozen=True)
class _Part:
    """One of the tables that a step writes to.

    Attributes:
        key: columns that tell rows of a job and window from each other.
        columns: those of a step's rows, with ``timestamp`` and ``score``; lists as JSON texts.
        lists: the type of the elements of those that are lists.
    """

    table: str
    key: tuple[str, ...]
    columns: Callable[[InfluencerStep], dict[str, npt.NDArray[Any]]]
    lists: Mapping[str, str] = field(default_factory=dict)

    def stored(self, name: str) -> str:
        """Return the SQL of what a column stores."""
        return f"from_json({name}, '[\"{self.lists[name]}\"]')" if name in self.lists else name


_INFLUENCERS = _Part(
    "anomalyd_influencer",
    ("field", "value"),
    lambda step: {
        "field": texts(step.influencers.field),
        "value": texts(step.influencers.value),
        "code": step.influencers.code,
        "timestamp": step.influencers.timestamp,
        "ln_probability": step.influencers.ln_probability,
        "score": step.influencers.score,
    },
)
_BUCKETS = _Part(
    "anomalyd_bucket",
    ("field",),
    lambda step: {
        "field": texts(step.buckets.field),
        "timestamp": step.buckets.timestamp,
        "ln_probability": step.buckets.ln_probability,
        "raw": step.buckets.raw,
        "score": step.buckets.score,
        "count": step.buckets.count,
    },
)
_RECORDS = _Part(
    "anomalyd_record",
    ("entity",),
    lambda step: {
        "entity": _as_json(step.records.entity),
        "timestamp": step.records.timestamp,
        "ln_probability": step.records.ln_probability,
        "score": step.records.score,
        "actual": _as_json(step.records.actual),
        "typical": _as_json(step.records.typical),
    },
    lists={"entity": "VARCHAR", "actual": "DOUBLE", "typical": "DOUBLE"},
)


def _replace(connection: duckdb.DuckDBPyConnection, steps: Sequence[Step], part: _Part) -> None:
    """Put rows in the place of those that the windows had; initial scores of a run stay."""
    known = _taken_out(connection, steps, part)
    each = [part.columns(step) for _, step in steps]
    sizes = [len(columns["timestamp"]) for columns in each]
    if not sum(sizes):
        return
    columns = {name: np.concatenate([one[name] for one in each]) for name in each[0]}
    columns["place"] = np.repeat(np.arange(len(steps)), sizes)
    columns["initial_score"] = columns["score"]
    if known:
        names = ("place", *part.key, "timestamp")
        keys = zip(*(columns[name].tolist() for name in names), strict=True)
        scores = zip(keys, columns["score"].tolist(), strict=True)
        columns["initial_score"] = np.array([known.get(one, score) for one, score in scores])
    targets = [name for name in columns if name != "place"]
    with registered(connection, columns) as new:
        connection.execute(
            f"INSERT INTO {part.table} (job, run, bucket_span, interim, {', '.join(targets)}) "  # noqa: S608
            f"SELECT job, run, bucket_span, interim, {', '.join(map(part.stored, targets))} "
            f"FROM {new} JOIN {_STEPS} USING (place) "
            f"ORDER BY timestamp, job, {', '.join(part.key)}"
        )


def _taken_out(
    connection: duckdb.DuckDBPyConnection, steps: Sequence[Step], part: _Part
) -> dict[tuple[Any, ...], float]:
    """Delete the rows of the steps' windows; returns the initial scores of their runs' final ones.

    By the step's place, the columns of the key and the timestamp.
    """
    gone = connection.execute(
        f"DELETE FROM {part.table} AS old USING {_STEPS} AS new "  # noqa: S608 - constants
        "WHERE old.job = new.job AND old.timestamp BETWEEN new.first AND new.last "
        # DuckDB looks at the parts only that are near these windows
        "AND old.timestamp BETWEEN $first AND $last "
        f"RETURNING old.job, old.run, old.interim, old.initial_score, "
        f"{', '.join(f'old.{name}' for name in part.key)}, old.timestamp",
        {
            "first": min(step.start for _, step in steps),
            "last": max(step.end for _, step in steps),
        },
    ).fetchall()
    places = {(job, step.run): place for place, (job, step) in enumerate(steps)}
    return {
        (
            places[job, run],
            *(orjson.dumps(each).decode() if isinstance(each, list) else each for each in key),
        ): initial
        for job, run, interim, initial, *key in gone
        if (job, run) in places and not interim
    }


def _moved_on(connection: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> frozenset[str]:
    """Write how far runs are that are known and keep their state; returns their jobs."""
    known = [(job, step) for job, step in steps if step.position is not None]
    if not known:
        return frozenset()
    columns = {
        "job": texts([job for job, _ in known]),
        "run": texts([step.run for _, step in known]),
        "position": np.array([step.position for _, step in known], dtype=np.int64),
    }
    with registered(connection, columns) as new:
        moved = connection.execute(
            "UPDATE anomalyd_influencer_run AS old SET position = new.position "  # noqa: S608
            f"FROM {new} AS new WHERE old.job = new.job AND old.run = new.run RETURNING old.job"
        ).fetchall()
    return frozenset(job for (job,) in moved)


def replace_shares(
    connection: duckdb.DuckDBPyConnection,
    job: str,
    run: str,
    categories: Sequence[str],
    shares: ShareRows,
) -> None:
    """Put shares in the place of those that their windows and entities had."""
    # rows of results list the parts of an entity by name, and so do codes
    order = sorted(range(len(categories)), key=categories.__getitem__)
    columns = {
        "timestamp": shares.timestamp,
        "entity": texts([chr(31).join(entity[at] for at in order) for entity in shares.entity]),
        "field": texts(shares.field),
        "value": texts(shares.value),
        "score": shares.score,
        "carriers": shares.carriers,
    }
    entity = code_of("entity") if categories else "CAST(0 AS BIGINT)"
    place = {"job": job, "run": run}
    with registered(connection, columns) as new:
        connection.execute(
            "DELETE FROM anomalyd_share WHERE job = $job AND run = $run AND (timestamp, entity) "  # noqa: S608
            f"IN (SELECT timestamp, {entity} FROM {new})",
            place,
        )
        connection.execute(
            f"INSERT INTO anomalyd_share SELECT $job, $run, timestamp, {entity}, field, value, "  # noqa: S608
            f"{code_of('value')}, score, carriers FROM {new}",
            place,
        )


def _as_json(values: Sequence[Any]) -> npt.NDArray[Any]:
    return texts([orjson.dumps(each).decode() for each in values])


def _write_state(
    connection: duckdb.DuckDBPyConnection, job: str, step: InfluencerStep, position: int
) -> None:
    """Write how far a run is, and its state's bytes where the step has them."""
    place = {"job": job, "run": step.run}
    connection.execute("DELETE FROM anomalyd_influencer_run WHERE job = $job AND run = $run", place)
    # histories are mostly zeros
    state = None if step.state is None else zlib.compress(step.state, 1)
    connection.execute(
        "INSERT INTO anomalyd_influencer_run VALUES ($job, $run, $position, $position, $state)",
        place | {"position": position, "state": state},
    )


@contextmanager
def registered(
    connection: duckdb.DuckDBPyConnection, columns: Columns, name: str = _ROWS
) -> Iterator[str]:
    """Lend columns to statements of the block, under a name, which is given back."""
    connection.register(name, dict(columns))
    try:
        yield name
    finally:
        connection.unregister(name)


def texts(values: Sequence[str]) -> npt.NDArray[Any]:
    """Return texts as a column."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
