"""Aggregations: decoded JSON to nodes.

What is not known is refused by name, with Elasticsearch's wording, and so are scripts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from anomalyd.errors import ParsingError
from anomalyd.query.nodes_aggregations import (
    DEFAULT_PERCENTS,
    Aggregation,
    Avg,
    BucketAggregation,
    Cardinality,
    FilterAggregation,
    FiltersAggregation,
    Max,
    MedianAbsoluteDeviation,
    Metric,
    Min,
    Percentiles,
    Sum,
    ValueCount,
)
from anomalyd.query.parse import parse_query
from anomalyd.query.parse_buckets import parse_date_histogram, parse_terms
from anomalyd.query.shape import (
    MAX_DEPTH,
    Options,
    as_array,
    as_number,
    as_object,
    suggestion,
    token,
)

MAX_AGGREGATIONS = 1000
"""Aggregations of one request, all levels together."""

_NAME = re.compile(r"[^\[\]>]+")


def parse_aggregations(value: object) -> tuple[Aggregation, ...]:
    """All aggregations of an ``aggs`` object, in the order of the request.

    Raises:
        ParsingError: one of them is unknown, misspelled or nested too deep.
    """
    return _Reader().aggregations(value, 0)


def parse_feature(value: object) -> Aggregation:
    """The aggregation of a detector's feature: the first of the object (behaviour §4).

    Raises:
        ParsingError: as ``parse_aggregations``, or there is none.
    """
    aggregations = parse_aggregations(value)
    if not aggregations:
        raise ParsingError("Feature aggregation query should be set")
    return aggregations[0]


class _Reader:
    """One request's aggregations, counted."""

    def __init__(self) -> None:
        self._count = 0

    def aggregations(self, value: object, depth: int) -> tuple[Aggregation, ...]:
        """An ``aggs`` object."""
        if depth > MAX_DEPTH:
            raise ParsingError(f"aggregations are nested more than [{MAX_DEPTH}] levels deep")
        items = as_object(value, "[aggregations] malformed,").items()
        return tuple(self._aggregation(name, body, depth) for name, body in items)

    def _aggregation(self, name: str, body: object, depth: int) -> Aggregation:
        self._count += 1
        if self._count > MAX_AGGREGATIONS:
            raise ParsingError(f"too many aggregations: more than [{MAX_AGGREGATIONS}]")
        if not _NAME.fullmatch(name):
            raise ParsingError(
                f"Invalid aggregation name [{name[:256]}]. Aggregation names can contain any "
                "character except '[', ']', and '>'"
            )
        if not isinstance(body, Mapping):
            raise ParsingError(
                f"Aggregation definition for [{name} starts with a [{token(body)}], expected a "
                "[START_OBJECT]."
            )
        kinds = [key for key in body if key not in ("aggs", "aggregations")]
        if not kinds:
            raise ParsingError(f"Missing definition for aggregation [{name}]")
        if len(kinds) > 1:
            raise ParsingError(
                f"Found two aggregation type definitions in [{name}]: [{kinds[0][:256]}] and "
                f"[{kinds[1][:256]}]"
            )
        if "aggs" in body and "aggregations" in body:
            raise ParsingError(f"Found two sub aggregation definitions under [{name}]")
        inner = body.get("aggs", body.get("aggregations"))
        below = () if inner is None else self.aggregations(inner, depth + 1)
        return _one(kinds[0], name, body[kinds[0]], below, depth)


