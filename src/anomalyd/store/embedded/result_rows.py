"""A batch of results as the columns of a result table; nothing here looks at single rows."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from anomalyd.store.base import NO_TIME, ResultBatch

Columns = dict[str, npt.NDArray[Any]]

_ENTITY_BYTES = 9
_TIME_BYTES = 6
_ID_LENGTH = 20


def result_ids(batch: ResultBatch) -> npt.NDArray[Any]:
    """Return an id per row that depends on detector, task, entity and window alone.

    72 bits of a hash of the first three and 48 bits of the window's start: the same row always
    has the same id, and the rows of one entity have ids that start alike, which compresses well.
    """
    names = batch.category_fields
    prefixes = np.empty((len(batch.entities), _ENTITY_BYTES), dtype=np.uint8)
    for number, values in enumerate(batch.entities):
        entity = sorted(zip(names, values, strict=True))
        identity = orjson.dumps([batch.detector_id, batch.task_id, entity])
        digest = hashlib.sha256(identity).digest()
        prefixes[number] = np.frombuffer(digest[:_ENTITY_BYTES], dtype=np.uint8)
    raw = np.empty((len(batch), _ENTITY_BYTES + _TIME_BYTES), dtype=np.uint8)
    raw[:, :_ENTITY_BYTES] = prefixes[batch.entity]
    big_endian = batch.data_start.astype(">i8").view(np.uint8).reshape(len(batch), 8)
    raw[:, _ENTITY_BYTES:] = big_endian[:, -_TIME_BYTES:]
    text = base64.urlsafe_b64encode(raw.tobytes()).decode("ascii")
    ids = np.empty(len(batch), dtype=object)
    ids[:] = [text[at : at + _ID_LENGTH] for at in range(0, len(text), _ID_LENGTH)]
    return ids


def result_columns(batch: ResultBatch) -> tuple[Columns, dict[str, str]]:
    """Return the arrays to register, and the SQL expression over them for each column."""
    arrays: Columns = {
        "id": result_ids(batch),
        "model_id": _texts(batch.model_ids)[batch.entity],
        "data_start_time": batch.data_start,
        "data_end_time": batch.data_end,
        "execution_start_time": batch.execution_start,
        "execution_end_time": batch.execution_end,
    }
    expressions = {"_id": "id", "_version": "1"} | {name: name for name in arrays if name != "id"}
    scores = {
        "anomaly_score": batch.score,
        "anomaly_grade": batch.grade,
        "confidence": batch.confidence,
        "threshold": batch.threshold,
    }
    for name, values in scores.items():
        arrays[name] = values
        expressions[name] = _finite(name)
    if batch.error is not None:
        arrays["error"] = _texts(batch.error)
        expressions["error"] = "error"
    if batch.approx_anomaly_start is not None:
        arrays["approx_anomaly_start_time"] = batch.approx_anomaly_start
        expressions["approx_anomaly_start_time"] = f"nullif(approx_anomaly_start_time, {NO_TIME})"
    _add_entities(batch, arrays, expressions)
    matrices = {
        "feature_data": batch.feature_values,
        "attribution": batch.relevant_attribution,
        "expected": batch.expected_values,
        "past": batch.past_values,
    }
    for name, matrix in matrices.items():
        if matrix is not None:
            expressions[name] = _add_matrix(name, matrix, arrays)
    if batch.imputed is not None:
        names = [f"imputed{number}" for number in range(batch.imputed.shape[1])]
        for number, name in enumerate(names):
            arrays[name] = np.ascontiguousarray(batch.imputed[:, number])
        expressions["imputed"] = f"[{', '.join(names)}]"
    # a window that could not be read has no feature data at all
    present = any_value("feature_data", batch.feature_values.shape[1])
    for name in ("feature_data", "feature_id", "feature_name"):
        source = expressions.get(name, f"${name}::VARCHAR[]")
        expressions[name] = f"CASE WHEN {present} THEN {source} ELSE [] END"
    return arrays, expressions


def _add_entities(batch: ResultBatch, arrays: Columns, expressions: dict[str, str]) -> None:
    if not batch.category_fields:
        return
    # documents list the parts of an entity by name, whatever the detector's order is
    order = sorted(range(len(batch.category_fields)), key=batch.category_fields.__getitem__)
    values = []
    for number in order:
        arrays[f"entity{number}"] = _texts([entity[number] for entity in batch.entities])[
            batch.entity
        ]
        values.append(f"entity{number}")
    expressions["entity_value"] = f"[{', '.join(values)}]"
    expressions["entity_name"] = "$entity_name::VARCHAR[]"


def _add_matrix(name: str, matrix: npt.NDArray[np.float64], arrays: Columns) -> str:
    """Register the columns of a matrix and return the expression of a row's list.

    Explanations without any finite value are NULL as a whole.
    """
    columns = [f"{name}{number}" for number in range(matrix.shape[1])]
    for number, column in enumerate(columns):
        arrays[column] = np.ascontiguousarray(matrix[:, number])
    row = f"[{', '.join(map(_finite, columns))}]"
    if name == "feature_data":
        return row
    return f"CASE WHEN {any_value(name, matrix.shape[1])} THEN {row} END"


def any_value(name: str, count: int) -> str:
    """Return the condition that a row of a matrix has any finite value."""
    return " OR ".join(f"isfinite({name}{number})" for number in range(count)) or "false"


def _finite(name: str) -> str:
    # NaN has become NULL on its way in already, infinity has not
    return f"CASE WHEN isfinite({name}) THEN {name} END"


def constants(batch: ResultBatch) -> dict[str, object]:
    """Return the values that all rows share, by parameter name."""
    user = batch.user
    return {
        "detector_id": batch.detector_id,
        "task_id": batch.task_id,
        "schema_version": batch.schema_version,
        "feature_id": list(batch.feature_ids),
        "feature_name": list(batch.feature_names),
        "entity_name": sorted(batch.category_fields),
        "user": None if user is None else orjson.dumps(dict(user)).decode(),
        "user_name": None if user is None else user.get("name"),
        "user_backend_roles": None if user is None else user.get("backend_roles"),
        "user_roles": None if user is None else user.get("roles"),
    }


def _texts(values: Any) -> npt.NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
