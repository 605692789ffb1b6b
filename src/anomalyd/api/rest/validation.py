"""REST routes of validation."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api import documents
from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.auth.identity import Identity
from anomalyd.service.validation import ValidationService
from anomalyd.service.validation_issue import ValidationAspect


class ValidationRoutes:
    """Answers the routes of validation with the use case."""

    def __init__(self, validation: ValidationService, caller: Identity) -> None:
        self._validation = validation
        self._caller = caller

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {"ValidateDetector": Operation(handle=self.validate)}

    def validate(self, call: Call) -> Answer:
        """Tell the first issue under its field; an empty object when there is none."""
        aspect = ValidationAspect.parse(call.variables.get("type", ValidationAspect.DETECTOR.value))
        issue = self._validation.validate(call.required_json(), aspect, caller=self._caller)
        return Answer(document=documents.validated(issue))
