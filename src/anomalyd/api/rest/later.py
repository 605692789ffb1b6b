"""Documented routes that later work brings: they answer 501, and one list names them."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.errors import NotImplementedYet

LATER: Mapping[str, str] = {
    "GetInfluencers": "listing influencers",
}
"""Operation to what it will do. Real time, in StartDetector and StopDetector, is later work too."""


def operations() -> Mapping[str, Operation]:
    """Return the operations by their names in ``rest.proto``."""
    return {name: _later(what) for name, what in LATER.items()}


def _later(what: str) -> Operation:
    def refuse(call: Call) -> Answer:
        del call
        raise NotImplementedYet(f"{what} is part of a later version")

    return Operation(handle=refuse, parameters=None)
