"""REST routes of suggestions, as later versions of the reference have them."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api import documents
from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.auth.identity import Identity
from anomalyd.service.suggest import SuggestedParameter, SuggestionService


class SuggestionRoutes:
    """Answers the routes of suggestions with the use case."""

    def __init__(self, suggestions: SuggestionService, caller: Identity) -> None:
        self._suggestions = suggestions
        self._caller = caller

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {"SuggestParameters": Operation(handle=self.suggest)}

    def suggest(self, call: Call) -> Answer:
        """Propose what the path names; what has no good value is left out."""
        parameters = SuggestedParameter.parse(call.variables["type"])
        found = self._suggestions.suggest(call.required_json(), parameters, caller=self._caller)
        return Answer(document=documents.suggested(found))
