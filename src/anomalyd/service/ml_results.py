"""Buckets, records and overall buckets of jobs: the neighbours of influencers (reference §6)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from anomalyd.auth.identity import Identity
from anomalyd.auth.policy import Action
from anomalyd.errors import IllegalArgument, NotFound
from anomalyd.model.influencer import (
    LARGEST_WINDOW,
    ResultsRequest,
    own_property,
    probability_of,
    timestamp_text,
)
from anomalyd.service.jobs import Job, Jobs, page_of
from anomalyd.store.influencers import (
    BucketRow,
    InfluencerStore,
    RecordRow,
    ResultFilter,
    ResultPage,
)

Document = dict[str, Any]

_SPAN = re.compile(r"(\d{1,12})(ms|s|m|h|d)")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_BUCKET_SORTS = {"anomaly_score", "initial_anomaly_score", "event_count", "bucket_span"}


@dataclass(frozen=True, kw_only=True)
class OverallRequest:
    """What overall buckets are asked by.

    Attributes:
        results: times, interim and lowest overall score; the page means nothing here.
        top_n: how many jobs' scores the overall score is the mean of.
        bucket_span: length of a span, such as ``1h``; None = the largest of the jobs.
    """

    results: ResultsRequest
    top_n: int = 1
    bucket_span: str | None = None


class MlResultService:
    """Use cases of buckets and records. Thread-safe.

    Args:
        jobs: finds the jobs.
        influencers: what was computed.
    """

    def __init__(self, *, jobs: Jobs, influencers: InfluencerStore) -> None:
        self._jobs = jobs
        self._influencers = influencers

    def buckets(
        self,
        job_id: str,
        request: ResultsRequest,
        identity: Identity,
        *,
        timestamp: str | None = None,
        expand: bool = False,
        human: bool = False,
    ) -> Document:
        """Return ``{"count", "buckets"}``.

        Args:
            job_id: a detector's id or name.
            request: which ones.
            identity: who asks.
            timestamp: only the bucket that starts then.
            expand: with the records of each bucket.
            human: show times as texts as well.

        Raises: Forbidden; JobNotFound; NotFound without a bucket at ``timestamp``; SearchFailed.
        """
        job = self._jobs.open(job_id, identity, Action.GET_BUCKETS)
        which = self._jobs.filter_of(request)
        page = page_of(request, job, default_sort="timestamp")
        if timestamp is not None:
            at = self._jobs.time(timestamp)
            which = replace(which, start=at, end=None if at is None else at + 1)
        buckets = _buckets(self._influencers.buckets(job.detector_id, which), job)
        if timestamp is not None and not buckets:
            raise NotFound("Could not find requested buckets")
        if page.sort in _BUCKET_SORTS:
            buckets.sort(key=lambda bucket: bucket[page.sort], reverse=page.descending)
        elif page.descending:
            buckets.reverse()
        shown = buckets[page.offset : page.offset + page.size]
        for bucket in shown:
            if expand:
                bucket["records"] = self._records_of(job, bucket["timestamp"])
            if human:
                bucket["timestamp_string"] = timestamp_text(bucket["timestamp"])
        return {"count": len(buckets), "buckets": shown}

    def records(
        self, job_id: str, request: ResultsRequest, identity: Identity, *, human: bool = False
    ) -> Document:
        """Return ``{"count", "records"}``.

        Args:
            job_id: a detector's id or name.
            request: which ones.
            identity: who asks.
            human: show times as texts as well.

        Raises: Forbidden; JobNotFound; SearchFailed.
        """
        job = self._jobs.open(job_id, identity, Action.GET_RECORDS)
        which = self._jobs.filter_of(request)
        page = page_of(request, job, default_sort="record_score")
        count, rows = self._influencers.records(job.detector_id, which, page)
        return {"count": count, "records": [_record(row, job, human=human) for row in rows]}

    def overall_buckets(
        self, expression: str, request: OverallRequest, identity: Identity
    ) -> Document:
        """Return ``{"count", "overall_buckets"}`` by time.

        Args:
            expression: comma-separated ids, names and patterns of jobs.
            request: which ones.
            identity: who asks.

        Raises: Forbidden; JobNotFound; IllegalArgument; SearchFailed for a bad date.
        """
        if request.top_n < 1:
            raise IllegalArgument("[top_n] parameter must be positive.", field="top_n")
        jobs = self._jobs.matching(expression, identity, Action.GET_OVERALL_BUCKETS)
        span = _span(request.bucket_span, jobs)
        which = replace(self._jobs.filter_of(request.results), score=0.0)
        best: dict[int, dict[str, float]] = {}
        interim: set[int] = set()
        for job in jobs:
            for row in self._influencers.buckets(job.detector_id, which):
                at = row.timestamp - row.timestamp % span
                scores = best.setdefault(at, {})
                scores[job.name] = max(scores.get(job.name, 0.0), row.score)
                interim |= {at} if row.interim else set()
        overall = [
            _overall(at, span, scores, request.top_n, interim=at in interim)
            for at, scores in sorted(best.items())
        ]
        lowest = request.results.score
        kept = [bucket for bucket in overall if not bucket["overall_score"] < lowest]
        return {"count": len(kept), "overall_buckets": kept}

    def _records_of(self, job: Job, timestamp: int) -> list[Document]:
        which = ResultFilter(start=timestamp, end=timestamp + 1)
        page = ResultPage(sort="record_score", size=LARGEST_WINDOW)
        _, rows = self._influencers.records(job.detector_id, which, page)
        return [_record(row, job, human=False) for row in rows]


def _buckets(rows: Sequence[BucketRow], job: Job) -> list[Document]:
    by_time = itertools.groupby(rows, key=lambda row: row.timestamp)
    return [_bucket(list(levels), job) for _, levels in by_time]


def _bucket(levels: Sequence[BucketRow], job: Job) -> Document:
    first = levels[0]
    return {
        "job_id": job.name,
        "timestamp": first.timestamp,
        "anomaly_score": max(level.score for level in levels),
        "bucket_span": first.bucket_span,
        "initial_anomaly_score": max(level.initial_score for level in levels),
        "event_count": max(level.count for level in levels),
        "is_interim": first.interim,
        "bucket_influencers": [
            {
                "job_id": job.name,
                "result_type": "bucket_influencer",
                "influencer_field_name": level.field,
                "initial_anomaly_score": level.initial_score,
                "anomaly_score": level.score,
                "raw_anomaly_score": level.raw,
                "probability": probability_of(level.ln_probability),
                "timestamp": level.timestamp,
                "bucket_span": level.bucket_span,
                "is_interim": level.interim,
            }
            for level in sorted(levels, key=lambda level: (-level.score, level.field))
        ],
        "processing_time_ms": 0,
        "result_type": "bucket",
    }


def _record(row: RecordRow, job: Job, *, human: bool) -> Document:
    names = job.detector.categories
    function, field = _function(job)
    document: Document = {
        "job_id": job.name,
        "result_type": "record",
        "probability": probability_of(row.ln_probability),
        "record_score": row.score,
        "initial_record_score": row.initial_score,
        "bucket_span": row.bucket_span,
        "detector_index": 0,
        "is_interim": row.interim,
        "timestamp": row.timestamp,
    }
    if human:
        document["timestamp_string"] = timestamp_text(row.timestamp)
    if row.entity:
        document["partition_field_name"] = names[0]
        document["partition_field_value"] = row.entity[0]
    document["function"] = document["function_description"] = function
    if field is not None:
        document["field_name"] = field
    if row.typical is not None:
        document["typical"] = [value for value in row.typical if value is not None]
    document["actual"] = [value for value in row.actual if value is not None]
    if row.entity:
        pairs = list(zip(names, row.entity, strict=True))
        document["influencers"] = [
            {"influencer_field_name": name, "influencer_field_values": [value]}
            for name, value in pairs
        ]
        # records, unlike influencers, carry such properties as arrays
        for name, value in pairs:
            document |= {key: [text] for key, text in own_property(name, value).items()}
    return document


def _function(job: Job) -> tuple[str, str | None]:
    """Return the function of a job's records, and the field that it aggregates."""
    features = job.detector.enabled_features
    if len(features) != 1:
        return "multivariate", None
    (aggregation,) = features[0].aggregation_query.values()
    for name, body in _aggregations(aggregation):
        if isinstance(body, Mapping) and "field" in body:
            return name, str(body["field"])
    return next(iter(aggregation), "multivariate"), None


