"""Dates in documents: texts to epoch milliseconds, whole columns at once.

Formats are those of Elasticsearch's mappings: ``strict_date_optional_time``, ``epoch_millis``,
``epoch_second``, patterns of numbers such as ``yyyy-MM-dd HH:mm:ss``, and alternatives joined by
``||``. Texts without a zone are UTC. Times finer than a millisecond are cut, not rounded.

A column's first text shows where the digits stand; all texts of the same shape are then read as
one matrix of characters. Only the others are read one by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from anomalyd.errors import IllegalArgument

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_DATE = r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
_SECOND = r"(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
_TIME = rf"(?:T(?:(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::{_SECOND})?)?"
_ZONE = r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)"
_ISO = re.compile(rf"{_DATE}{_TIME}{_ZONE}?)?)?)?)?", re.ASCII)

_NAMED = {
    "strict_date_optional_time": _ISO,
    "date_optional_time": _ISO,
    "strict_date_optional_time_nanos": _ISO,
    "iso8601": _ISO,
    "date": re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", re.ASCII),
    "basic_date": re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)", re.ASCII),
}
_NAMED["strict_date"] = _NAMED["date"]

_LETTERS = {
    "y": ("year", {4: r"\d{4}"}),
    "M": ("month", {1: r"\d\d?", 2: r"\d\d"}),
    "d": ("day", {1: r"\d\d?", 2: r"\d\d"}),
    "H": ("hour", {1: r"\d\d?", 2: r"\d\d"}),
    "m": ("minute", {1: r"\d\d?", 2: r"\d\d"}),
    "s": ("second", {1: r"\d\d?", 2: r"\d\d"}),
    "S": ("fraction", {count: rf"\d{{{count}}}" for count in range(1, 10)}),
    "X": ("zone", {1: r"Z|[+-]\d\d(?:\d\d)?", 2: r"Z|[+-]\d{4}", 3: r"Z|[+-]\d\d:\d\d"}),
    "Z": ("zone", dict.fromkeys((1, 2, 3), r"[+-]\d{4}")),
}
_LETTERS["u"] = _LETTERS["y"]
_LETTERS["x"] = ("zone", {1: r"[+-]\d\d(?:\d\d)?", 2: r"[+-]\d{4}", 3: r"[+-]\d\d:\d\d"})
_PATTERN_PART = re.compile(r"([A-Za-z])\1*|'((?:[^']|'')*)'|[^A-Za-z']")

_EPOCH_NUMBER = re.compile(r"-?\d{1,16}(?:\.\d+)?", re.ASCII)
_EPOCH_UNITS = {"epoch_millis": 1, "epoch_second": 1000}

_DAYS_IN_MONTH = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_FIXED_PARTS = ("year", "month", "day", "hour", "minute", "second")


@dataclass(frozen=True)
class DateFormat:
    """One or several alternatives of how a date is written.

    Attributes:
        text: the format as the mapping gives it.
        patterns: alternatives that are read by their digits' positions, in order.
        epoch_unit: milliseconds per unit where plain numbers are times, else 0.
    """

    text: str
    patterns: tuple[re.Pattern[str], ...]
    epoch_unit: int

    @staticmethod
    @cache
    def parse(text: str) -> DateFormat:
        """Read a format. Raises: IllegalArgument, naming the part that is not supported."""
        patterns = []
        epoch_unit = 0
        for part in text.split("||"):
            if part in _EPOCH_UNITS:
                epoch_unit = epoch_unit or _EPOCH_UNITS[part]
            else:
                patterns.append(_NAMED.get(part) or _compile_pattern(part))
        return DateFormat(text, tuple(patterns), epoch_unit)

    def read(self, text: str) -> int | None:
        """Return a text's epoch milliseconds, or None when it is no such date."""
        for pattern in self.patterns:
            match = pattern.fullmatch(text)
            if match is not None:
                return _epoch_of(match.groupdict())
        if self.epoch_unit and _EPOCH_NUMBER.fullmatch(text):
            # not through a float: 16 digits and a fraction need more than its 53 bits
            whole, _, fraction = text.partition(".")
            if self.epoch_unit == 1:
                return int(whole)
            millis = int(fraction[:3].ljust(3, "0"))
            return int(whole) * 1000 + (-millis if text.startswith("-") else millis)
        return None

    def read_number(self, number: int | float) -> int | None:
        """Return the epoch milliseconds of a JSON number."""
        if self.epoch_unit:
            # beyond a float's exact integers there is no time that anybody means
            return int(number * self.epoch_unit) if abs(number) < 2**53 else None
        return self.read(str(number))

    def read_column(self, texts: Sequence[str]) -> tuple[Int64s, Bools]:
        """Return epoch milliseconds per text, and which texts are dates."""
        millis = np.zeros(len(texts), dtype=np.int64)
        valid = np.zeros(len(texts), dtype=np.bool_)
        open_rows = np.arange(len(texts))
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        for length in np.unique(lengths)[:_MOST_SHAPES]:
            rows = np.flatnonzero(lengths == length)
            if len(rows) < _FEWEST_FOR_MATRIX:
                continue
            same = texts if len(rows) == len(texts) else [texts[row] for row in rows.tolist()]
            found, parsed = self._read_matrix(same, int(length))
            millis[rows] = found
            valid[rows] = parsed
        for row in open_rows[~valid].tolist():
            one = self.read(texts[row])
            if one is not None:
                millis[row] = one
                valid[row] = True
        return millis, valid

    def _read_matrix(self, texts: Sequence[str], length: int) -> tuple[Int64s, Bools]:
        """Read the texts that have the first one's shape; the others come back as not valid."""
        nothing = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.bool_)
        match = next((m for p in self.patterns if (m := p.fullmatch(texts[0]))), None)
        joined = "".join(texts)
        if match is None or not joined.isascii():
            return nothing
        matrix = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(len(texts), length)
        return _read_shape(matrix, match)


