"""Keys of buckets: as expressions over the documents, and as the answer shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from functools import partial
from typing import Any

from sqlglot import exp

from anomalyd.errors import IllegalArgument, ParsingError
from anomalyd.query.date_buckets import DateBuckets
from anomalyd.query.date_formats import date_format
from anomalyd.query.date_math import parse_date
from anomalyd.query.fields import Field, FieldKind, FieldResolver
from anomalyd.query.nodes import Scalar
from anomalyd.query.nodes_aggregations import DateHistogram, Order, TermsAggregation
from anomalyd.query.shape import scalar_text
from anomalyd.query.sql import Parameters, Reached, both, call, negated, reach
from anomalyd.query.to_sql_aggregations import field_value, text_refused

MAX_BUCKETS = 65_535


class TermKeys:
    """The keys of a terms aggregation: the values of its field.

    Args:
        aggregation: the aggregation.
        resolver: the fields.
        parameters: receive the values.
        now_ms: what ``now`` is in dates.

    Raises:
        IllegalArgument: the field is a text.
    """

    def __init__(
        self,
        aggregation: TermsAggregation,
        resolver: FieldResolver,
        parameters: Parameters,
        now_ms: int,
    ) -> None:
        self._aggregation = aggregation
        self._parameters = parameters
        self._now_ms = now_ms
        self._field = _searchable(resolver, aggregation.field)
        if self._field is not None and self._field.kind is FieldKind.TEXT:
            raise text_refused(aggregation.field)

    def expression(self) -> exp.Expression | None:
        """A document's key, one row per different value of an array; None without a field."""
        if self._field is None:
            return None
        values = reach(self._field)
        if self._aggregation.missing is None:
            return _one_row_each(values, None)
        return _one_row_each(values, self._bind(self._aggregation.missing))

    def kept(self, key: exp.Expression) -> exp.Expression | None:
        """Which keys ``include`` and ``exclude`` leave; None for all."""
        conditions = []
        included, excluded = self._aggregation.include, self._aggregation.exclude
        if included is not None:
            conditions.append(self._among(key, included))
        if excluded is not None:
            conditions.append(negated(self._among(key, excluded)))
        return both(conditions) if conditions else None

    def _among(self, key: exp.Expression, values: tuple[Scalar, ...]) -> exp.Expression:
        if not values:
            return exp.Boolean(this=False)
        return exp.Paren(
            this=exp.In(this=key.copy(), expressions=[self._bind(value) for value in values])
        )

    def _bind(self, value: Scalar) -> exp.Expression:
        assert self._field is not None
        path = self._aggregation.field
        return self._parameters.bind(field_value(value, self._field.kind, path, self._now_ms))

    def render(self, key: object) -> dict[str, Any]:
        """A key as the bucket shows it."""
        assert self._field is not None
        if self._field.kind is FieldKind.BOOLEAN:
            return {"key": int(bool(key)), "key_as_string": "true" if key else "false"}
        if self._field.kind is FieldKind.DATE:
            return {"key": key, "key_as_string": date_format(None).print(int(str(key)), UTC)}
        return {"key": key}


