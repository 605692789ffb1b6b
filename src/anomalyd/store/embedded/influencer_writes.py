"""One step of influencers, buckets and records put in the place of what its windows had."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import orjson

from anomalyd.store.embedded.scores import code_of
from anomalyd.store.influencers import InfluencerStep, ShareRows

Columns = Mapping[str, npt.NDArray[Any]]


def replace(
    connection: duckdb.DuckDBPyConnection,
    job: str,
    step: InfluencerStep,
    table: str,
    key: Sequence[str],
    columns: dict[str, Any],
) -> None:
    """Put rows in the place of those that the windows had; initial scores of this run stay."""
    known = _taken_out(connection, job, step, table, key)
    if not len(columns["timestamp"]):
        return
    columns["initial_score"] = columns["score"]
    if known:
        keys = zip(*(_listed(columns[name]) for name in (*key, "timestamp")), strict=True)
        scores = zip(keys, columns["score"].tolist(), strict=True)
        columns["initial_score"] = np.array([known.get(one, score) for one, score in scores])
    names = ", ".join(columns)
    with registered(connection, columns) as new:
        connection.execute(
            f"INSERT INTO {table} (job, run, bucket_span, interim, {names}) "  # noqa: S608
            f"SELECT $job, $run, $span, $interim, {names} FROM {new} "
            f"ORDER BY timestamp, {', '.join(key)}",
            {"job": job, "run": step.run, "span": step.bucket_span, "interim": step.interim},
        )


def replace_records(connection: duckdb.DuckDBPyConnection, job: str, step: InfluencerStep) -> None:
    """Put records in the place of those that the windows had."""
    known = _taken_out(connection, job, step, "anomalyd_record", ("entity",))
    records = step.records
    if not len(records):
        return
    entities = [tuple(entity) for entity in records.entity]
    keys = zip(entities, records.timestamp.tolist(), strict=True)
    initial = [
        known.get(key, score) for key, score in zip(keys, records.score.tolist(), strict=True)
    ]
    columns = {
        "timestamp": records.timestamp,
        "entity": _as_json(records.entity),
        "ln_probability": records.ln_probability,
        "score": records.score,
        "initial_score": np.array(initial),
        "actual": _as_json(records.actual),
        "typical": _as_json(records.typical),
    }
    with registered(connection, columns) as new:
        connection.execute(
            "INSERT INTO anomalyd_record SELECT $job, $run, timestamp, $span, "  # noqa: S608
            "from_json(entity, '[\"VARCHAR\"]'), ln_probability, score, initial_score, "
            "from_json(actual, '[\"DOUBLE\"]'), from_json(typical, '[\"DOUBLE\"]'), $interim "
            f"FROM {new} ORDER BY timestamp, entity",
            {"job": job, "run": step.run, "span": step.bucket_span, "interim": step.interim},
        )


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


def _taken_out(
    connection: duckdb.DuckDBPyConnection,
    job: str,
    step: InfluencerStep,
    table: str,
    key: Sequence[str],
) -> dict[tuple[Any, ...], float]:
    """Delete the rows of a step's windows; returns the initial scores of this run's final ones.

    By the columns of ``key`` and the timestamp.
    """
    gone = connection.execute(
        f"DELETE FROM {table} WHERE job = $job AND timestamp >= $start "  # noqa: S608
        f"AND timestamp < $end RETURNING run, interim, initial_score, {', '.join(key)}, timestamp",
        {"job": job, "start": step.start, "end": step.end},
    ).fetchall()
    return {
        tuple(tuple(part) if isinstance(part, list) else part for part in place): initial
        for run, interim, initial, *place in gone
        if run == step.run and not interim
    }


def _listed(column: Any) -> list[Any]:
    listed: list[Any] = column.tolist()
    return listed


def _as_json(values: Sequence[Any]) -> npt.NDArray[Any]:
    return texts([orjson.dumps(each).decode() for each in values])


def write_state(
    connection: duckdb.DuckDBPyConnection, job: str, step: InfluencerStep, position: int
) -> None:
    """Write how far a run is, and its state's bytes where the step has them."""
    place = {"job": job, "run": step.run}
    old = connection.execute(
        "SELECT position FROM anomalyd_influencer_run WHERE job = $job AND run = $run", place
    ).fetchone()
    if step.state is None and old is not None:
        connection.execute(
            "UPDATE anomalyd_influencer_run SET position = $position "
            "WHERE job = $job AND run = $run",
            place | {"position": position},
        )
        return
    connection.execute("DELETE FROM anomalyd_influencer_run WHERE job = $job AND run = $run", place)
    # histories are mostly zeros
    state = None if step.state is None else zlib.compress(step.state, 1)
    connection.execute(
        "INSERT INTO anomalyd_influencer_run VALUES ($job, $run, $position, $position, $state)",
        place | {"position": position, "state": state},
    )


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, columns: Columns) -> Iterator[str]:
    """Lend columns to statements of the block, under the name that is given."""
    name = "anomalyd_influencer_step"
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
