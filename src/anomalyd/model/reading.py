"""JSON values read as leniently as Elasticsearch reads them, and refused in its words.

Numbers may arrive as strings, a fraction loses its part behind the point, a name may be a number:
clients of the documented API rely on it (seen in recorded requests). What cannot be read raises
``IllegalArgument`` or ``ParsingError`` before any rule of the field itself is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from anomalyd.errors import IllegalArgument, NumberFormatInvalid, ParsingError

INT_LIMIT = 2**31
LONG_LIMIT = 2**63


def token(value: object) -> str:
    """Name the JSON token that a value starts with, as Elasticsearch's messages do."""
    match value:
        case None:
            return "VALUE_NULL"
        case bool():
            return "VALUE_BOOLEAN"
        case int() | float():
            return "VALUE_NUMBER"
        case str():
            return "VALUE_STRING"
        case Mapping():
            return "START_OBJECT"
        case _:
            return "START_ARRAY"


def text(value: object, field: str) -> str:
    """Return a text; a number or a boolean becomes its JSON form.

    Raises: IllegalArgument for an object, an array or null.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            raise IllegalArgument(
                f"Can't get text on a {token(value)}: [{field}] must be a string", field=field
            )


def optional_text(value: object, field: str) -> str | None:
    """Return a text, or None for null. Raises: IllegalArgument as ``text``."""
    return None if value is None else text(value, field)


def whole_number(value: object, field: str, *, limit: int = INT_LIMIT) -> int:
    """Return a whole number in ``[-limit, limit)``; a numeric text counts, a fraction is cut off.

    Raises: IllegalArgument for anything else.
    """
    match value:
        case bool() | None | Mapping() | list() | tuple():
            raise IllegalArgument(
                f"Current token ({token(value)}) not numeric: [{field}] must be an integer",
                field=field,
            )
        case str():
            number = _number(value, field)
        case int() | float():
            number = value
        case _:
            raise IllegalArgument(f"[{field}] must be an integer", field=field)
    if (isinstance(number, float) and not math.isfinite(number)) or not -limit <= number < limit:
        kind = "an integer" if limit == INT_LIMIT else "a long"
        raise IllegalArgument(f"Value [{value}] is out of range for {kind}", field=field)
    return int(number)


def _number(value: str, field: str) -> int | float:
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        raise NumberFormatInvalid(f'For input string: "{value}"', field=field) from None


def flag(value: object, field: str) -> bool:
    """Return a boolean, also from ``"true"`` and ``"false"``. Raises: IllegalArgument."""
    match value:
        case bool():
            return value
        case "true":
            return True
        case "false":
            return False
        case str():
            raise IllegalArgument(
                f"Failed to parse value [{value}] as only [true] or [false] are allowed.",
                field=field,
            )
        case _:
            raise IllegalArgument(
                f"Current token ({token(value)}) not of boolean type: [{field}]", field=field
            )


def texts(value: object, field: str) -> tuple[str, ...]:
    """Return a list of texts. Raises: ParsingError when it is no list, IllegalArgument inside."""
    if not isinstance(value, list | tuple):
        raise ParsingError(
            f"Failed to parse list:  expecting START_ARRAY but got {token(value)}", field=field
        )
    return tuple(text(item, field) for item in value)


def mapping(value: object, field: str) -> Mapping[str, Any]:
    """Return an object. Raises: ParsingError for anything else."""
    if not isinstance(value, Mapping):
        raise ParsingError(
            f"Failed to parse object: expecting token of type [START_OBJECT] but found "
            f"[{token(value)}]",
            field=field,
        )
    return value


def mappings(value: object, field: str) -> tuple[Mapping[str, Any], ...]:
    """Return a list of objects. Raises: ParsingError for anything else."""
    if not isinstance(value, list | tuple):
        raise ParsingError(
            f"Failed to parse object: expecting token of type [START_ARRAY] but found "
            f"[{token(value)}]",
            field=field,
        )
    return tuple(mapping(item, field) for item in value)
