"""``anomalyd.v1.StatsService``."""

from __future__ import annotations

import grpc

from anomalyd.api.typed import respond
from anomalyd.service.stats import StatsService
from anomalyd.v1 import stats_service_pb2 as pb
from anomalyd.v1.stats_service_pb2_grpc import StatsServiceServicer


class StatsServicer(StatsServiceServicer):
    """Checks, converts, calls the use case, converts back."""

    def __init__(self, stats: StatsService) -> None:
        self._stats = stats

    def GetStats(  # noqa: N802 - RPC names are as in the proto
        self, request: pb.GetStatsRequest, context: grpc.ServicerContext
    ) -> pb.GetStatsResponse:
        """Read figures of the service and of its nodes."""
        found = self._stats.read(request.stats, request.node_ids, request="GetStats")
        return respond(found, pb.GetStatsResponse)
