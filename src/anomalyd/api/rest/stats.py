"""REST routes of figures, and of the number and names of detectors."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.errors import IllegalArgument
from anomalyd.service.stats import StatsService


class StatsRoutes:
    """Answers the routes of figures with the use case."""

    def __init__(self, stats: StatsService) -> None:
        self._stats = stats

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {
            "GetStats": Operation(handle=self.read),
            "CountDetectors": Operation(handle=self.count),
            "MatchDetector": Operation(handle=self.match, parameters=frozenset({"name"})),
        }

    def read(self, call: Call) -> Answer:
        """Return figures of the service and of nodes; names are separated by commas."""
        document = self._stats.read(
            _names(call.variables.get("stat", "")),
            _names(call.variables.get("node_id", "")),
            request=call.path,
        )
        return Answer(document=document)

    def count(self, call: Call) -> Answer:
        """Count the detectors."""
        del call
        return Answer(document=self._stats.detectors())

    def match(self, call: Call) -> Answer:
        """Tell whether there is a detector of a name."""
        name = call.query.get("name")
        if not name:
            raise IllegalArgument("[name] must be set", field="name")
        return Answer(document=self._stats.detectors(name))


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]
