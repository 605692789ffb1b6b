"""REST routes of profiles."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.model.profile import Entity, read_entity
from anomalyd.service.profile import ProfileService

_PARAMETERS = frozenset({"_all", "category_field", "entity"})


class ProfileRoutes:
    """Answers the routes of profiles with the use cases."""

    def __init__(self, profiles: ProfileService) -> None:
        self._profiles = profiles

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {"GetProfile": Operation(handle=self.read, parameters=_PARAMETERS)}

    def read(self, call: Call) -> Answer:
        """Profile a detector, or the entity that body or parameters name."""
        detector_id, every = call.variables["detector_id"], call.flag("_all")
        parts = [part for part in call.variables.get("type", "").split(",") if part]
        entity = _entity(call)
        if entity is None:
            return Answer(document=self._profiles.detector(detector_id, parts, all=every))
        return Answer(document=self._profiles.entity(detector_id, entity, parts, all=every))


def _entity(call: Call) -> Entity | None:
    field, value = call.query.get("category_field"), call.query.get("entity")
    if field and value:
        return {field: value}
    return read_entity((call.json() or {}).get("entity"))
