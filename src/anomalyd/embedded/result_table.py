"""How results lie in a table, and how a row becomes a result document again.

A row holds plain values and short parallel lists: one element per category field in the
``entity_*`` columns, one per feature in the ``feature_*`` columns and in ``attribution``,
``expected`` and ``past``. The document's nested objects exist only when somebody reads them;
searches use the documented names all the same, through the mapping below.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import sqlglot
from sqlglot import exp

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
    "user": "VARCHAR",
    "user_name": "VARCHAR",
    "user_backend_roles": "VARCHAR[]",
    "user_roles": "VARCHAR[]",
}
"""Column types of every result table."""


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

_PER_FEATURE = "STRUCT(feature_id VARCHAR, data DOUBLE)[]"
# Key order as in the page's example result; a key whose value is NULL is left out.
_DOCUMENT: Mapping[str, str] = {
    "detector_id": "detector_id",
    "confidence": "confidence",
    "task_id": "task_id",
    "model_id": "model_id",
    "schema_version": "schema_version",
    "anomaly_score": "anomaly_score",
    "execution_start_time": "execution_start_time",
    "data_end_time": "data_end_time",
    "data_start_time": "data_start_time",
    "feature_data": "list_filter(CAST(list_zip(feature_id, feature_name, feature_data) AS "
    "STRUCT(feature_id VARCHAR, feature_name VARCHAR, data DOUBLE)[]), "
    "lambda f: f.data IS NOT NULL)",
    "relevant_attribution": "CASE WHEN attribution IS NOT NULL THEN "
    f"CAST(list_zip(feature_id, attribution) AS {_PER_FEATURE}) END",
    "expected_values": "CASE WHEN expected IS NOT NULL THEN [{'likelihood': CAST(1 AS DOUBLE), "
    f"'value_list': CAST(list_zip(feature_id, expected) AS {_PER_FEATURE})}}] END",
    "past_values": "CASE WHEN past IS NOT NULL THEN "
    f"CAST(list_zip(feature_id, past) AS {_PER_FEATURE}) END",
    "approx_anomaly_start_time": "approx_anomaly_start_time",
    "execution_end_time": "execution_end_time",
    "user": 'CAST("user" AS JSON)',
    "anomaly_grade": "anomaly_grade",
    "entity": "CASE WHEN entity_name IS NOT NULL THEN CAST(list_zip(entity_name, entity_value) AS "
    "STRUCT(name VARCHAR, value VARCHAR)[]) END",
    "threshold": "threshold",
    "error": "error",
}


@cache
def _document_expression() -> exp.Expr:
    parts = [
        f"coalesce(',\"{key}\":' || CAST(to_json({value}) AS VARCHAR), '')"
        for key, value in _DOCUMENT.items()
    ]
    # every part starts with a comma, the first one's is cut
    text = f"'{{' || substr({' || '.join(parts)}, 2) || '}}'"
    return sqlglot.parse_one(text, dialect="duckdb")


def document_text() -> exp.Expr:
    """Return the expression that renders a row as its document's text."""
    return _document_expression().copy()
