"""``anomalyd.v1.StatsService``."""

from __future__ import annotations

from anomalyd.api.typed import later
from anomalyd.v1.stats_service_pb2_grpc import StatsServiceServicer


class StatsServicer(StatsServiceServicer):
    """Will tell figures about the service."""

    GetStats = later("reading figures")
