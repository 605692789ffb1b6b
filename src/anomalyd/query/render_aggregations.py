"""Aggregations to normalised JSON, the form in which Elasticsearch 7.10 echoes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from anomalyd.query.nodes_aggregations import (
    Aggregation,
    Avg,
    BucketAggregation,
    Cardinality,
    DateHistogram,
    FilterAggregation,
    FiltersAggregation,
    Max,
    MedianAbsoluteDeviation,
    Metric,
    Min,
    Order,
    Percentiles,
    Sum,
    TermsAggregation,
    ValueCount,
)
from anomalyd.query.render import JsonObject, render_query


def render_aggregations(aggregations: Iterable[Aggregation]) -> JsonObject:
    """The aggregations as decoded JSON, such that parsing gives the same nodes again."""
    return {one.name: _render(one) for one in aggregations}


def _render(aggregation: Aggregation) -> JsonObject:
    name, render = _RENDERERS[type(aggregation)]
    rendered: JsonObject = {name: render(aggregation)}
    if isinstance(aggregation, BucketAggregation) and aggregation.aggregations:
        rendered["aggregations"] = render_aggregations(aggregation.aggregations)
    return rendered


def _metric(metric: Metric) -> JsonObject:
    missing = {} if metric.missing is None else {"missing": metric.missing}
    return {"field": metric.field, **missing}


def _cardinality(metric: Cardinality) -> JsonObject:
    if metric.precision_threshold is None:
        return _metric(metric)
    return {**_metric(metric), "precision_threshold": metric.precision_threshold}


def _deviation(metric: MedianAbsoluteDeviation) -> JsonObject:
    return {**_metric(metric), "compression": metric.compression}


def _percentiles(metric: Percentiles) -> JsonObject:
    return {
        **_metric(metric),
        "percents": list(metric.percents),
        "keyed": metric.keyed,
        "tdigest": {"compression": metric.compression},
    }


def _filter(bucket: FilterAggregation) -> JsonObject:
    return render_query(bucket.query)


def _filters(bucket: FiltersAggregation) -> JsonObject:
    rendered = [(key, render_query(query)) for key, query in bucket.filters]
    named = {key: query for key, query in rendered if key is not None}
    return {
        "filters": named or [query for _, query in rendered],
        "other_bucket": bucket.other_bucket,
        "other_bucket_key": bucket.other_bucket_key,
    }


def _orders(orders: tuple[Order, ...]) -> JsonObject | list[JsonObject]:
    rendered = [{one.path: "asc" if one.ascending else "desc"} for one in orders]
    return rendered[0] if len(rendered) == 1 else rendered


def _terms(bucket: TermsAggregation) -> JsonObject:
    optional = {"missing": bucket.missing, "size": bucket.size, "shard_size": bucket.shard_size}
    rendered: JsonObject = {
        "field": bucket.field,
        **{key: value for key, value in optional.items() if value is not None},
        "min_doc_count": bucket.min_doc_count,
        "shard_min_doc_count": bucket.shard_min_doc_count,
        "show_term_doc_count_error": bucket.show_term_doc_count_error,
        "order": _orders(bucket.order),
    }
    if bucket.include is not None:
        rendered["include"] = list(bucket.include)
    if bucket.exclude is not None:
        rendered["exclude"] = list(bucket.exclude)
    return rendered


def _date_histogram(bucket: DateHistogram) -> JsonObject:
    optional = {
        "missing": bucket.missing,
        "time_zone": bucket.time_zone,
        "format": bucket.format,
        "calendar_interval": bucket.calendar_interval,
        "fixed_interval": bucket.fixed_interval,
    }
    rendered: JsonObject = {
        "field": bucket.field,
        **{key: value for key, value in optional.items() if value is not None},
        "offset": bucket.offset,
        "order": _orders(bucket.order),
        "keyed": bucket.keyed,
        "min_doc_count": bucket.min_doc_count,
    }
    if bucket.extended_bounds is not None:
        low, high = bucket.extended_bounds
        bounds = {"min": low, "max": high}
        rendered["extended_bounds"] = {k: v for k, v in bounds.items() if v is not None}
    return rendered


_Renderer = Callable[[Aggregation], JsonObject]


def _table(
    *entries: tuple[type[Aggregation], str, Callable[..., JsonObject]],
) -> Mapping[type[Aggregation], tuple[str, _Renderer]]:
    return {node: (name, cast("_Renderer", render)) for node, name, render in entries}


_RENDERERS = _table(
    (Sum, "sum", _metric),
    (Avg, "avg", _metric),
    (Min, "min", _metric),
    (Max, "max", _metric),
    (ValueCount, "value_count", _metric),
    (Cardinality, "cardinality", _cardinality),
    (MedianAbsoluteDeviation, "median_absolute_deviation", _deviation),
    (Percentiles, "percentiles", _percentiles),
    (FilterAggregation, "filter", _filter),
    (FiltersAggregation, "filters", _filters),
    (TermsAggregation, "terms", _terms),
    (DateHistogram, "date_histogram", _date_histogram),
)
