"""REST routes of previews."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.auth.identity import Identity
from anomalyd.service.preview import PreviewService


class PreviewRoutes:
    """Answers the routes of previews with the use case."""

    def __init__(self, previews: PreviewService, caller: Identity) -> None:
        self._previews = previews
        self._caller = caller

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {"PreviewDetector": Operation(handle=self.preview)}

    def preview(self, call: Call) -> Answer:
        """Score a range with a stored or an inline detector; nothing is stored."""
        document = self._previews.preview(
            call.required_json(),
            caller=self._caller,
            detector_id=call.variables.get("detector_id"),
        )
        return Answer(document=document)
