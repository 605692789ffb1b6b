"""Metric aggregations to SQL: one aggregate expression over the columns of a table, for DuckDB.

Each expression may stand in any ``SELECT … GROUP BY``. Counts and percentiles are exact, where
Elasticsearch's are estimates. Array fields give all their elements.

Adding doubles in another order gives other last digits, and DuckDB's threads take rows in any
order. Features therefore add in the order of the values, with a compensated sum: the same
documents give the same bits. Searches, where nobody compares bits, leave the order out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from anomalyd.errors import IllegalArgument, ParsingError
from anomalyd.query.date_formats import date_format, time_zone
from anomalyd.query.date_math import parse_date
from anomalyd.query.fields import FieldKind, FieldResolver, SqlQuery
from anomalyd.query.nodes import Scalar
from anomalyd.query.nodes_aggregations import (
    Aggregation,
    Avg,
    Cardinality,
    FilterAggregation,
    Max,
    MedianAbsoluteDeviation,
    Metric,
    Min,
    Percentiles,
    Sum,
    ValueCount,
)
from anomalyd.query.shape import scalar_text
from anomalyd.query.sql import Parameters, Reached, both, call, number, reach, text
from anomalyd.query.to_sql import QueryCompiler
from anomalyd.query.values import to_addresses, to_boolean, to_double, to_long

_NUMBERS = (FieldKind.LONG, FieldKind.DOUBLE, FieldKind.BOOLEAN, FieldKind.DATE)


def compile_metric(
    aggregation: Aggregation, fields: FieldResolver, *, now_ms: int, prefix: str = "p"
) -> SqlQuery:
    """The value of a feature: a DOUBLE, to be selected for each group of documents.

    Accepted are the metrics and filters around one (behaviour §4); of percentiles the first
    counts. No value gives NULL, but ``value_count``, ``cardinality`` and ``sum`` give 0, as in
    Elasticsearch. The sum of an unknown field is NULL all the same: a feature whose field is
    misspelt must not look like a series of zeros.

    Args:
        aggregation: the feature.
        fields: the table's columns.
        now_ms: what ``now`` is in dates, in milliseconds since the epoch.
        prefix: of the placeholders' names, so that several expressions fit in one statement.

    Raises:
        ParsingError: the aggregation gives no single value.
        InvalidRequest: the field is of the wrong kind, or a filter's value does not fit its field.
    """
    parameters = Parameters(prefix)
    queries = QueryCompiler(fields, parameters, now_ms)
    metrics = MetricCompiler(fields, parameters, now_ms, repeatable=True)
    conditions = []
    inner = aggregation
    while isinstance(inner, FilterAggregation):
        conditions.append(queries.compile(inner.query))
        if len(inner.aggregations) != 1:
            raise _no_value(aggregation)
        inner = inner.aggregations[0]
    if not isinstance(inner, Metric):
        raise _no_value(aggregation)
    value = metrics.compile(inner, both(conditions) if conditions else None)[0]
    if isinstance(inner, Sum) and fields.resolve(inner.field) is not None:
        value = call("coalesce", value, number(0))
    return parameters.query(value)


def check_metric_field(metric: Metric, kind: FieldKind) -> None:
    """Makes sure that the metric can be computed over such a field.

    Raises:
        IllegalArgument: it cannot.
    """
    if kind is FieldKind.TEXT:
        raise text_refused(metric.field)
    counts = isinstance(metric, ValueCount | Cardinality)
    if kind not in _NUMBERS and not counts:
        raise IllegalArgument(
            f"Field [{metric.field[:256]}] of type [{kind.value}] is not supported for aggregation "
            f"[{_NAMES[type(metric)]}]"
        )


def text_refused(field: str) -> IllegalArgument:
    """The error for aggregating or sorting by a text field."""
    return IllegalArgument(
        "Text fields are not optimised for operations that require per-document field data like "
        "aggregations and sorting, so these operations are disabled by default. Please use a "
        f"keyword field instead. Alternatively, set fielddata=true on [{field[:256]}] in order to "
        "load field data by uninverting the inverted index. Note that this can use significant "
        "memory."
    )


def field_value(value: Scalar, kind: FieldKind, field: str, now_ms: int) -> object:
    """A ``missing`` value as the column would hold it.

    Raises:
        InvalidRequest: it does not fit the field.
    """
    if kind is FieldKind.DATE:
        written = scalar_text(value)
        how, zone = date_format(None), time_zone(None)
        return parse_date(written, field, how, zone, now_ms, round_up=False)
    if kind is FieldKind.BOOLEAN:
        return to_boolean(value)
    if kind is FieldKind.LONG:
        found = to_long(value)
        return to_double(value) if found is None else found
    if kind is FieldKind.DOUBLE:
        return to_double(value)
    if kind is FieldKind.IP:
        to_addresses(value)
    return scalar_text(value)


@dataclass(frozen=True)
class _Aggregate:
    """Aggregate functions over documents that meet a condition."""

    condition: exp.Expression | None
    repeatable: bool

    def __call__(
        self, function: str, value: exp.Expression, *more: exp.Expression, ordered: bool = False
    ) -> exp.Expression:
        """A call; ``ordered`` for functions whose result depends on the order of the values."""
        if ordered and self.repeatable:
            # a sorted list per group costs a tenth of an aggregate with ORDER BY
            gathered = self._filtered(call("list", value))
            return call("list_aggregate", call("list_sort", gathered), text(function), *more)
        return self._filtered(call(function, value, *more))

    def distinct(self, value: exp.Expression) -> exp.Expression:
        """The number of different values."""
        counted = exp.Count(this=exp.Distinct(expressions=[value]))
        return self._filtered(counted)

    def _filtered(self, aggregate: exp.Expression) -> exp.Expression:
        if self.condition is None:
            return aggregate
        where = exp.Where(this=self.condition.copy())
        return exp.Filter(this=aggregate, expression=where)


class MetricCompiler:
    """Compiles the metrics of one statement.

    Args:
        fields: the table's columns.
        parameters: receives the values.
        now_ms: what ``now`` is in dates.
        repeatable: sums do not depend on the order of the rows, at some cost.
    """

    def __init__(
        self, fields: FieldResolver, parameters: Parameters, now_ms: int, *, repeatable: bool
    ) -> None:
        self._fields = fields
        self._parameters = parameters
        self._now_ms = now_ms
        self._repeatable = repeatable

    def compile(
        self, metric: Metric, condition: exp.Expression | None = None
    ) -> list[exp.Expression]:
        """The values of the metric, each a DOUBLE; several for percentiles, else one.

        Args:
            metric: what to compute.
            condition: over which documents; None is all.

        Raises:
            InvalidRequest: the field is of the wrong kind, or ``missing`` does not fit it.
        """
        values = self._values(metric)
        aggregate = _Aggregate(condition, self._repeatable)
        if isinstance(metric, Percentiles):
            return [
                _double(_percentile(aggregate, values, self._parameters.bind(percent / 100)))
                for percent in metric.percents
            ]
        return [_double(_FUNCTIONS[type(metric)](aggregate, values))]

    def _values(self, metric: Metric) -> Reached:
        """The values to aggregate, of a numeric kind where the metric computes with them."""
        field = self._fields.resolve(metric.field)
        if field is None or field.nested_path is not None:
            return self._unmapped(metric)
        check_metric_field(metric, field.kind)
        values = reach(field)
        expression = values.expression
        if metric.missing is not None:
            missing = field_value(metric.missing, field.kind, metric.field, self._now_ms)
            expression = _or_missing(values, self._parameters.bind(missing))
        kind = FieldKind.LONG if field.kind in (FieldKind.BOOLEAN, FieldKind.DATE) else field.kind
        if field.kind is FieldKind.BOOLEAN:
            expression = _cast(expression, exp.DType.BIGINT, field.multi)
        return Reached(kind, expression, field.multi)

    def _unmapped(self, metric: Metric) -> Reached:
        """An unknown field has no values, or the missing value in every document."""
        if metric.missing is None:
            return Reached(FieldKind.DOUBLE, _cast(exp.Null(), exp.DType.DOUBLE, False), False)
        if isinstance(metric, ValueCount | Cardinality):
            bound = self._parameters.bind(scalar_text(metric.missing))
            return Reached(FieldKind.KEYWORD, bound, False)
        bound = self._parameters.bind(to_double(metric.missing))
        return Reached(FieldKind.DOUBLE, bound, False)


def _or_missing(values: Reached, missing: exp.Expression) -> exp.Expression:
    if not values.multi:
        return call("coalesce", values.expression, missing)
    alternative = call("list_value", missing)
    return exp.Case(ifs=[exp.If(this=values.exists(), true=values.expression)], default=alternative)


def _sum(aggregate: _Aggregate, values: Reached) -> exp.Expression:
    if values.kind is FieldKind.DOUBLE:
        of_row = _list_aggregate(values, "fsum")
        return aggregate("fsum", of_row, ordered=True)
    # integers are added exactly, in any order
    return aggregate("sum", _list_aggregate(values, "sum"))


def _avg(aggregate: _Aggregate, values: Reached) -> exp.Expression:
    if not values.multi:
        if values.kind is FieldKind.DOUBLE:
            return aggregate("favg", values.expression, ordered=True)
        return aggregate("avg", values.expression)
    total = _double(_sum(aggregate, values))
    return exp.Div(
        this=total, expression=call("nullif", _value_count(aggregate, values), number(0))
    )


def _min(aggregate: _Aggregate, values: Reached) -> exp.Expression:
    return aggregate("min", _list_aggregate(values, "min"))


def _max(aggregate: _Aggregate, values: Reached) -> exp.Expression:
    return aggregate("max", _list_aggregate(values, "max"))


def _value_count(aggregate: _Aggregate, values: Reached) -> exp.Expression:
    if not values.multi:
        return aggregate("count", values.expression)
    counts = aggregate("sum", call("list_count", values.expression.copy()))
    return call("coalesce", counts, number(0))


def _cardinality(aggregate: _Aggregate, values: Reached) -> exp.Expression:
    if not values.multi:
        return aggregate.distinct(values.expression)
    different = call("len", call("list_distinct", _elements(aggregate, values)))
    return call("coalesce", different, number(0))


def _deviation(aggregate: _Aggregate, values: Reached) -> exp.Expression:
    if values.multi:
        doubles = _cast(_elements(aggregate, values), exp.DType.DOUBLE, True)
        return call("list_aggregate", doubles, text("mad"))
    return aggregate("mad", _double(values.expression))


def _percentile(aggregate: _Aggregate, values: Reached, fraction: exp.Expression) -> exp.Expression:
    if values.multi:
        doubles = _cast(_elements(aggregate, values), exp.DType.DOUBLE, True)
        return call("list_aggregate", doubles, text("quantile_cont"), fraction)
    return aggregate("quantile_cont", _double(values.expression.copy()), fraction)


def _elements(aggregate: _Aggregate, values: Reached) -> exp.Expression:
    """All elements of all documents as one list."""
    return call("flatten", aggregate("list", values.expression.copy()))


def _list_aggregate(values: Reached, function: str) -> exp.Expression:
    """A document's value, or what the function makes of its array."""
    if not values.multi:
        return values.expression.copy()
    return call("list_aggregate", values.expression.copy(), text(function))


def _double(value: exp.Expression) -> exp.Expression:
    return _cast(value, exp.DType.DOUBLE, False)


def _cast(value: exp.Expression, to: exp.DType, is_list: bool) -> exp.Expression:
    data_type = exp.DataType(this=to)
    if is_list:
        data_type = exp.DataType(this=exp.DType.ARRAY, expressions=[data_type], nested=True)
    return exp.Cast(this=value, to=data_type)


def _no_value(aggregation: Aggregation) -> ParsingError:
    return ParsingError(f"Failed to parse aggregation [{aggregation.name}]: not a single value")


_Function = Callable[[_Aggregate, Reached], exp.Expression]
_FUNCTIONS: dict[type[Metric], _Function] = {
    Sum: _sum,
    Avg: _avg,
    Min: _min,
    Max: _max,
    ValueCount: _value_count,
    Cardinality: _cardinality,
    MedianAbsoluteDeviation: _deviation,
}
_NAMES: dict[type[Metric], str] = {
    Sum: "sum",
    Avg: "avg",
    Min: "min",
    Max: "max",
    ValueCount: "value_count",
    Cardinality: "cardinality",
    MedianAbsoluteDeviation: "median_absolute_deviation",
    Percentiles: "percentiles",
}
