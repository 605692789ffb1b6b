"""REST routes of tasks and results."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api.rest.call import SEARCH_PARAMETERS, Answer, Call, Operation
from anomalyd.service.results import ResultService
from anomalyd.service.tasks import TaskService

ONLY_CUSTOM = "only_query_custom_result_index"


class TaskRoutes:
    """Answers the routes of tasks with the use cases."""

    def __init__(self, tasks: TaskService) -> None:
        self._tasks = tasks

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {"SearchTasks": Operation(handle=self.search, parameters=SEARCH_PARAMETERS)}

    def search(self, call: Call) -> Answer:
        """Search tasks."""
        return Answer(document=self._tasks.search(call.search_json()))


class ResultRoutes:
    """Answers the routes of results with the use cases."""

    def __init__(self, results: ResultService) -> None:
        self._results = results

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {
            "SearchResults": Operation(
                handle=self.search, parameters=SEARCH_PARAMETERS | {ONLY_CUSTOM}
            ),
            "DeleteResults": Operation(handle=self.delete, parameters=SEARCH_PARAMETERS),
            "GetTopAnomalies": Operation(
                handle=self.top_anomalies, parameters=frozenset({"historical"})
            ),
        }

    def search(self, call: Call) -> Answer:
        """Search results of the default indices, of a custom one, or both."""
        found = self._results.search(
            call.search_json(),
            custom_index=call.variables.get("result_index"),
            only_custom=call.flag(ONLY_CUSTOM),
            encoded=call.compact,
        )
        return Answer(document=found)

    def delete(self, call: Call) -> Answer:
        """Delete results of the default indices; custom ones are never touched."""
        return Answer(document=self._results.delete(call.search_json()))

    def top_anomalies(self, call: Call) -> Answer:
        """Rank the entities of a detector by their anomalies."""
        buckets = self._results.top_anomalies(
            call.variables["detector_id"], call.json(), historical=call.flag("historical")
        )
        return Answer(document={"buckets": buckets})
