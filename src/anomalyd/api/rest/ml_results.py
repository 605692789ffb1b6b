"""REST routes of buckets, records and overall buckets (reference §6)."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.api.rest.ml_request import ResultKind, parse_results
from anomalyd.auth.identity import Identity
from anomalyd.auth.policy import Action
from anomalyd.service.ml_results import MlResultService, OverallRequest

RECORDS = ResultKind(action=Action.GET_RECORDS.value, score="record_score")
BUCKETS = ResultKind(
    action=Action.GET_BUCKETS.value,
    score="anomaly_score",
    descending=False,
    flags=("expand",),
    more=("timestamp",),
)
OVERALL_BUCKETS = ResultKind(
    action=Action.GET_OVERALL_BUCKETS.value,
    score="overall_score",
    flags=("allow_no_match", "allow_no_jobs"),
    more=("bucket_span", "top_n"),
)


class MlResultRoutes:
    """Answers the routes of buckets and records with the use cases."""

    def __init__(self, results: MlResultService, caller: Identity) -> None:
        self._results = results
        self._caller = caller

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        # the parameters depend on whether there is a body
        return {
            "GetBuckets": Operation(handle=self.buckets, parameters=None),
            "GetRecords": Operation(handle=self.records, parameters=None),
            "GetOverallBuckets": Operation(handle=self.overall_buckets, parameters=None),
        }

    def buckets(self, call: Call) -> Answer:
        """List the buckets of a job, or the one of a time."""
        asked = parse_results(call, BUCKETS)
        found = self._results.buckets(
            call.variables["job_id"],
            asked.results,
            self._caller,
            timestamp=call.variables.get("timestamp", asked.more.get("timestamp")),
            expand=asked.flags["expand"],
            human=call.flag("human"),
        )
        return Answer(document=found)

    def records(self, call: Call) -> Answer:
        """List the records of a job."""
        asked = parse_results(call, RECORDS)
        found = self._results.records(
            call.variables["job_id"], asked.results, self._caller, human=call.flag("human")
        )
        return Answer(document=found)

    def overall_buckets(self, call: Call) -> Answer:
        """Sum the buckets of jobs up."""
        asked = parse_results(call, OVERALL_BUCKETS)
        request = OverallRequest(
            results=asked.results,
            top_n=asked.whole_number("top_n", default=1),
            bucket_span=asked.more.get("bucket_span"),
        )
        found = self._results.overall_buckets(call.variables["job_id"], request, self._caller)
        return Answer(document=found)
