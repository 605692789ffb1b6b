"""Rows into a result table: new ones, and those that late documents changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import orjson

from anomalyd.embedded.catalogue import IndexState, WriteSession
from anomalyd.embedded.database import quote
from anomalyd.embedded.result_table import COLUMNS, KIND, MAPPING, anomalies_of
from anomalyd.errors import IndexExists
from anomalyd.store.base import ResultBatch
from anomalyd.store.embedded.result_indices import matching_results
from anomalyd.store.embedded.result_rows import (
    any_value,
    constants,
    result_columns,
    result_ids,
)

Bools = npt.NDArray[np.bool_]

_BATCH = "anomalyd_results"
_CONSTANTS = ("detector_id", "task_id", "schema_version", "user", "user_name")
_LISTS = ("user_backend_roles", "user_roles")
_OWN = frozenset({"detector_id", "feature_id", "feature_name"})
"""What batches that are written together may have of their own."""


@dataclass(frozen=True)
class _Revision:
    """What is known of rows that replace others.

    Attributes:
        version: ``int64[rows]``, the documents' next versions.
        learned: ``float64[rows, features]``, what the models learned of the windows.
        knew: ``bool[rows]``, whether they learned anything.
    """

    version: npt.NDArray[np.int64]
    learned: npt.NDArray[np.float64]
    knew: Bools

    def take(self, rows: npt.NDArray[np.int64]) -> _Revision:
        """Return some of the rows."""
        return _Revision(self.version[rows], self.learned[rows], self.knew[rows])


def ensured(session: WriteSession, index: str) -> IndexState:
    """Return a result index, made if it is missing. Raises: IndexNameInvalid, IndexExists."""
    state = session.states.get(index)
    if state is None:
        return session.create(index, MAPPING, kind=KIND, columns=COLUMNS)
    if state.kind != KIND:
        raise IndexExists(f"index [{index}] exists and holds no results", details={"index": index})
    return state


def next_position(states: Mapping[str, IndexState]) -> int:
    """Results of all indices share one sequence, so that readers can follow them all by it."""
    return max((state.next_seq_no for state in states.values() if state.kind == KIND), default=0)


def layout(batch: ResultBatch) -> tuple[object, ...]:
    """Return what batches must have in common to be written together."""
    optional = (
        batch.error, batch.approx_anomaly_start, batch.relevant_attribution,
        batch.expected_values, batch.past_values, batch.imputed,
    )  # fmt: skip
    shared = {key: value for key, value in constants(batch).items() if key not in _OWN}
    return (
        batch.feature_values.shape[1],
        batch.category_fields,
        tuple(each is None for each in optional),
        orjson.dumps(shared, option=orjson.OPT_SORT_KEYS),
    )


def write_rows(
    session: WriteSession,
    state: IndexState,
    batches: Sequence[ResultBatch],
    revision: _Revision | None = None,
) -> None:
    """Write rows into an index; those with the same ids are replaced.

    Args:
        session: the transaction.
        state: the index.
        batches: at least one; of one layout.
        revision: of the rows, where they replace others.
    """
    count = sum(map(len, batches))
    parameters = constants(batches[0])
    arrays, expressions = result_columns(batches[0])
    if len(batches) > 1:
        arrays = _joined(batches)
    expressions |= {name: f"${name}" for name in _CONSTANTS}
    expressions |= {name: f"${name}::VARCHAR[]" for name in _LISTS}
    if len(batches) > 1:
        expressions |= _own_expressions(batches[0])
    if revision is not None:
        _add_revision(revision, arrays, expressions)
    position = next_position(session.states)
    first_seq_no = session.take_seq_nos(state.name, count, at_least=position)
    expressions["_seq_no"] = f"{first_seq_no} + (row_number() OVER ()) - 1"
    targets = ", ".join(map(quote, expressions))
    used = {name: parameters[name] for name in parameters if _uses(expressions, name)}
    table = quote(state.table)
    connection = session.connection
    connection.register(_BATCH, arrays)
    try:
        if _delete_same(connection, state.table, batches):
            _delete_same(connection, anomalies_of(state.table), batches)
        connection.execute(
            f"INSERT INTO {table} ({targets}) "  # noqa: S608 - quoted identifiers
            f"SELECT {', '.join(expressions.values())} FROM {_BATCH}",
            used,
        )
    finally:
        connection.unregister(_BATCH)
    if any((batch.grade > 0).any() for batch in batches):
        connection.execute(
            f"INSERT INTO {quote(anomalies_of(state.table))} "  # noqa: S608 - quoted
            f"SELECT * FROM {table} WHERE _seq_no >= $first AND anomaly_grade > 0",
            {"first": first_seq_no},
        )


def _delete_same(
    connection: duckdb.DuckDBPyConnection, table: str, batches: Sequence[ResultBatch]
) -> int:
    """Delete the rows that have the ids of the registered batch and return their number."""
    # the range lets DuckDB skip everything that is not near these windows
    connection.execute(
        f"DELETE FROM {quote(table)} WHERE data_start_time BETWEEN $first AND $last "  # noqa: S608
        f"AND _id IN (SELECT id FROM {_BATCH})",
        {
            "first": min(int(batch.data_start.min()) for batch in batches),
            "last": max(int(batch.data_start.max()) for batch in batches),
        },
    )
    row = connection.fetchone()
    return 0 if row is None else int(row[0])


def forget_deleted(connection: duckdb.DuckDBPyConnection, state: IndexState) -> None:
    """Take the rows that an index has no more from its anomalies, too."""
    connection.execute(
        f"DELETE FROM {quote(anomalies_of(state.table))} "  # noqa: S608 - quoted
        f"WHERE _seq_no NOT IN (SELECT _seq_no FROM {quote(state.table)})"
    )


def _joined(batches: Sequence[ResultBatch]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of all batches, and per row what differs from batch to batch."""
    parts = []
    for batch in batches:
        arrays, _ = result_columns(batch)
        own = {"detector_id": batch.detector_id}
        own |= {f"id_of{at}": id for at, id in enumerate(batch.feature_ids)}
        own |= {f"name_of{at}": name for at, name in enumerate(batch.feature_names)}
        parts.append(arrays | {key: _repeated(value, len(batch)) for key, value in own.items()})
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _own_expressions(batch: ResultBatch) -> dict[str, str]:
    """Return the expressions of the columns that ``_joined`` adds."""
    present = any_value("feature_data", batch.feature_values.shape[1])
    expressions = {"detector_id": "detector_id"}
    for column, each in (("feature_id", "id_of"), ("feature_name", "name_of")):
        listed = ", ".join(f"{each}{at}" for at in range(len(batch.feature_ids)))
        expressions[column] = f"CASE WHEN {present} THEN [{listed}] ELSE [] END"
    return expressions


