"""Where the members of a JSON object stand, because Elasticsearch's messages begin with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, kw_only=True)
class Member:
    """One member of an object.

    Attributes:
        name_at, value_at: offsets of the name and of the value in the text.
        end: offset behind the value.
    """

    name: str
    value: object
    name_at: int
    value_at: int
    end: int


def members(text: str, start: int = 0) -> Iterator[Member]:
    """Find the members of an object, in order, also those whose name comes again.

    Args:
        text: valid JSON.
        start: offset of the object in it; space before it is skipped.
    """
    at = _skip(text, _skip(text, start) + 1)
    while text[at] != "}":
        name, behind_name = _DECODER.raw_decode(text, at)
        value_at = _skip(text, _skip(text, behind_name) + 1)
        value, end = _DECODER.raw_decode(text, value_at)
        yield Member(name=name, value=value, name_at=at, value_at=value_at, end=end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def place(text: str, offset: int) -> str:
    """Return ``line:column`` of an offset, both counted from 1."""
    line = text.count("\n", 0, offset) + 1
    return f"{line}:{offset - (text.rfind(chr(10), 0, offset) + 1) + 1}"


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
