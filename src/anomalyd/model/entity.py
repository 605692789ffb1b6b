"""Entities: the combinations of category values that a high-cardinality detector splits by."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from anomalyd.model.murmur import murmur3_x64_128

MODEL_ID_SEED = 42
LONGEST_PLAIN_VALUE = 256


def entity_document(category_fields: Sequence[str], values: Sequence[str]) -> list[dict[str, str]]:
    """Render an entity as tasks and results show it: name and value per category field."""
    return [
        {"name": name, "value": value} for name, value in zip(category_fields, values, strict=True)
    ]


def entity_values(
    category_fields: Sequence[str], document: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return an entity document's values in the order of the detector's category fields."""
    by_name = {part["name"]: part["value"] for part in document}
    return tuple(by_name[name] for name in category_fields)


def model_id(detector_id: str, category_fields: Sequence[str], values: Sequence[str]) -> str:
    """Name the model of an entity, or of a detector's only series (behaviour §6).

    - no category field: ``<id>_model_rcf_0``;
    - one: ``<id>_entity_<value>``;
    - several: ``<id>_entity_`` and the base64url form, without padding, of the 128-bit murmur hash
      (seed 42) of the ``name=value`` pairs, sorted by name and joined by commas.

    The reference skips entities whose value has more than 256 characters; here they get the hashed
    form, so that none is silent and the id stays short.
    """
    if not category_fields:
        return f"{detector_id}_model_rcf_0"
    if len(category_fields) == 1 and len(values[0]) <= LONGEST_PLAIN_VALUE:
        return f"{detector_id}_entity_{values[0]}"
    pairs = sorted(zip(category_fields, values, strict=True))
    text = ",".join(f"{name}={value}" for name, value in pairs)
    halves = murmur3_x64_128(text.encode(), MODEL_ID_SEED)
    digest = b"".join(half.to_bytes(8, "big") for half in halves)
    return f"{detector_id}_entity_{base64.urlsafe_b64encode(digest).rstrip(b'=').decode('ascii')}"
