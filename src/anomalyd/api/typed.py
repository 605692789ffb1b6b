"""What the typed servicers share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from google.protobuf.message import Message

from anomalyd.api.convert import to_message
from anomalyd.errors import CorruptState, IllegalArgument, NotImplementedYet

M = TypeVar("M", bound=Message)
log = logging.getLogger(__name__)


def respond(document: Mapping[str, Any], message_type: type[M]) -> M:
    """Return a use case's answer as a message. Raises: CorruptState when it does not fit."""
    try:
        message, unknown = to_message(document, message_type)
    except IllegalArgument as error:
        raise CorruptState(f"a stored document cannot be shown: {error.reason}") from error
    if unknown:
        log.debug("%s has no fields for %s", message_type.__name__, ", ".join(unknown))
    return message


def required(value: str, name: str) -> str:
    """Return a text that must be there. Raises: IllegalArgument naming the field."""
    if not value:
        raise IllegalArgument(f"[{name}] must be set", field=name)
    return value


def later(what: str) -> Callable[[Any, Message, Any], NoReturn]:
    """Return the method of an RPC that later work brings."""

    def refuse(servicer: Any, request: Message, context: Any) -> NoReturn:
        del servicer, request, context
        raise NotImplementedYet(f"{what} is part of a later version")

    return refuse
