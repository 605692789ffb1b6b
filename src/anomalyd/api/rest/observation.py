"""REST routes for those who watch the service itself: figures and health."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.metrics import CONTENT_TYPE, Metrics


class ObservationRoutes:
    """Answers the routes of figures and health.

    Args:
        metrics: the figures.
        serving: whether the service takes requests, as gRPC's health says.
    """

    def __init__(self, metrics: Metrics, *, serving: Callable[[], bool]) -> None:
        self._metrics = metrics
        self._serving = serving

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {
            # scrapers may send parameters of their own
            "GetMetrics": Operation(handle=self.figures, parameters=None),
            "GetHealth": Operation(handle=self.health, parameters=None),
        }

    def figures(self, call: Call) -> Answer:
        """Return all figures in Prometheus' text format."""
        del call
        return Answer(content=self._metrics.render(), content_type=CONTENT_TYPE)

    def health(self, call: Call) -> Answer:
        """Say whether the service takes requests."""
        del call
        serving = self._serving()
        status = "SERVING" if serving else "NOT_SERVING"
        return Answer(document={"status": status}, status=200 if serving else 503)
