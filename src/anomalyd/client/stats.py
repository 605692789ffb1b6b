"""Calls of StatsService."""

from __future__ import annotations

from collections.abc import Sequence

from anomalyd.client.connection import Connection
from anomalyd.v1 import stats_service_pb2 as pb

SERVICE = "StatsService"


class Stats:
    """Read figures of the service and of its nodes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(
        self, *stats: str, nodes: Sequence[str] = (), timeout: float | None = None
    ) -> pb.GetStatsResponse:
        """Return the named figures, or all, of the named nodes, or all.

        Raises: IllegalArgument for a figure that is not known.
        """
        request = pb.GetStatsRequest(stats=stats, node_ids=nodes)
        return self._connection.call(
            f"{SERVICE}/GetStats", request, pb.GetStatsResponse, timeout=timeout
        )
