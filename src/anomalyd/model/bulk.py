"""What became of the documents of a bulk request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class BulkItem:
    """What became of one document of a bulk request, as Elasticsearch reports it.

    Attributes:
        action: ``index``, ``create``, ``update`` or ``delete``.
        status: HTTP status of this item: 200 or 201, or the error's.
        result: ``created``, ``updated``, ``deleted``, ``not_found`` or ``noop``; empty on an error.
        error: ``{"type", "reason"}`` as Elasticsearch gives it, or None.
    """

    action: str
    index: str
    id: str
    status: int
    result: str = ""
    version: int = 0
    seq_no: int = 0
    error: Mapping[str, object] | None = None


@dataclass(frozen=True)
class BulkResult:
    """Outcome of a bulk request, one item per action, in the request's order."""

    items: tuple[BulkItem, ...]

    @property
    def errors(self) -> bool:
        """Whether any item failed."""
        return any(item.error is not None for item in self.items)
