"""What is wrong with one document of a batch, as Elasticsearch tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomalyd.errors import (
    AnomalydError,
    IllegalArgument,
    MappingConflict,
    NotFound,
    VersionConflict,
)


@dataclass(frozen=True)
class ItemError:
    """Why one document was not written; the others of its batch are not affected.

    Attributes:
        type: Elasticsearch's name for the kind of error.
        reason: one sentence for the caller.
        caused_by: the error below it, or None.
        status: HTTP status of the item.
    """

    type: str
    reason: str
    caused_by: ItemError | None = None
    status: int = 400

    def to_json(self) -> dict[str, object]:
        """Return the ``error`` object of a bulk item."""
        body: dict[str, object] = {"type": self.type, "reason": self.reason}
        if self.caused_by is not None:
            body["caused_by"] = self.caused_by.to_json()
        return body

    @staticmethod
    def of_item(error: Mapping[str, Any], status: int) -> ItemError:
        """Return the error that an item's ``error`` object and status show."""
        caused_by = error.get("caused_by")
        below = None if caused_by is None else ItemError.of_item(caused_by, status)
        return ItemError(str(error["type"]), str(error["reason"]), below, status)

    def exception(self) -> AnomalydError:
        """Return the exception that a call for one document raises."""
        if self.status == 409:
            return VersionConflict(self.reason)
        if self.type == "mapper_parsing_exception":
            caused_by = {} if self.caused_by is None else {"caused_by": self.caused_by.to_json()}
            return MappingConflict(self.reason, details=caused_by)
        if self.status == 404:
            return NotFound(self.reason)
        return IllegalArgument(self.reason)


def parse_failure(caused_by: ItemError) -> ItemError:
    """Return the error of a document that is wrong as a whole."""
    return ItemError("mapper_parsing_exception", "failed to parse", caused_by)


def field_failure(
    path: str, type_name: str, id: str, value: object, caused_by: ItemError
) -> ItemError:
    """Return the error of a value that does not fit its field."""
    reason = (
        f"failed to parse field [{path}] of type [{type_name}] in document with id '{id}'. "
        f"Preview of field's value: '{preview(value)}'"
    )
    return ItemError("mapper_parsing_exception", reason, caused_by)


def preview(value: object) -> str:
    """Return a value the way that Java prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={preview(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(preview, value)) + "]"
    return str(value)
