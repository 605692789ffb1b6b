"""A running service as the place that files are imported into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anomalyd.api.convert import to_document
from anomalyd.client.client import Client
from anomalyd.errors import IllegalArgument
from anomalyd.source.importing import ImportTarget

UNDESCRIBED = "refused like those before it"
TIMEOUT = 600.0
"""Seconds that one batch may take."""


class ServiceTarget(ImportTarget):
    """Sends batches over gRPC.

    Args:
        client: where to.
    """

    def __init__(self, client: Client) -> None:
        self._indices = client.indices

    def require_time_field(self, index: str, field: str, format: str) -> None:
        """Make sure that the index exists and that the field is a date there.

        Raises: IllegalArgument when the index is there and the field is no date in it.
        """
        known = self._indices.mapping().indices
        if index not in known:
            definition = {"type": "date", "format": format}
            self._indices.create(index, mappings={"properties": _nested(field, definition)})
            return
        kind = _type_of(to_document(known[index])["mappings"], field)
        if kind != "date":
            what = "not mapped" if kind is None else f"mapped as {kind}"
            raise IllegalArgument(
                f"the time field [{field}] is {what} in index [{index}]: map it as date first, or "
                "import into another index",
                field="time_field",
            )

    def append(
        self, index: str, documents: Sequence[dict[str, Any]], texts: Sequence[str]
    ) -> Mapping[int, str]:
        """Add documents under new ids; returns why some were not, by position.

        The service describes the first thousand failures. Of any others only their number is
        known, so that many positions after the last described one stand for them.
        """
        lines = "\n".join(texts).encode()
        answer = self._indices.append_lines(index, lines, timeout=TIMEOUT)
        reasons = {each.position: each.error.reason for each in answer.failures}
        next_position = max(reasons, default=-1) + 1
        others = range(next_position, next_position + answer.failed - len(reasons))
        return reasons | dict.fromkeys(others, UNDESCRIBED)


def _nested(path: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that define a dotted path."""
    first, _, rest = path.partition(".")
    if not rest:
        return {first: dict(definition)}
    return {first: {"properties": _nested(rest, definition)}}


def _type_of(mappings: Mapping[str, Any], path: str) -> str | None:
    """Return the type of a dotted path in a mapping, or None."""
    found: Mapping[str, Any] = mappings
    for part in path.split("."):
        found = found.get("properties", {}).get(part, {})
    return found.get("type")
