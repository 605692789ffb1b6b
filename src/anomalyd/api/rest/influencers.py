"""REST route of influencers (``elastic-get-influencers-api``; reference §1)."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.api.rest.json_body import decode_object
from anomalyd.api.rest.ml_request import ResultKind, check_names, parse_results
from anomalyd.auth.identity import Identity
from anomalyd.auth.policy import Action
from anomalyd.errors import BodyInvalid
from anomalyd.model.reading import flag
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
        return {
            "GetInfluencers": Operation(handle=self.get, parameters=None),
            "FlushJob": Operation(handle=self.flush, parameters=None),
        }

    def flush(self, call: Call) -> Answer:
        """Judge the windows of a job that are not complete yet."""
        if call.body.strip():
            check_names(call, ())
            body = decode_object(call.body)
            unknown = sorted(set(body) - {"job_id", "calc_interim"})
            if unknown:
                raise BodyInvalid(
                    f"[1:1] [{Action.FLUSH_JOB.value}] unknown field [{unknown[0]}]",
                    field=unknown[0],
                )
            calc_interim = flag(body.get("calc_interim", False), "calc_interim")
        else:
            calc_interim = call.flag("calc_interim")
            check_names(call, ("calc_interim",))
        answer = self._influencers.flush(
            call.variables["job_id"], self._caller, calc_interim=calc_interim
        )
        return Answer(document=answer)

    def get(self, call: Call) -> Answer:
        """List the influencers of a job."""
        asked = parse_results(call, KIND)
        found = self._influencers.get(
            call.variables["job_id"], asked.results, self._caller, human=call.flag("human")
        )
        return Answer(document=found)