class DateKeys:
    """The keys of a date histogram: the first milliseconds of its intervals.

    Args:
        aggregation: the aggregation.
        resolver: the fields.
        parameters: receive the values.
        now_ms: what ``now`` is in dates.

    Raises:
        InvalidRequest: the field holds no dates; the format or the time zone is unknown.
    """

    def __init__(
        self,
        aggregation: DateHistogram,
        resolver: FieldResolver,
        parameters: Parameters,
        now_ms: int,
    ) -> None:
        self._aggregation = aggregation
        self._parameters = parameters
        self._now_ms = now_ms
        self._buckets = DateBuckets(aggregation)
        self._format = date_format(aggregation.format)
        self._field = _searchable(resolver, aggregation.field)
        if self._field is not None and self._field.kind is not FieldKind.DATE:
            if self._field.kind is FieldKind.TEXT:
                raise text_refused(aggregation.field)
            raise IllegalArgument(
                f"Field [{aggregation.field[:256]}] of type [{self._field.kind.value}] is not "
                "supported for aggregation [date_histogram]"
            )

    def expression(self) -> exp.Expression | None:
        """A document's key, one row per different key of an array; None without a field."""
        if self._field is None:
            return None
        missing = self._aggregation.missing
        bound = None
        if missing is not None:
            path = self._aggregation.field
            value = field_value(missing, FieldKind.DATE, path, self._now_ms)
            bound = self._parameters.bind(value)
        values = reach(self._field)
        if not values.multi:
            single = _one_row_each(values, bound)
            return self._buckets.key_sql(single, self._parameters)
        element = exp.column(exp.to_identifier("__date__"))
        to_key = exp.Lambda(
            this=self._buckets.key_sql(element, self._parameters),
            expressions=[exp.to_identifier("__date__")],
        )
        keys = call("list_transform", _with_missing(values, bound), to_key)
        return call("unnest", call("list_distinct", keys))

    def render(
        self, counts: Mapping[int, int], bucket: Callable[[int], dict[str, Any]]
    ) -> dict[str, Any]:
        """All buckets, also those without documents that the histogram shows.

        Args:
            counts: documents by key.
            bucket: what follows the key in the bucket of a key.

        Raises:
            InvalidRequest: there are too many buckets, or a bound is no date.
        """
        least = self._aggregation.min_doc_count
        keys = self._filled(counts) if least == 0 else sorted(counts)
        buckets = []
        for key in keys:
            if counts.get(key, 0) >= least:
                written = self._format.print(key, self._buckets.zone)
                buckets.append({"key_as_string": written, "key": key, **bucket(key)})
        for order in reversed(self._aggregation.order):
            buckets.sort(key=partial(_sort_key, order))
        if self._aggregation.keyed:
            return {"buckets": {one["key_as_string"]: one for one in buckets}}
        return {"buckets": buckets}

    def _filled(self, counts: Mapping[int, int]) -> list[int]:
        """The keys from the first to the last, those in between included."""
        ends = [*counts, *self._bounds()]
        if not ends:
            return []
        keys: list[int] = []
        try:
            for key in self._buckets.between(min(ends), max(ends)):
                keys.append(key)
                if len(keys) > MAX_BUCKETS:
                    raise too_many_buckets(len(keys))
        except OverflowError:
            raise IllegalArgument("[date_histogram] a date is out of range") from None
        # the rule of the database and ours are the same; should they ever differ, none is lost
        return sorted({*keys, *counts})

    def _bounds(self) -> list[int]:
        """The keys of ``extended_bounds``."""
        found = []
        for value in self._aggregation.extended_bounds or ():
            if value is None:
                continue
            written = scalar_text(value)
            field, zone = self._aggregation.field, self._buckets.zone
            how = self._format if isinstance(value, str) else date_format("epoch_millis")
            moment = parse_date(written, field, how, zone, self._now_ms, round_up=False)
            try:
                found.append(self._buckets.key(moment))
            except OverflowError:
                raise ParsingError(f"[extended_bounds] {written[:64]} is out of range") from None
        return found


def _searchable(resolver: FieldResolver, path: str) -> Field | None:
    """The field, unless it is unknown or belongs to nested objects, which have no keys here."""
    field = resolver.resolve(path)
    return None if field is None or field.nested_path is not None else field


def _with_missing(values: Reached, missing: exp.Expression | None) -> exp.Expression:
    if missing is None:
        return values.expression.copy()
    return exp.Case(
        ifs=[exp.If(this=values.exists(), true=values.expression.copy())],
        default=call("list_value", missing),
    )


def _one_row_each(values: Reached, missing: exp.Expression | None) -> exp.Expression:
    if values.multi:
        return call("unnest", call("list_distinct", _with_missing(values, missing)))
    if missing is None:
        return values.expression.copy()
    return call("coalesce", values.expression.copy(), missing)


def _sort_key(order: Order, bucket: Mapping[str, Any]) -> tuple[bool, float]:
    """Sorts by key, count or metric; buckets without a value come last."""
    if order.path in ("_key", "_count"):
        value = bucket["key" if order.path == "_key" else "doc_count"]
    else:
        name, _, part = order.path.partition(".")
        value = _metric_value(bucket.get(name), part or "value", order)
    if value is None:
        return True, 0.0
    return False, value if order.ascending else -value


def _metric_value(result: object, part: str, order: Order) -> float | None:
    """A number out of a metric's result: its ``value``, or the percentile that is named."""
    numbers: dict[str, float | None] = {}
    if isinstance(result, dict) and "value" in result:
        numbers = {"value": result["value"]}
    elif isinstance(result, dict) and "values" in result:
        values = result["values"]
        pairs = [(one["key"], one["value"]) for one in values] if isinstance(values, list) else []
        numbers = {str(key): number for key, number in pairs or values.items()}
    for name in (part, f"{part}.0"):
        if name in numbers:
            return numbers[name]
    raise bad_order(order)


def bad_order(order: Order) -> IllegalArgument:
    """The error for sorting buckets by what is no metric below them."""
    name = order.path.partition(".")[0]
    return IllegalArgument(
        f"Invalid aggregator order path [{order.path[:256]}]. The provided aggregation "
        f"[{name[:256]}] either does not exist, or is a pipeline aggregation and cannot be used to "
        "sort the buckets."
    )


def too_many_buckets(count: int) -> IllegalArgument:
    """The error for an answer that would not fit in memory."""
    return IllegalArgument(
        f"Trying to create too many buckets. Must be less than or equal to: [{MAX_BUCKETS}] but "
        f"was [{count}]. This limit can be set by changing the [search.max_buckets] cluster level "
        "setting."
    )
