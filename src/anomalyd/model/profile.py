"""Which parts of a profile there are (behaviour §14), and how an entity is named in a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from anomalyd.errors import InvalidRequest
from anomalyd.model import reading

Entity = Mapping[str, str]


class ProfilePart(Enum):
    """A part of a detector's profile."""

    STATE = "state"
    ERROR = "error"
    COORDINATING_NODE = "coordinating_node"
    SHINGLE_SIZE = "shingle_size"
    TOTAL_SIZE_IN_BYTES = "total_size_in_bytes"
    MODELS = "models"
    INIT_PROGRESS = "init_progress"
    TOTAL_ENTITIES = "total_entities"
    ACTIVE_ENTITIES = "active_entities"
    AD_TASK = "ad_task"
    TICKS = "ticks"


class EntityProfilePart(Enum):
    """A part of an entity's profile."""

    STATE = "state"
    INIT_PROGRESS = "init_progress"
    MODELS = "models"
    ENTITY_INFO = "entity_info"


def profile_parts(names: Sequence[str], *, all: bool) -> frozenset[ProfilePart]:
    """Return the parts that are asked for; none named = state and error, unknown ones left out.

    Raises: InvalidRequest when none of the names is known.
    """
    if all:
        # The ticks are ours; the documented answer to all parts has none.
        return frozenset(ProfilePart) - {ProfilePart.TICKS}
    if not names:
        return frozenset((ProfilePart.STATE, ProfilePart.ERROR))
    known = {part.value for part in ProfilePart}
    return frozenset(ProfilePart(name) for name in _some(names, known))


def entity_profile_parts(names: Sequence[str], *, all: bool) -> frozenset[EntityProfilePart]:
    """Return the parts that are asked for; none named = the state, unknown ones left out.

    Raises: InvalidRequest when none of the names is known.
    """
    if all:
        return frozenset(EntityProfilePart)
    if not names:
        return frozenset((EntityProfilePart.STATE,))
    known = {part.value for part in EntityProfilePart}
    return frozenset(EntityProfilePart(name) for name in _some(names, known))


def _some(names: Sequence[str], known: set[str]) -> list[str]:
    found = [name for name in names if name in known]
    if not found:
        raise InvalidRequest("profiles to collect are missing or invalid", field="type")
    return found


def read_entity(parts: object) -> Entity | None:
    """Read the ``entity`` of a request's body: field → value; None without one.

    Raises: ParsingError, IllegalArgument for a wrong type.
    """
    if parts is None:
        return None
    return {_text(part, "name"): _text(part, "value") for part in reading.mappings(parts, "entity")}


def _text(part: Mapping[str, Any], key: str) -> str:
    return reading.text(part.get(key), f"entity.{key}")


def check_entity(entity: Entity, category_fields: Sequence[str]) -> tuple[str, ...]:
    """Return an entity's values in the order of a detector's category fields.

    Raises: InvalidRequest with the messages of a real node.
    """
    if not category_fields:
        raise InvalidRequest("This is not a high cardinality detector", field="entity")
    if len(entity) != len(category_fields):
        raise InvalidRequest("Empty entity attributes", field="entity")
    for field in category_fields:
        if field not in entity:
            raise InvalidRequest(f"Cannot find {field}", field="entity")
    return tuple(entity[field] for field in category_fields)
