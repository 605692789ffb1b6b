"""REST routes of figures."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.service.stats import StatsService


class StatsRoutes:
    """Answers the routes of figures with the use case."""

    def __init__(self, stats: StatsService) -> None:
        self._stats = stats

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {"GetStats": Operation(handle=self.read)}

    def read(self, call: Call) -> Answer:
        """Return figures of the service and of nodes; names are separated by commas."""
        document = self._stats.read(
            _names(call.variables.get("stat", "")),
            _names(call.variables.get("node_id", "")),
            request=call.path,
        )
        return Answer(document=document)


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
