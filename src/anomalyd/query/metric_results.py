"""Metric values in the shape in which Elasticsearch answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from anomalyd.query.date_formats import date_format
from anomalyd.query.fields import FieldKind, FieldResolver
from anomalyd.query.nodes_aggregations import (
    Avg,
    Cardinality,
    Max,
    Metric,
    Min,
    Percentiles,
    Sum,
    ValueCount,
)


def render_metric(
    metric: Metric, resolver: FieldResolver, values: Sequence[object]
) -> dict[str, Any]:
    """The result of a metric.

    Args:
        metric: what was computed.
        resolver: tells whether the field holds dates, which are also shown as text.
        values: as many as ``MetricCompiler.compile`` gave expressions; None where there is none.
    """
    numbers = [None if value is None else float(str(value)) for value in values]
    if isinstance(metric, Percentiles):
        return _percentiles(metric, numbers)
    number = numbers[0]
    if isinstance(metric, ValueCount | Cardinality):
        return {"value": int(number or 0)}
    if isinstance(metric, Sum):
        return {"value": number or 0.0}
    field = resolver.resolve(metric.field)
    is_date = field is not None and field.kind is FieldKind.DATE
    if number is not None and is_date and isinstance(metric, Min | Max | Avg):
        return {"value": number, "value_as_string": date_format(None).print(int(number), UTC)}
    return {"value": number}


def empty_metric(metric: Metric) -> dict[str, Any]:
    """The result over no documents: 0 for sums and counts, else null."""
    if isinstance(metric, Percentiles):
        return _percentiles(metric, [None] * len(metric.percents))
    if isinstance(metric, ValueCount | Cardinality):
        return {"value": 0}
    return {"value": 0.0 if isinstance(metric, Sum) else None}


def _percentiles(metric: Percentiles, numbers: Sequence[float | None]) -> dict[str, Any]:
    pairs = list(zip(metric.percents, numbers, strict=True))
    if metric.keyed:
        return {"values": {str(percent): number for percent, number in pairs}}
    return {"values": [{"key": percent, "value": number} for percent, number in pairs]}
