"""Lengths of time as requests write them."""

from __future__ import annotations

import re
from enum import Enum

from anomalyd.errors import ParsingError

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LENGTH = re.compile(r"(\d{1,15})\s*(ms|[smhd])")
_MILLISECONDS_MAX = 2**53
"""Beyond this no date is that far from another."""


class CalendarUnit(Enum):
    """A unit whose length the calendar decides."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_CALENDAR = {unit.value: unit for unit in CalendarUnit} | {
    "1s": CalendarUnit.SECOND,
    "1m": CalendarUnit.MINUTE,
    "1h": CalendarUnit.HOUR,
    "1d": CalendarUnit.DAY,
    "1w": CalendarUnit.WEEK,
    "1M": CalendarUnit.MONTH,
    "1q": CalendarUnit.QUARTER,
    "1y": CalendarUnit.YEAR,
}


def calendar_unit(text: str) -> CalendarUnit:
    """The unit that ``month`` or ``1M`` means.

    Raises:
        ParsingError: it is none; only one unit at a time is possible.
    """
    unit = _CALENDAR.get(text)
    if unit is None:
        raise ParsingError(
            f"The supplied interval [{text[:64]}] could not be parsed as a calendar interval."
        )
    return unit


def is_calendar_unit(text: str) -> bool:
    """Whether the text names a calendar unit."""
    return text in _CALENDAR


def milliseconds(text: str, setting: str) -> int:
    """The length of ``30m`` in milliseconds; units are ms, s, m, h and d.

    Args:
        text: a whole number and a unit.
        setting: name of the field, for the message.

    Raises:
        ParsingError: it is no such length.
    """
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        raise ParsingError(
            f"failed to parse setting [{setting}] with value [{text[:64]}] as a time value: unit "
            "is missing or unrecognized"
        )
    length = int(match[1]) * _UNITS[match[2]]
    if length > _MILLISECONDS_MAX:
        raise ParsingError(f"[{setting}] with value [{text[:64]}] is out of range")
    return length


def signed_milliseconds(text: str, setting: str) -> int:
    """As ``milliseconds``, with an optional sign in front.

    Raises:
        ParsingError: it is no such length.
    """
    if text[:1] in ("+", "-"):
        length = milliseconds(text[1:], setting)
        return -length if text[0] == "-" else length
    return milliseconds(text, setting)
