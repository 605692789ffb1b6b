"""Dates of requests as points in time: date math (``now-1d/d``), rounding, calendar arithmetic.

All times are integer milliseconds since the epoch. ``now`` is an argument: nothing here reads a
clock. Calendar units follow the wall clock of a time zone, hours and less follow elapsed time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from anomalyd.errors import ParsingError
from anomalyd.query.date_formats import DateFormat
from anomalyd.query.intervals import CalendarUnit

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock times of a zone are naive here
_MILLISECOND = timedelta(milliseconds=1)
_UNITS: Mapping[str, CalendarUnit] = {
    "y": CalendarUnit.YEAR,
    "M": CalendarUnit.MONTH,
    "w": CalendarUnit.WEEK,
    "d": CalendarUnit.DAY,
    "h": CalendarUnit.HOUR,
    "H": CalendarUnit.HOUR,
    "m": CalendarUnit.MINUTE,
    "s": CalendarUnit.SECOND,
}
_ELAPSED = {CalendarUnit.HOUR: 3_600_000, CalendarUnit.MINUTE: 60_000, CalendarUnit.SECOND: 1000}
_MONTHS = {CalendarUnit.MONTH: 1, CalendarUnit.QUARTER: 3, CalendarUnit.YEAR: 12}
_DAYS = {CalendarUnit.DAY: 1, CalendarUnit.WEEK: 7}
_STEP = re.compile(r"([+/-])(\d{0,9})([a-zA-Z])", re.ASCII)


def parse_date(
    text: str, field: str, how: DateFormat, zone: tzinfo, now_ms: int, *, round_up: bool
) -> int:
    """The point in time that a text means.

    Args:
        text: a date, ``now``, or either with date math (``now-1d/d``, ``2021-01-01||+1M``).
        field: for the message.
        how: the formats of dates.
        zone: of dates without one, and in which rounding takes place.
        now_ms: what ``now`` is.
        round_up: the last millisecond of what the text leaves open, instead of the first.

    Raises:
        ParsingError: it is no date in these formats, or out of the calendar.
    """
    try:
        if text.startswith("now"):
            return _evaluate(text[3:], now_ms, zone, round_up)
        date, separator, math = text.partition("||")
        found = how.read(date, zone, round_up=round_up and not separator)
        if found is None:
            raise ParsingError(
                f"failed to parse date field [{text[:64]}] with format [{how.text}] in [{field}]"
            )
        # a round trip makes sure that the calendar has the date
        return from_wall(to_wall(_evaluate(math, found, zone, round_up), zone), zone)
    except OverflowError:
        raise ParsingError(f"failed to parse date field [{text[:64]}]: out of range") from None


def to_wall(milliseconds: int, zone: tzinfo) -> datetime:
    """What a clock in the zone shows, as a naive datetime.

    Raises:
        OverflowError: before year 1 or after 9999.
    """
    moment = (_EPOCH + milliseconds * _MILLISECOND).replace(tzinfo=UTC)
    return moment.astimezone(zone).replace(tzinfo=None, fold=moment.astimezone(zone).fold)


def from_wall(wall: datetime, zone: tzinfo) -> int:
    """The point in time at which a clock in the zone shows this.

    A time that a change to summer time skips counts as that much later; of one that comes twice
    the ``fold`` attribute tells which.
    """
    return (wall.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None) - _EPOCH) // _MILLISECOND


def floor(milliseconds: int, unit: CalendarUnit, zone: tzinfo) -> int:
    """The start of the unit in which a point in time lies; weeks start on Monday."""
    if unit in _ELAPSED and unit is not CalendarUnit.HOUR:
        return milliseconds - milliseconds % _ELAPSED[unit]
    wall = to_wall(milliseconds, zone)
    if unit is CalendarUnit.HOUR:
        into = timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
        return milliseconds - into // _MILLISECOND
    day = wall.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit is CalendarUnit.WEEK:
        day -= timedelta(days=day.weekday())
    elif unit in _MONTHS:
        months = _MONTHS[unit]
        day = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    return from_wall(day, zone)


def add(milliseconds: int, count: int, unit: CalendarUnit, zone: tzinfo) -> int:
    """The point in time ``count`` units later; the 31st becomes the last day of the month."""
    if unit in _ELAPSED:
        return milliseconds + count * _ELAPSED[unit]
    wall = to_wall(milliseconds, zone)
    if unit in _DAYS:
        return from_wall(wall + timedelta(days=count * _DAYS[unit]), zone)
    months = wall.year * 12 + wall.month - 1 + count * _MONTHS[unit]
    year, month = divmod(months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError("date value out of range")
    return from_wall(
        wall.replace(year=year, month=month + 1, day=_day(wall.day, year, month)), zone
    )


def _day(day: int, year: int, month: int) -> int:
    """The day itself, or the last one of the month (0 to 11) if that is earlier."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return min(day, (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month])


def _evaluate(math: str, milliseconds: int, zone: tzinfo, round_up: bool) -> int:
    """Applies ``+1d``, ``-2h`` and ``/M`` from left to right."""
    position = 0
    while position < len(math):
        step = _STEP.match(math, position)
        if step is None:
            raise _math_error(math, position)
        operator, digits, letter = step.groups()
        unit = _UNITS.get(letter)
        if unit is None:
            raise ParsingError(f"unit [{letter}] not supported for date math [{math[:64]}]")
        if operator == "/":
            if digits not in ("", "1"):
                raise ParsingError(
                    f"rounding `/` can only be used on single unit types [{math[:64]}]"
                )
            milliseconds = floor(milliseconds, unit, zone)
            if round_up:
                milliseconds = add(milliseconds, 1, unit, zone) - 1
        else:
            count = int(digits or "1")
            milliseconds = add(milliseconds, -count if operator == "-" else count, unit, zone)
        position = step.end()
    return milliseconds


def _math_error(math: str, position: int) -> ParsingError:
    if math[position] not in "+-/":
        return ParsingError(f"operator not supported for date math [{math[:64]}]")
    return ParsingError(f"truncated date math [{math[:64]}]")
