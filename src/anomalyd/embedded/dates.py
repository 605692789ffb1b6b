"""Dates in documents: texts to epoch milliseconds, whole columns at once.

How a date may be written is the query language's matter (``query.date_formats``); this is its
quick way for columns. A column's first text shows where the digits stand; all texts of the same
shape are then read as one matrix of characters. Only the others are read one by one.

Texts without a zone are UTC. Times finer than a millisecond are cut, not rounded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from anomalyd.query import date_formats

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_DAYS_IN_MONTH = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_FIXED_PARTS = ("year", "month", "day", "hour", "minute", "second")
_MATRIX_PARTS = frozenset({*_FIXED_PARTS, "fraction", "zone"})
_OFFSET = re.compile(r"Z|[+-]\d\d(?::?\d\d)?", re.ASCII)
# beyond a float's exact integers there is no time that anybody means
_LATEST = 2**53
_MOST_SHAPES = 8
_FEWEST_FOR_MATRIX = 8


@dataclass(frozen=True)
class DateFormat:
    """How the dates of a field are written.

    Attributes:
        format: the format.
        epoch_unit: milliseconds per unit where plain numbers are times, else 0.
    """

    format: date_formats.DateFormat
    epoch_unit: int

    @staticmethod
    @lru_cache(maxsize=256)
    def parse(text: str) -> DateFormat:
        """Read a format. Raises: ParsingError, naming the part that is not supported."""
        found = date_formats.date_format(text)
        units = [reader for reader in found.readers if isinstance(reader, int)]
        return DateFormat(found, units[0] if units else 0)

    def read(self, text: str) -> int | None:
        """Return a text's epoch milliseconds, or None when it is no such date."""
        millis = self.format.read(text, UTC, round_up=False)
        return millis if millis is not None and abs(millis) < _LATEST else None

    def read_number(self, number: int | float) -> int | None:
        """Return the epoch milliseconds of a JSON number."""
        if self.epoch_unit:
            return int(number * self.epoch_unit) if abs(number) < _LATEST else None
        return self.read(str(number))

    def read_column(self, texts: Sequence[str]) -> tuple[Int64s, Bools]:
        """Return epoch milliseconds per text, and which texts are dates."""
        millis = np.zeros(len(texts), dtype=np.int64)
        valid = np.zeros(len(texts), dtype=np.bool_)
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        for length in np.unique(lengths)[:_MOST_SHAPES].tolist():
            rows = np.flatnonzero(lengths == length)
            if len(rows) < _FEWEST_FOR_MATRIX:
                continue
            same = texts if len(rows) == len(texts) else [texts[row] for row in rows.tolist()]
            millis[rows], valid[rows] = self._read_matrix(same, length)
        for row in np.flatnonzero(~valid).tolist():
            one = self.read(texts[row])
            if one is not None:
                millis[row] = one
                valid[row] = True
        return millis, valid

    def _read_matrix(self, texts: Sequence[str], length: int) -> tuple[Int64s, Bools]:
        """Read the texts that have the first one's shape; the others come back as not valid."""
        match = self._first_match(texts[0])
        joined = "".join(texts)
        if match is None or not joined.isascii():
            return np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.bool_)
        matrix = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(len(texts), length)
        return _read_shape(matrix, match)

    def _first_match(self, text: str) -> re.Match[str] | None:
        """Return how the first fitting format reads a text, if that is by its digits alone."""
        if self.read(text) is None:
            return None
        for reader in self.format.readers:
            match = None if isinstance(reader, int) else reader.fullmatch(text)
            if match is not None:
                parts = {name: part for name, part in match.groupdict().items() if part is not None}
                plain = parts.keys() <= _MATRIX_PARTS and len(parts.get("year", "")) == 4
                return match if plain and _OFFSET.fullmatch(parts.get("zone", "Z")) else None
        return None


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
    possible = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
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
