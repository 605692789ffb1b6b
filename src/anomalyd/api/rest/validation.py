"""REST routes of validation."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api import documents
from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.auth.identity import Identity
from anomalyd.service.validation import ValidationService
from anomalyd.service.validation_issue import ValidationAspect, wants_memory


class ValidationRoutes:
    """Answers the routes of validation with the use case."""

    def __init__(self, validation: ValidationService, caller: Identity) -> None:
        self._validation = validation
        self._caller = caller

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {"ValidateDetector": Operation(handle=self.validate)}

    def validate(self, call: Call) -> Answer:
        """Tell the first issue under its field; an empty object when there is none.

        With the type ``memory``, the estimate stands beside it.
        """
        types = call.variables.get("type", ValidationAspect.DETECTOR.value)
        found = self._validation.validate(
            call.required_json(),
            ValidationAspect.parse(types),
            caller=self._caller,
            memory=wants_memory(types),
        )
        return Answer(document=documents.validated(found))
