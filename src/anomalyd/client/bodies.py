"""Search bodies and detectors as callers write them: documents or messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from google.protobuf.message import Message

from anomalyd.api.convert import to_message
from anomalyd.errors import IllegalArgument
from anomalyd.v1 import common_pb2

M = TypeVar("M", bound=Message)
Body = Mapping[str, Any] | common_pb2.SearchBody | None


def as_message(value: Mapping[str, Any] | M, kind: type[M]) -> M:
    """Return the message, built from the document when it is one.

    Raises: IllegalArgument for a key that the message has no field for: a misspelt option must
        not be lost in silence.
    """
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise IllegalArgument(f"expected a document or {kind.__name__}, got {type(value).__name__}")
    message, unknown = to_message(value, kind)
    if unknown:
        raise IllegalArgument(
            f"{kind.DESCRIPTOR.name} has no field [{unknown[0]}]", field=unknown[0]
        )
    return message


def search_body(body: Body) -> common_pb2.SearchBody:
    """Return a search body; None searches everything."""
    return as_message({} if body is None else body, common_pb2.SearchBody)
