"""REST route of influencers (``elastic-get-influencers-api``; reference §1)."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.api.rest.ml_request import ResultKind, parse_results
from anomalyd.auth.identity import Identity
from anomalyd.auth.policy import Action
from anomalyd.service.influencers import InfluencerService

KIND = ResultKind(action=Action.GET_INFLUENCERS.value, score="influencer_score")


class InfluencerRoutes:
    """Answers the route of influencers with the use case."""

    def __init__(self, influencers: InfluencerService, caller: Identity) -> None:
        self._influencers = influencers
        self._caller = caller

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        # the parameters depend on whether there is a body
        return {"GetInfluencers": Operation(handle=self.get, parameters=None)}

    def get(self, call: Call) -> Answer:
        """List the influencers of a job."""
        asked = parse_results(call, KIND)
        found = self._influencers.get(
            call.variables["job_id"], asked.results, self._caller, human=call.flag("human")
        )
        return Answer(document=found)
