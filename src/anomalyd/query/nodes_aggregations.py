"""The aggregations that anomalyd understands, and the search request, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from anomalyd.query.nodes import Query, Scalar


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """What all aggregations have: the name under which the answer carries the result."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Metric(Aggregation):
    """One number (or a few) over the values of a field.

    Attributes:
        field: the field.
        missing: stands for the value of documents that have none; None leaves them out.
    """

    field: str
    missing: Scalar | None = None


@dataclass(frozen=True, kw_only=True)
class Sum(Metric):
    """The sum of all values."""


@dataclass(frozen=True, kw_only=True)
class Avg(Metric):
    """The mean of all values."""


@dataclass(frozen=True, kw_only=True)
class Min(Metric):
    """The smallest value."""


@dataclass(frozen=True, kw_only=True)
class Max(Metric):
    """The largest value."""


@dataclass(frozen=True, kw_only=True)
class ValueCount(Metric):
    """The number of values."""


@dataclass(frozen=True, kw_only=True)
class Cardinality(Metric):
    """The number of different values, exactly.

    Attributes:
        precision_threshold: Elasticsearch's limit of exactness; kept for the echo.
    """

    precision_threshold: int | None = None


@dataclass(frozen=True, kw_only=True)
class MedianAbsoluteDeviation(Metric):
    """The median of the distances from the median, exactly.

    Attributes:
        compression: Elasticsearch's knob between memory and exactness; kept for the echo.
    """

    compression: float = 1000.0


DEFAULT_PERCENTS = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)


@dataclass(frozen=True, kw_only=True)
class Percentiles(Metric):
    """Percentiles, exactly, with linear interpolation between neighbours.

    Attributes:
        percents: which ones, each in [0, 100], at least one. A feature takes the first.
        keyed: the answer is an object (true) or a list of key and value.
        compression: as above, kept for the echo.
    """

    percents: tuple[float, ...] = DEFAULT_PERCENTS
    keyed: bool = True
    compression: float = 100.0


@dataclass(frozen=True, kw_only=True)
class BucketAggregation(Aggregation):
    """Groups documents and aggregates each group.

    Attributes:
        aggregations: of each bucket, in the order of the request.
    """

    aggregations: tuple[Aggregation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FilterAggregation(BucketAggregation):
    """One bucket: the documents that match a query."""

    query: Query


@dataclass(frozen=True, kw_only=True)
class FiltersAggregation(BucketAggregation):
    """One bucket per query.

    Attributes:
        filters: key and query of each bucket; keys are None (all of them) in the form without.
        other_bucket: adds a bucket for documents that match none.
        other_bucket_key: its key.
    """

    filters: tuple[tuple[str | None, Query], ...]
    other_bucket: bool = False
    other_bucket_key: str = "_other_"


@dataclass(frozen=True, kw_only=True)
class Order:
    """How buckets are sorted.

    Attributes:
        path: ``_count``, ``_key`` or a metric below the bucket (``name`` or ``name.50``).
        ascending: smallest first.
    """

    path: str
    ascending: bool


@dataclass(frozen=True, kw_only=True)
class TermsAggregation(BucketAggregation):
    """One bucket per value of a field, the largest buckets first.

    Attributes:
        size: buckets in the answer, at least 1.
        min_doc_count: smaller buckets are left out, at least 1.
        order: the first difference decides; ``_key`` ascending breaks ties.
        missing: stands for the value of documents that have none.
        include, exclude: only, or all but, these values; None is no restriction.
        shard_size, shard_min_doc_count, show_term_doc_count_error: settings of approximate
            counts, without an effect on exact ones; kept for the echo.
    """

    field: str
    size: int = 10
    min_doc_count: int = 1
    order: tuple[Order, ...] = (
        Order(path="_count", ascending=False),
        Order(path="_key", ascending=True),
    )
    missing: Scalar | None = None
    include: tuple[Scalar, ...] | None = None
    exclude: tuple[Scalar, ...] | None = None
    shard_size: int | None = None
    shard_min_doc_count: int = 0
    show_term_doc_count_error: bool = False


@dataclass(frozen=True, kw_only=True)
class DateHistogram(BucketAggregation):
    """One bucket per interval of time, empty ones between the first and the last included.

    Attributes:
        fixed_interval: a multiple of a unit of fixed length (``30m``); or
        calendar_interval: one unit of the calendar (``month``, ``1d``). Exactly one is given.
        time_zone: in which days start at midnight; None is UTC.
        offset: moves every bucket, in milliseconds.
        min_doc_count: smaller buckets are left out; 0 keeps empty ones.
        order: by ``_key`` (ascending unless told) or ``_count``, or a metric.
        format: of ``key_as_string``.
        keyed: the answer is an object instead of a list.
        missing: stands for the value of documents that have none.
        extended_bounds: buckets from the first to the second value are there, documents or not.
    """

    field: str
    fixed_interval: str | None = None
    calendar_interval: str | None = None
    time_zone: str | None = None
    offset: int = 0
    min_doc_count: int = 0
    order: tuple[Order, ...] = (Order(path="_key", ascending=True),)
    format: str | None = None
    keyed: bool = False
    missing: Scalar | None = None
    extended_bounds: tuple[Scalar | None, Scalar | None] | None = None


class Missing(Enum):
    """Where documents without a value go when sorting."""

    FIRST = "_first"
    LAST = "_last"


@dataclass(frozen=True, kw_only=True)
class Sort:
    """One sort criterion.

    Attributes:
        field: a field, ``_score``, ``_doc`` or ``_seq_no``.
        ascending: smallest first.
        missing: place of documents without a value, or the value that they get.
        mode: which element of an array counts: ``min`` or ``max``; None is the smallest when
            ascending, else the largest.
        unmapped_type: given, an unknown field sorts like missing values instead of being refused.
    """

    field: str
    ascending: bool
    missing: Missing | Scalar = Missing.LAST
    mode: str | None = None
    unmapped_type: str | None = None


@dataclass(frozen=True, kw_only=True)
class SourceFilter:
    """Which parts of a document a hit shows.

    Attributes:
        enabled: false leaves ``_source`` out.
        includes: patterns of dotted paths; empty is everything.
        excludes: patterns taken away from that.
    """

    enabled: bool = True
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


DEFAULT_TRACKED_HITS = 10_000


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """What ``_search`` is asked for.

    Attributes:
        query: None is every document.
        post_filter: applied to the hits, but not to the aggregations.
        size, start: the page of hits (``start`` is the request's ``from``), both at least 0.
        track_total_hits: hits counted exactly up to here; None counts all, -1 does not tell.
        track_scores: computes scores although the hits are sorted by something else.
        version, seq_no_primary_term: whether each hit shows these.
        search_after: sort values of the last hit of the page before.
        encoded: whoever asks turns the answer into JSON as it is: whole documents of hits may come
            as ``orjson.Fragment``, not taken apart and put together again.
    """

    query: Query | None = None
    post_filter: Query | None = None
    aggregations: tuple[Aggregation, ...] = ()
    sort: tuple[Sort, ...] = ()
    start: int = 0
    size: int = 10
    source: SourceFilter = SourceFilter()
    track_total_hits: int | None = DEFAULT_TRACKED_HITS
    track_scores: bool = False
    version: bool = False
    seq_no_primary_term: bool = False
    search_after: tuple[Scalar | None, ...] | None = None
    encoded: bool = False
