"""JSON as documentation writes it: ``...`` for what is left out, triple quotes around strings."""

from __future__ import annotations

import json
import re
from typing import Any

# An ellipsis stands for further elements: it goes, with the comma beside it.
_ELLIPSIS = re.compile(r",?\s*\.\.\.\s*(?=[\]}])")
_TRIPLE = re.compile(r'"""(.*?)"""', re.DOTALL)


def read(text: str) -> Any:
    """Parse a block of documentation. Raises: ValueError (JSONDecodeError) with the place."""
    quoted = _TRIPLE.sub(lambda found: json.dumps(found.group(1)), text)
    return json.loads(_ELLIPSIS.sub("", quoted))


def end_of_object(text: str, start: int) -> int:
    """Return the position after the object that opens at ``start``.

    Raises: ValueError when it never closes.
    """
    depth = 0
    inside = False
    position = start
    while position < len(text):
        character = text[position]
        if inside:
            if character == "\\":
                position += 1
            elif character == '"':
                inside = False
        elif text.startswith('"""', position):
            position = text.index('"""', position + 3) + 2
        elif character == '"':
            inside = True
        elif character in "{[":
            depth += 1
        elif character in "]}":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    raise ValueError(f"an object that opens at {start} does not close")
