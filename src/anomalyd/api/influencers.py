"""``anomalyd.v1.InfluencerService``."""

from __future__ import annotations

import grpc

from anomalyd.api.typed import required, respond
from anomalyd.auth.identity import Identity
from anomalyd.model.influencer import DEFAULT_SIZE, ResultsRequest
from anomalyd.service.influencers import InfluencerService
from anomalyd.v1 import influencer_service_pb2 as pb
from anomalyd.v1.influencer_service_pb2_grpc import InfluencerServiceServicer

Context = grpc.ServicerContext


class InfluencerServicer(InfluencerServiceServicer):
    """Checks, converts, calls the use case, converts back."""

    def __init__(self, influencers: InfluencerService, caller: Identity) -> None:
        self._influencers = influencers
        self._caller = caller

    def GetInfluencers(  # noqa: N802 - RPC names are as in the proto
        self, request: pb.GetInfluencersRequest, context: Context
    ) -> pb.GetInfluencersResponse:
        """List the influencers of a job."""
        job_id = required(request.job_id, "job_id")
        found = self._influencers.get(job_id, _asked(request), self._caller)
        return respond(found, pb.GetInfluencersResponse)


def _asked(request: pb.GetInfluencersRequest) -> ResultsRequest:
    """Return which influencers are meant. Raises: IllegalArgument for a negative page."""
    return ResultsRequest(
        start=request.start if request.HasField("start") else None,
        end=request.end if request.HasField("end") else None,
        exclude_interim=request.exclude_interim,
        score=request.influencer_score,
        sort=request.sort if request.HasField("sort") else None,
        descending=request.desc if request.HasField("desc") else True,
        offset=request.page.offset,
        size=request.page.size if request.page.HasField("size") else DEFAULT_SIZE,
    )
