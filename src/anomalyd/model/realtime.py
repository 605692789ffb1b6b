"""Where a running detector stands: what a restart needs to go on as if nothing had happened.

The document is written in the same transaction as the results of a tick, so that it always says
exactly which windows have theirs. It is deleted when the detector is stopped.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomalyd.errors import CorruptState
from anomalyd.model.detector import Detector

Document = dict[str, Any]

ID_PREFIX = "realtime-"
"""Of the documents' ids; the detector's id follows."""


@dataclass(frozen=True, kw_only=True)
class RealtimeState:
    """The document as a value; ``dataclasses.replace`` makes its next state.

    Attributes:
        first_window: start of the first window of real time, epoch ms.
        position: end of the last window that has its results, epoch ms; ``first_window`` at first.
        fingerprint: of the definition that the models were trained with.
        owner: node that works on the detector.
        lease_expires: until when nobody else may, epoch ms.
        caught_up: windows that were worked on late, because the service or source was away.
        dropped: windows that were given up, because there were too many.
        failures: failed ticks in a row.
        noted: whether windows from the position on have results that tell of a failure.
        timestamp: when the document was written, epoch ms.
        marks: how far the source's indices were written when the last windows were read; what is
            written later for windows before the position came late. None = nobody looked.
    """

    detector_id: str
    first_window: int
    position: int
    fingerprint: str
    owner: str
    lease_expires: int
    timestamp: int
    caught_up: int = 0
    dropped: int = 0
    failures: int = 0
    noted: bool = False
    marks: Mapping[str, int] | None = None

    @property
    def id(self) -> str:
        """The document's id."""
        return state_id(self.detector_id)

    def held_by_other(self, owner: str, now: int) -> bool:
        """Tell whether another node works on the detector."""
        return self.owner != owner and now < self.lease_expires

    def render(self) -> Document:
        """Return the document form."""
        return {"kind": "realtime", **dataclasses.asdict(self)}

    @staticmethod
    def restore(document: Mapping[str, Any]) -> RealtimeState:
        """Read a document that ``render`` made.

        Raises: CorruptState when it is none.
        """
        known = {field.name for field in dataclasses.fields(RealtimeState)}
        try:
            return RealtimeState(**{key: value for key, value in document.items() if key in known})
        except TypeError as problem:
            raise CorruptState(f"a stored state cannot be read: {problem!r}") from problem


def state_id(detector_id: str) -> str:
    """Return the id of a detector's document."""
    return f"{ID_PREFIX}{detector_id}"


def fingerprint(detector: Detector) -> str:
    """Return a checksum of everything in a definition that its models depend on: 16 hex digits.

    A model that was trained with another definition must never be gone on with. Names, delays and
    custom result indices may change without making models stale.
    """
    relevant = {
        "time_field": detector.time_field,
        "indices": sorted(detector.indices),
        "filter_query": detector.filter_query,
        "interval": detector.detection_interval.milliseconds,
        "shingle_size": detector.shingle_size,
        "categories": detector.categories,
        "options": {
            key: value
            for key, value in detector.options.render().items()
            # these change what is said of a model, not the model
            if key not in ("rules", "influencers")
        },
        "features": [
            [feature.id, feature.aggregation_query] for feature in detector.enabled_features
        ],
    }
    text = json.dumps(relevant, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
