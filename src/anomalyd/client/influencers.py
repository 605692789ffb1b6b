"""Calls of InfluencerService."""

from __future__ import annotations

from anomalyd.client.connection import Connection
from anomalyd.v1 import influencer_service_pb2 as pb

SERVICE = "InfluencerService"


class Influencers:
    """Read who or what is to blame for what detectors found."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(
        self,
        job: str,
        *,
        start: str | None = None,
        end: str | None = None,
        exclude_interim: bool = False,
        score: float = 0.0,
        sort: str | None = None,
        descending: bool = True,
        offset: int = 0,
        size: int = 100,
        timeout: float | None = None,
    ) -> pb.GetInfluencersResponse:
        """List influencers, those with the highest score first.

        Args:
            job: a detector's id or name.
            start: buckets that start then or later: ISO 8601, epoch ms as text, or date math.
            end: buckets that start before.
            exclude_interim: leave out buckets that are not complete.
            score: lowest score.
            sort: field of the influencer to sort by; its score when None.
            descending: largest first.
            offset: influencers to skip.
            size: at most so many; ``offset`` + ``size`` is at most 10,000.
            timeout: seconds.

        Raises: JobNotFound, IllegalArgument, DateUnreadable, FieldUnmapped.
        """
        request = pb.GetInfluencersRequest(
            job_id=job,
            start=start,
            end=end,
            exclude_interim=exclude_interim,
            influencer_score=score,
            sort=sort,
            desc=descending,
            page=pb.InfluencerPage(offset=offset, size=size),
        )
        return self._connection.call(
            f"{SERVICE}/GetInfluencers", request, pb.GetInfluencersResponse, timeout=timeout
        )

    def flush(
        self, job: str, *, calc_interim: bool = True, timeout: float | None = None
    ) -> pb.FlushJobResponse:
        """Judge the windows of a running job that are not complete yet.

        Args:
            job: a detector's id or name.
            calc_interim: False only tells how far the job is.
            timeout: seconds.

        Raises: JobNotFound, StateConflict.
        """
        request = pb.FlushJobRequest(job_id=job, calc_interim=calc_interim)
        return self._connection.call(
            f"{SERVICE}/FlushJob", request, pb.FlushJobResponse, timeout=timeout
        )

    def buckets(
        self,
        job: str,
        *,
        start: str | None = None,
        end: str | None = None,
        timestamp: str | None = None,
        score: float = 0.0,
        expand: bool = False,
        sort: str | None = None,
        descending: bool = False,
        size: int = 100,
        timeout: float | None = None,
    ) -> pb.GetBucketsResponse:
        """List how unusual each interval was as a whole, by time.

        Args:
            job: a detector's id or name.
            start: as for ``get``.
            end: as for ``get``.
            timestamp: only the bucket that starts then.
            score: lowest score.
            expand: with the records of each bucket.
            sort: field of the bucket to sort by; its time when None.
            descending: largest first.
            size: at most so many.
            timeout: seconds.

        Raises: JobNotFound, NotFound, DateUnreadable, FieldUnmapped.
        """
        request = pb.GetBucketsRequest(
            job_id=job,
            timestamp=timestamp,
            start=start,
            end=end,
            anomaly_score=score,
            expand=expand,
            sort=sort,
            desc=descending,
            page=pb.InfluencerPage(size=size),
        )
        return self._connection.call(
            f"{SERVICE}/GetBuckets", request, pb.GetBucketsResponse, timeout=timeout
        )

    def records(
        self,
        job: str,
        *,
        start: str | None = None,
        end: str | None = None,
        score: float = 0.0,
        sort: str | None = None,
        descending: bool = True,
        size: int = 100,
        timeout: float | None = None,
    ) -> pb.GetRecordsResponse:
        """List what was unusual, entity by entity, the highest score first.

        Args:
            job: a detector's id or name.
            start: as for ``get``.
            end: as for ``get``.
            score: lowest score.
            sort: field of the record to sort by; its score when None.
            descending: largest first.
            size: at most so many.
            timeout: seconds.

        Raises: JobNotFound, DateUnreadable, FieldUnmapped.
        """
        request = pb.GetRecordsRequest(
            job_id=job,
            start=start,
            end=end,
            record_score=score,
            sort=sort,
            desc=descending,
            page=pb.InfluencerPage(size=size),
        )
        return self._connection.call(
            f"{SERVICE}/GetRecords", request, pb.GetRecordsResponse, timeout=timeout
        )

    def overall_buckets(
        self,
        jobs: str,
        *,
        start: str | None = None,
        end: str | None = None,
        score: float = 0.0,
        top_n: int = 1,
        bucket_span: str | None = None,
        timeout: float | None = None,
    ) -> pb.GetOverallBucketsResponse:
        """Sum the buckets of several jobs up, by time.

        Args:
            jobs: comma-separated ids, names or patterns; ``_all`` means all.
            start: as for ``get``.
            end: as for ``get``.
            score: lowest overall score.
            top_n: how many of the jobs' scores the overall score is the mean of.
            bucket_span: length of a span, such as ``1h``; the longest of the jobs when None.
            timeout: seconds.

        Raises: JobNotFound, IllegalArgument, DateUnreadable.
        """
        request = pb.GetOverallBucketsRequest(
            job_id=jobs,
            start=start,
            end=end,
            overall_score=score,
            top_n=top_n,
            bucket_span=bucket_span,
        )
        return self._connection.call(
            f"{SERVICE}/GetOverallBuckets", request, pb.GetOverallBucketsResponse, timeout=timeout
        )
