"""How results lie in a table, and how a row becomes a result document again.

A row holds plain values and short parallel lists: one element per category field in the
``entity_*`` columns, one per feature in the ``feature_*`` columns and in ``attribution``,
``expected`` and ``past``. The document's nested objects exist only when somebody reads them;
searches use the documented names all the same, through the mapping below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from anomalyd.embedded.mapping import TEXT_SUB_FIELDS, IndexMapping, MappedField

KIND = "results"

COLUMNS: Mapping[str, str] = {
    "_id": "VARCHAR",
    "_version": "BIGINT",
    "_seq_no": "BIGINT",
    "detector_id": "VARCHAR",
    "task_id": "VARCHAR",
    "model_id": "VARCHAR",
    "schema_version": "BIGINT",
    "anomaly_score": "DOUBLE",
    "anomaly_grade": "DOUBLE",
    "confidence": "DOUBLE",
    "threshold": "DOUBLE",
    "data_start_time": "BIGINT",
    "data_end_time": "BIGINT",
    "execution_start_time": "BIGINT",
    "execution_end_time": "BIGINT",
    "error": "VARCHAR",
    "entity_name": "VARCHAR[]",
    "entity_value": "VARCHAR[]",
    "feature_id": "VARCHAR[]",
    "feature_name": "VARCHAR[]",
    "feature_data": "DOUBLE[]",
    "attribution": "DOUBLE[]",
    "expected": "DOUBLE[]",
    "past": "DOUBLE[]",
    "approx_anomaly_start_time": "BIGINT",
    "imputed": "BOOLEAN[]",
    # set where documents came late: when that was seen, and the values that the model had learned
    # before, an empty list where it had learned none
    "rescored_time": "BIGINT",
    "learned": "DOUBLE[]",
    "user": "VARCHAR",
    "user_name": "VARCHAR",
    "user_backend_roles": "VARCHAR[]",
    "user_roles": "VARCHAR[]",
}
"""Column types of every result table."""


def anomalies_of(table: str) -> str:
    """Return the table that holds the rows with a grade above zero of a result table once more.

    One row in a hundred or fewer, and nearly all that anybody looks for; the same transactions
    write both (docs/decisions/035).
    """
    return f"{table}_anomalies"


def _field(
    path: str,
    type_: str,
    column: str | None = None,
    *,
    nested: str | None = None,
    multi: bool = False,
) -> MappedField:
    return MappedField(
        path=path,
        type=type_,
        column=column or path,
        multi=multi or nested is not None,
        nested_path=nested,
        sub_fields=TEXT_SUB_FIELDS if type_ == "text" else {},
    )


_FIELDS = (
    _field("detector_id", "keyword"),
    _field("task_id", "keyword"),
    _field("model_id", "keyword"),
    _field("schema_version", "integer"),
    _field("anomaly_score", "double"),
    _field("anomaly_grade", "double"),
    _field("confidence", "double"),
    _field("threshold", "double"),
    _field("data_start_time", "date"),
    _field("data_end_time", "date"),
    _field("execution_start_time", "date"),
    _field("execution_end_time", "date"),
    _field("error", "text"),
    _field("entity.name", "keyword", "entity_name", nested="entity"),
    _field("entity.value", "keyword", "entity_value", nested="entity"),
    _field("feature_data.feature_id", "keyword", "feature_id", nested="feature_data"),
    _field("feature_data.feature_name", "keyword", "feature_name", nested="feature_data"),
    _field("feature_data.data", "double", "feature_data", nested="feature_data"),
    _field(
        "relevant_attribution.feature_id", "keyword", "feature_id", nested="relevant_attribution"
    ),
    _field("relevant_attribution.data", "double", "attribution", nested="relevant_attribution"),
    _field("past_values.feature_id", "keyword", "feature_id", nested="past_values"),
    _field("past_values.data", "double", "past", nested="past_values"),
    _field("approx_anomaly_start_time", "date"),
    _field("rescored_time", "date"),
    _field("user.name", "text", "user_name"),
    _field("user.backend_roles", "text", "user_backend_roles", multi=True),
    _field("user.roles", "text", "user_roles", multi=True),
)

MAPPING = IndexMapping(
    leaves={field.path: field for field in _FIELDS},
    nested=frozenset({"entity", "feature_data", "relevant_attribution", "past_values"}),
    dynamic="false",
)
"""The fields by which results are searched (reference: behaviour §11, the page's examples)."""

DOCUMENT_COLUMNS = (
    "detector_id", "confidence", "task_id", "model_id", "schema_version", "anomaly_score",
    "execution_start_time", "data_end_time", "data_start_time", "feature_id", "feature_name",
    "feature_data", "imputed", "attribution", "expected", "past", "approx_anomaly_start_time",
    "execution_end_time", "user", "anomaly_grade", "entity_name", "entity_value", "threshold",
    "error", "rescored_time",
)  # fmt: skip
"""What ``document`` needs of a row, in its order."""


def document(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row as its document: key order as in the page's example; NULL is left out.

    Only rows that somebody reads come here, a page at a time. Made from plain values, because one
    expression that makes the text costs DuckDB more than twenty milliseconds before the first row.
    """
    (
        detector_id, confidence, task_id, model_id, schema_version, score, execution_start, end,
        start, feature_ids, feature_names, feature_data, imputed, attribution, expected, past,
        began, execution_end, user, grade, entity_names, entity_values, threshold, error, rescored,
    ) = row  # fmt: skip
    made = {
        "detector_id": detector_id,
        "confidence": confidence,
        "task_id": task_id,
        "model_id": model_id,
        "schema_version": schema_version,
        "anomaly_score": score,
        "execution_start_time": execution_start,
        "data_end_time": end,
        "data_start_time": start,
        "feature_data": [
            {"feature_id": id, "feature_name": name, "data": value}
            for id, name, value in zip(feature_ids, feature_names, feature_data, strict=True)
            if value is not None
        ],
        "feature_imputed": None
        if imputed is None
        else [
            {"feature_id": id, "imputed": made_up}
            for id, made_up in zip(feature_ids, imputed, strict=True)
        ],
        "relevant_attribution": _per_feature(feature_ids, attribution),
        "expected_values": None
        if expected is None
        else [{"likelihood": 1.0, "value_list": _per_feature(feature_ids, expected)}],
        "past_values": _per_feature(feature_ids, past),
        "approx_anomaly_start_time": began,
        "execution_end_time": execution_end,
        "user": None if user is None else orjson.loads(user),
        "anomaly_grade": grade,
        "entity": None
        if entity_names is None
        else [
            {"name": name, "value": value}
            for name, value in zip(entity_names, entity_values, strict=True)
        ],
        "threshold": threshold,
        "error": error,
        "rescored_time": rescored,
    }
    return {key: value for key, value in made.items() if value is not None}


def _per_feature(
    feature_ids: Sequence[str], values: Sequence[float | None] | None
) -> list[dict[str, Any]] | None:
    if values is None:
        return None
    return [
        {"feature_id": id, "data": value} for id, value in zip(feature_ids, values, strict=True)
    ]