def _aggregations(aggregation: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from aggregation.items()
    for inner in aggregation.get("aggregations", aggregation.get("aggs", {})).values():
        yield from _aggregations(inner)


def _overall(
    at: int, span: int, scores: Mapping[str, float], top_n: int, *, interim: bool
) -> Document:
    largest = sorted(scores.values(), reverse=True)[:top_n]
    return {
        "timestamp": at,
        "bucket_span": span // 1000,
        "overall_score": sum(largest) / len(largest),
        "jobs": [
            {"job_id": name, "max_anomaly_score": score} for name, score in sorted(scores.items())
        ],
        "is_interim": interim,
        "result_type": "overall_bucket",
    }


def _span(text: str | None, jobs: Sequence[Job]) -> int:
    """Return the length of an overall bucket in ms. Raises: IllegalArgument."""
    least = max((job.detector.detection_interval.milliseconds for job in jobs), default=1000)
    if text is None:
        return least
    match = _SPAN.fullmatch(text)
    if match is None:
        raise IllegalArgument(
            f"failed to parse setting [bucket_span] with value [{text}] as a time value",
            field="bucket_span",
        )
    span = int(match[1]) * _UNITS[match[2]]
    if span < least:
        raise IllegalArgument(
            f"Param [bucket_span] must be greater or equal to the max bucket_span [{least}ms]",
            field="bucket_span",
        )
    return span