def _one(
    kind: str, name: str, body: object, below: tuple[Aggregation, ...], depth: int
) -> Aggregation:
    if kind == "filter":
        return FilterAggregation(name=name, query=parse_query(body, depth), aggregations=below)
    if kind not in _METRICS and kind not in _BUCKETS:
        known = ["filter", *_METRICS, *_BUCKETS]
        raise ParsingError(f"Unknown aggregation type [{kind[:256]}]{suggestion(kind, known)}")
    if not isinstance(body, Mapping):
        raise ParsingError(
            f"Expected [START_OBJECT] under [{kind}], but got a [{token(body)}] in [{name}]"
        )
    options = Options(kind, body, unknown=f"[{kind}] unknown field [{{}}]")
    if "script" in body:
        raise ParsingError(f"[{kind}] unknown field [script], scripts are not supported")
    if kind in _BUCKETS:
        bucket: Aggregation = _BUCKETS[kind](name, options, below, depth)
    else:
        if below:
            raise ParsingError(
                f"Aggregator [{name}] of type [{kind}] cannot accept sub-aggregations"
            )
        bucket = _METRICS[kind](name, options)
    options.finish()
    return bucket


def _metric(node: type[Metric]) -> Callable[[str, Options], Metric]:
    """A parser for the metrics that have a field and nothing else."""

    def parse(name: str, options: Options) -> Metric:
        return node(name=name, field=_field(options), missing=options.scalar("missing"))

    return parse


def _field(options: Options) -> str:
    field = options.text("field")
    if not field:
        raise ParsingError("Required one of fields [field, script], but none were specified. ")
    return field


def _cardinality(name: str, options: Options) -> Metric:
    threshold = options.integer("precision_threshold", -1)
    return Cardinality(
        name=name,
        field=_field(options),
        missing=options.scalar("missing"),
        precision_threshold=None if threshold < 0 else threshold,
    )


def _deviation(name: str, options: Options) -> Metric:
    return MedianAbsoluteDeviation(
        name=name,
        field=_field(options),
        missing=options.scalar("missing"),
        compression=options.number("compression", 1000.0),
    )


def _percentiles(name: str, options: Options) -> Metric:
    percents = options.take("percents")
    given: tuple[float, ...] = DEFAULT_PERCENTS
    if percents is not None:
        what = options.what("percents")
        numbers = [as_number(one, what) for one in as_array(percents, what)]
        if not numbers:
            raise ParsingError(f"[percents] must not be empty: [{name}]")
        if any(not 0 <= number <= 100 for number in numbers):
            raise ParsingError("percent must be in [0,100]")
        given = tuple(sorted(numbers))
    digest = options.take("tdigest")
    inner = Options("tdigest", {} if digest is None else as_object(digest, "[tdigest]"))
    compression = inner.number("compression", 100.0)
    inner.finish()
    return Percentiles(
        name=name,
        field=_field(options),
        missing=options.scalar("missing"),
        percents=given,
        keyed=options.boolean("keyed", True),
        compression=compression,
    )


def _filters(
    name: str, options: Options, below: tuple[Aggregation, ...], depth: int
) -> BucketAggregation:
    given = options.take("filters")
    if isinstance(given, Mapping):
        filters = tuple((key, parse_query(query, depth)) for key, query in given.items())
    else:
        what = options.what("filters")
        filters = tuple((None, parse_query(query, depth)) for query in as_array(given, what))
    if not filters:
        raise ParsingError("[filters] cannot be empty.")
    if len(filters) > MAX_AGGREGATIONS:
        raise ParsingError(f"Number of filters is too large, the maximum is [{MAX_AGGREGATIONS}]")
    key = options.text("other_bucket_key")
    return FiltersAggregation(
        name=name,
        filters=filters,
        other_bucket=options.boolean("other_bucket", key is not None),
        other_bucket_key="_other_" if key is None else key,
        aggregations=below,
    )


_METRICS: Mapping[str, Callable[[str, Options], Metric]] = {
    "sum": _metric(Sum),
    "avg": _metric(Avg),
    "min": _metric(Min),
    "max": _metric(Max),
    "value_count": _metric(ValueCount),
    "cardinality": _cardinality,
    "median_absolute_deviation": _deviation,
    "percentiles": _percentiles,
}

_BUCKETS: Mapping[
    str, Callable[[str, Options, tuple[Aggregation, ...], int], BucketAggregation]
] = {
    "filters": _filters,
    "terms": parse_terms,
    "date_histogram": parse_date_histogram,
}