def _repeated(value: str, count: int) -> npt.NDArray[Any]:
    column = np.empty(count, dtype=object)
    column[:] = value
    return column


def revise_rows(session: WriteSession, batch: ResultBatch, indices: Sequence[str]) -> Bools:
    """Do what ``ResultStore.revise`` says; the batch has rows."""
    size, features = batch.feature_values.shape
    revision = _Revision(
        np.ones(size, dtype=np.int64), np.full((size, features), np.nan), np.zeros(size, np.bool_)
    )
    home, changed = np.full(size, -1), np.ones(size, dtype=np.bool_)
    states = matching_results(session, indices)
    for number, state in enumerate(states):
        found = _stored(session.connection, state, batch)
        rows = found["n"].astype(np.int64)
        home[rows] = number
        changed[rows] = ~found["same"].astype(np.bool_)
        revision.version[rows] = found["version"].astype(np.int64) + 1
        revision.knew[rows] = found["knew"].astype(np.bool_)
        for at in range(features):
            learned = np.ma.filled(found[f"l{at}"].astype(np.float64), np.nan)
            revision.learned[rows, at] = learned
    for number in np.unique(home[changed]).tolist():
        rows = np.flatnonzero(changed & (home == number))
        state = ensured(session, batch.index) if number < 0 else states[number]
        write_rows(session, state, [batch.take(rows)], revision.take(rows))
    return changed


def _stored(
    connection: duckdb.DuckDBPyConnection, state: IndexState, batch: ResultBatch
) -> dict[str, npt.NDArray[Any]]:
    """Return what an index has of the rows: number, version, whether it is the same, learned."""
    features = range(batch.feature_values.shape[1])
    arrays: dict[str, npt.NDArray[Any]] = {"id": result_ids(batch), "n": np.arange(len(batch))}
    for at in features:
        arrays[f"f{at}"] = np.ascontiguousarray(batch.feature_values[:, at])
    values = f"[{', '.join(f'f{at}' for at in features)}]"
    learned = "CASE WHEN anomaly_score IS NOT NULL THEN coalesce(learned, feature_data) ELSE [] END"
    columns = [f"learned_[{at + 1}] AS l{at}" for at in features]
    connection.register(_BATCH, arrays)
    try:
        return connection.execute(
            f"SELECT n, version, same, len(learned_) > 0 AS knew, {', '.join(columns)} "  # noqa: S608
            f"FROM (SELECT n, _version AS version, {learned} AS learned_, "
            f"feature_data IS NOT DISTINCT FROM {values} AS same "
            f"FROM {quote(state.table)} AS stored JOIN {_BATCH} AS given ON stored._id = given.id "
            "WHERE data_start_time BETWEEN $first AND $last)",
            _range(batch),
        ).fetchnumpy()
    finally:
        connection.unregister(_BATCH)


def _add_revision(
    revision: _Revision, arrays: dict[str, npt.NDArray[Any]], expressions: dict[str, str]
) -> None:
    names = [f"learned{at}" for at in range(revision.learned.shape[1])]
    for at, name in enumerate(names):
        arrays[name] = np.ascontiguousarray(revision.learned[:, at])
    arrays |= {"version": revision.version, "knew": revision.knew}
    expressions["_version"] = "version"
    expressions["learned"] = f"CASE WHEN knew THEN [{', '.join(names)}] ELSE [] END"
    expressions["rescored_time"] = "execution_end_time"


def _range(batch: ResultBatch) -> dict[str, int]:
    return {"first": int(batch.data_start.min()), "last": int(batch.data_start.max())}


def _uses(expressions: dict[str, str], parameter: str) -> bool:
    return any(f"${parameter}" in expression for expression in expressions.values())
