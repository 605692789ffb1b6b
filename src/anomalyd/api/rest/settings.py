"""REST routes of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.service.settings import SettingsService

# Changes are made at once, so the time-outs make no difference.
_PARAMETERS = frozenset({"flat_settings", "timeout", "master_timeout", "cluster_manager_timeout"})


class SettingsRoutes:
    """Answers the routes of settings with the use cases."""

    def __init__(self, settings: SettingsService) -> None:
        self._settings = settings

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {
            "GetSettings": Operation(
                handle=self.read, parameters=_PARAMETERS | {"include_defaults"}
            ),
            "ChangeSettings": Operation(handle=self.change, parameters=_PARAMETERS),
        }

    def read(self, call: Call) -> Answer:
        """Return the settings that were changed; ``include_defaults`` adds the others."""
        return _answer(call, self._settings.read(defaults=call.flag("include_defaults")))

    def change(self, call: Call) -> Answer:
        """Change settings; null takes a change back."""
        return _answer(call, self._settings.change(call.json()))


def _answer(call: Call, document: Mapping[str, Any]) -> Answer:
    if call.flag("flat_settings"):
        return Answer(document=document)
    return Answer(
        document={
            key: _nested(value) if isinstance(value, Mapping) else value
            for key, value in document.items()
        }
    )


def _nested(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return names with dots as nested objects, as Elasticsearch shows them."""
    tree: dict[str, Any] = {}
    for name, value in settings.items():
        *above, last = name.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = value
    return tree
