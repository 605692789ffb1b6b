"""``anomalyd.v1.InfluencerService``."""

from __future__ import annotations

from dataclasses import replace

import grpc

from anomalyd.api.typed import required, respond
from anomalyd.auth.identity import Identity
from anomalyd.model.influencer import DEFAULT_SIZE, ResultsRequest
from anomalyd.service.influencers import InfluencerService
from anomalyd.service.ml_results import MlResultService, OverallRequest
from anomalyd.v1 import influencer_service_pb2 as pb
from anomalyd.v1.influencer_service_pb2_grpc import InfluencerServiceServicer

Context = grpc.ServicerContext
Paged = pb.GetInfluencersRequest | pb.GetBucketsRequest | pb.GetRecordsRequest


class InfluencerServicer(InfluencerServiceServicer):
    """Checks, converts, calls the use case, converts back."""

    def __init__(
        self, influencers: InfluencerService, results: MlResultService, caller: Identity
    ) -> None:
        self._influencers = influencers
        self._results = results
        self._caller = caller

    def GetInfluencers(  # noqa: N802 - RPC names are as in the proto
        self, request: pb.GetInfluencersRequest, context: Context
    ) -> pb.GetInfluencersResponse:
        """List the influencers of a job."""
        job_id = required(request.job_id, "job_id")
        asked = _asked(request, score=request.influencer_score)
        found = self._influencers.get(job_id, asked, self._caller)
        return respond(found, pb.GetInfluencersResponse)

    def FlushJob(  # noqa: N802
        self, request: pb.FlushJobRequest, context: Context
    ) -> pb.FlushJobResponse:
        """Judge the windows that are not complete yet."""
        job_id = required(request.job_id, "job_id")
        answer = self._influencers.flush(job_id, self._caller, calc_interim=request.calc_interim)
        return respond(answer, pb.FlushJobResponse)

    def GetBuckets(  # noqa: N802
        self, request: pb.GetBucketsRequest, context: Context
    ) -> pb.GetBucketsResponse:
        """List the buckets of a job, or the one of a time."""
        found = self._results.buckets(
            required(request.job_id, "job_id"),
            _asked(request, score=request.anomaly_score, descending=False),
            self._caller,
            timestamp=request.timestamp if request.HasField("timestamp") else None,
            expand=request.expand,
        )
        return respond(found, pb.GetBucketsResponse)

    def GetRecords(  # noqa: N802
        self, request: pb.GetRecordsRequest, context: Context
    ) -> pb.GetRecordsResponse:
        """List the records of a job."""
        job_id = required(request.job_id, "job_id")
        asked = _asked(request, score=request.record_score)
        return respond(self._results.records(job_id, asked, self._caller), pb.GetRecordsResponse)

    def GetOverallBuckets(  # noqa: N802
        self, request: pb.GetOverallBucketsRequest, context: Context
    ) -> pb.GetOverallBucketsResponse:
        """Sum the buckets of jobs up."""
        asked = OverallRequest(
            results=_times(request, score=request.overall_score),
            top_n=request.top_n if request.HasField("top_n") else 1,
            bucket_span=request.bucket_span if request.HasField("bucket_span") else None,
        )
        job_id = required(request.job_id, "job_id")
        found = self._results.overall_buckets(job_id, asked, self._caller)
        return respond(found, pb.GetOverallBucketsResponse)


def _asked(request: Paged, *, score: float, descending: bool = True) -> ResultsRequest:
    """Return which results are meant. Raises: IllegalArgument for a negative page."""
    return replace(
        _times(request, score=score),
        sort=request.sort if request.HasField("sort") else None,
        descending=request.desc if request.HasField("desc") else descending,
        offset=request.page.offset,
        size=request.page.size if request.page.HasField("size") else DEFAULT_SIZE,
    )


def _times(request: Paged | pb.GetOverallBucketsRequest, *, score: float) -> ResultsRequest:
    return ResultsRequest(
        start=request.start if request.HasField("start") else None,
        end=request.end if request.HasField("end") else None,
        exclude_interim=request.exclude_interim,
        score=score,
    )
