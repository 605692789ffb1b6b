"""Influencers, buckets and records as Elastic's machine learning documents them.

Source: ``elastic-get-influencers-api`` and the influencer reference, sections 1 and 6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from anomalyd.errors import IllegalArgument

Document = dict[str, Any]

SMALLEST_PROBABILITY = 2.2250738585072014e-308
"""The smallest normal double: what a probability below it is shown as."""
BUCKET_TIME = "bucket_time"
"""The name of a bucket's level that is no field: everything that reported."""
DEFAULT_SIZE = 100
LARGEST_WINDOW = 10_000
"""``from`` and ``size`` together; beyond it callers narrow the times or the score."""

INFLUENCER_FIELDS = (
    "job_id",
    "result_type",
    "influencer_field_name",
    "influencer_field_value",
    "influencer_score",
    "initial_influencer_score",
    "probability",
    "bucket_span",
    "is_interim",
    "timestamp",
)

RESERVED_NAMES = frozenset(
    {
        # of influencers, buckets and records
        *INFLUENCER_FIELDS,
        "all_field_values",
        "anomaly_score",
        "anomaly_score_explanation",
        "initial_anomaly_score",
        "raw_anomaly_score",
        "record_score",
        "initial_record_score",
        "multi_bucket_impact",
        "by_field_name",
        "by_field_value",
        "over_field_name",
        "over_field_value",
        "partition_field_name",
        "partition_field_value",
        "correlated_by_field_value",
        "function",
        "function_description",
        "typical",
        "actual",
        "geo_results",
        "causes",
        "influencers",
        "influencer_field_values",
        "field_name",
        "detector_index",
        "bucket_influencers",
        "event_count",
        "processing_time_ms",
        "scheduled_events",
        # of categories, models, forecasts
        "category_id",
        "terms",
        "regex",
        "max_matching_length",
        "examples",
        "mlcategory",
        "model_bytes",
        "model_bytes_exceeded",
        "model_bytes_memory_limit",
        "model_feature",
        "model_lower",
        "model_median",
        "model_size_stats",
        "model_upper",
        "forecast_create_timestamp",
        "forecast_end_timestamp",
        "forecast_expiry_timestamp",
        "forecast_id",
        "forecast_lower",
        "forecast_memory_bytes",
        "forecast_messages",
        "forecast_prediction",
        "forecast_progress",
        "forecast_start_timestamp",
        "forecast_status",
        "forecast_upper",
        # of counts and timing statistics
        "bucket_allocation_failures_count",
        "bucket_count",
        "average_bucket_processing_time_ms",
        "earliest_record_timestamp",
        "empty_bucket_count",
        "exponential_average_bucket_processing_time_ms",
        "exponential_average_calculation_context",
        "input_bytes",
        "input_field_count",
        "input_record_count",
        "invalid_date_count",
        "last_data_time",
        "latest_bucket_timestamp",
        "latest_empty_bucket_timestamp",
        "latest_record_timestamp",
        "latest_sparse_bucket_timestamp",
        "log_time",
        "maximum_bucket_processing_time_ms",
        "minimum_bucket_processing_time_ms",
        "missing_field_count",
        "out_of_order_timestamp_count",
        "processed_field_count",
        "processed_record_count",
        "sparse_bucket_count",
        "total_by_field_count",
        "total_over_field_count",
        "total_partition_field_count",
        # of snapshots and documents as such
        "snapshot_doc_count",
        "snapshot_id",
        "latest_result_time_stamp",
        "quantiles",
        "description",
        "retain",
        "timestamp_string",
        "_id",
        "_index",
    }
)
"""Properties that documents of results have; a field of such a name gets no property of its own."""

SORTABLE = RESERVED_NAMES - {"_id", "_index", "timestamp_string"}
"""What results may be sorted by, besides the names of the influencers' fields."""


@dataclass(frozen=True, kw_only=True)
class ResultsRequest:
    """What influencers, records and buckets are asked by (reference §1).

    Attributes:
        start: the window begins then or later; ISO 8601, epoch milliseconds as text, or date
            math; None = any.
        end: the window begins before, in the same forms.
        exclude_interim: leave out windows that are not complete.
        score: lowest score; 0 or less, and NaN, mean all.
        sort: name of a result's field; None = the default of the kind.
        descending: largest first.
        offset, size: the page; together at most ``LARGEST_WINDOW``.
    """

    start: str | None = None
    end: str | None = None
    exclude_interim: bool = False
    score: float = 0.0
    sort: str | None = None
    descending: bool = True
    offset: int = 0
    size: int = DEFAULT_SIZE

    def __post_init__(self) -> None:
        """Refuse a negative page. Raises: IllegalArgument."""
        check_page(self.offset, self.size)


def check_page(offset: int, size: int) -> None:
    """Refuse a negative page. Raises: IllegalArgument."""
    for name, value in (("from", offset), ("size", size)):
        if value < 0:
            raise IllegalArgument(f"Parameter [{name}] cannot be < 0", field=name)


def probability_of(ln_probability: float) -> float:
    """Return the probability that a logarithm stands for, at least the smallest normal double."""
    return min(1.0, max(SMALLEST_PROBABILITY, math.exp(ln_probability)))


def own_property(field: str, value: str) -> Mapping[str, str]:
    """Return the property named after an influencer's field, dots kept; none if reserved."""
    return {} if field.partition(".")[0] in RESERVED_NAMES else {field: value}


def timestamp_text(timestamp: int) -> str:
    """Return ``timestamp_string``, which ``?human`` asks for: ISO 8601 with milliseconds, UTC."""
    moment = datetime.fromtimestamp(timestamp / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{timestamp % 1000:03d}Z"