_MOST_SHAPES = 8
_FEWEST_FOR_MATRIX = 8


def _read_shape(matrix: npt.NDArray[np.uint8], match: re.Match[str]) -> tuple[Int64s, Bools]:
    rows, length = matrix.shape
    fixed = np.ones(length, dtype=np.bool_)
    valid = np.ones(rows, dtype=np.bool_)
    values = {}
    for name, text in match.groupdict().items():
        if text is None or name == "zone":
            continue
        start, stop = match.span(name)
        fixed[start:stop] = False
        values[name], digits = _read_digits(matrix[:, start:stop])
        valid &= digits
    offset, zone_valid = _read_zones(matrix, match, fixed)
    valid &= zone_valid
    # the separators, and a zone of Z, stand where they stand in the first text
    valid &= np.all(matrix[:, fixed] == matrix[0, fixed], axis=1)
    year, month, day, hour, minute, second = (
        values.get(name, np.full(rows, 1 if name in ("month", "day") else 0, dtype=np.int64))
        for name in _FIXED_PARTS
    )
    valid &= _in_calendar(year, month, day) & (hour < 24) & (minute < 60) & (second < 60)
    fraction = values.get("fraction", np.zeros(rows, dtype=np.int64))
    digits_after_point = len(match.groupdict().get("fraction") or "000")
    millis = fraction * 1000 // 10**digits_after_point
    seconds = _days_since_epoch(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
    return seconds * 1000 + millis - offset * 60_000, valid


def _read_zones(
    matrix: npt.NDArray[np.uint8], match: re.Match[str], fixed: Bools
) -> tuple[Int64s, Bools]:
    """Return the zone's offset in minutes per row and mark its characters as not fixed."""
    rows = len(matrix)
    text = match.groupdict().get("zone")
    if text is None or text == "Z":
        return np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=np.bool_)
    start, stop = match.span("zone")
    fixed[start : start + 3] = False
    sign = matrix[:, start]
    hours, valid = _read_digits(matrix[:, start + 1 : start + 3])
    minutes = np.zeros(rows, dtype=np.int64)
    if stop - start > 3:
        fixed[stop - 2 : stop] = False
        minutes, digits = _read_digits(matrix[:, stop - 2 : stop])
        valid &= digits & (minutes < 60)
    valid &= ((sign == ord("+")) | (sign == ord("-"))) & (hours <= 18)
    return (hours * 60 + minutes) * np.where(sign == ord("-"), -1, 1), valid


def _read_digits(characters: npt.NDArray[np.uint8]) -> tuple[Int64s, Bools]:
    digits = characters.astype(np.int64) - ord("0")
    value = np.zeros(len(characters), dtype=np.int64)
    for column in range(characters.shape[1]):
        value = value * 10 + digits[:, column]
    return value, np.all((digits >= 0) & (digits <= 9), axis=1)


def _in_calendar(year: Int64s, month: Int64s, day: Int64s) -> Bools:
    possible = (month >= 1) & (month <= 12) & (day >= 1)
    longest = _DAYS_IN_MONTH[np.where(possible, month, 0)]
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    fits: Bools = possible & (day <= longest - ((month == 2) & ~leap))
    return fits


def _days_since_epoch(year: Int64s, month: Int64s, day: Int64s) -> Int64s:
    """Count days of the proleptic Gregorian calendar, with years that start in March."""
    year = year - (month <= 2)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    days: Int64s = era * 146_097 + day_of_era - 719_468
    return days


def _epoch_of(parts: dict[str, str | None]) -> int | None:
    """Return the epoch milliseconds of one match, by the same rules as a column's."""
    values = [
        int(parts.get(name) or (1 if name in ("month", "day") else 0)) for name in _FIXED_PARTS
    ]
    year, month, day, hour, minute, second = values
    civil = [np.array([value], dtype=np.int64) for value in (year, month, day)]
    if not _in_calendar(*civil)[0] or hour > 23 or minute > 59 or second > 59:
        return None
    zone = parts.get("zone") or "Z"
    offset = 0
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[3:].strip(":") or 0)
        if hours > 18 or minutes > 59:
            return None
        offset = (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
    millis = int((parts.get("fraction") or "")[:3].ljust(3, "0"))
    seconds = int(_days_since_epoch(*civil)[0]) * 86_400 + hour * 3_600 + minute * 60 + second
    return seconds * 1000 + millis - offset * 60_000


def _compile_pattern(pattern: str) -> re.Pattern[str]:
    """Translate a pattern of Java's formatter, as far as it consists of numbers."""
    regex = ""
    position = 0
    while position < len(pattern):
        part = _PATTERN_PART.match(pattern, position)
        if part is None:
            raise IllegalArgument(f"Invalid format: [{pattern}]: unterminated quote")
        position = part.end()
        letter, quoted = part.group(1), part.group(2)
        if letter is not None:
            regex += _component(pattern, letter, len(part.group(0)), regex)
        else:
            literal = part.group(0) if quoted is None else quoted.replace("''", "'") or "'"
            regex += re.escape(literal)
    if not regex:
        raise IllegalArgument("Invalid format: [] is empty")
    return re.compile(regex, re.ASCII)


def _component(pattern: str, letter: str, count: int, before: str) -> str:
    name, widths = _LETTERS.get(letter, ("", {}))
    if count not in widths:
        raise IllegalArgument(f"Invalid format: [{pattern}]: Unknown pattern letter: {letter}")
    if f"<{name}>" in before:
        raise IllegalArgument(f"Invalid format: [{pattern}]: {name} appears twice")
    return f"(?P<{name}>{widths[count]})"
