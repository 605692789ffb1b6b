"""How dates are written: Elasticsearch's named formats and Java patterns, read and printed.

A format is one or more of them joined by ``||``; the first that fits a text reads it, the first of
all prints. Known letters of a pattern: ``y u M L d D H h a m s S E X x Z V z``, text in quotes and
optional parts in brackets. Week-based formats are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from anomalyd.errors import ParsingError

DEFAULT_FORMAT = "strict_date_optional_time||epoch_millis"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_PRINTED = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"
_OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d{2}))?(?::?\d{2})?")

_NAMED = {
    "date": "yyyy-MM-dd",
    "date_hour": "yyyy-MM-dd'T'HH",
    "date_hour_minute": "yyyy-MM-dd'T'HH:mm",
    "date_hour_minute_second": "yyyy-MM-dd'T'HH:mm:ss",
    "date_hour_minute_second_fraction": "yyyy-MM-dd'T'HH:mm:ss.SSS",
    "date_hour_minute_second_millis": "yyyy-MM-dd'T'HH:mm:ss.SSS",
    "date_time": _PRINTED,
    "date_time_no_millis": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "year": "yyyy",
    "year_month": "yyyy-MM",
    "year_month_day": "yyyy-MM-dd",
    "basic_date": "yyyyMMdd",
    "basic_date_time": "yyyyMMdd'T'HHmmss.SSSX",
    "basic_date_time_no_millis": "yyyyMMdd'T'HHmmssX",
    "ordinal_date": "yyyy-DDD",
}
_ISO = (
    r"(?P<year>{y})(?:-(?P<month>{n})(?:-(?P<day>{n})(?:T(?:(?P<hour>{n})(?::(?P<minute>{n})"
    r"(?::(?P<second>{n})(?:[.,](?P<fraction>\d{{1,9}}))?)?)?)?(?P<zone>Z|[+-]\d{{2}}(?::?\d{{2}})?)?"
    r")?)?)?"
)
_OPTIONAL_TIME = {
    "strict_date_optional_time": _ISO.format(y=r"\d{4}", n=r"\d{2}"),
    "strict_date_optional_time_nanos": _ISO.format(y=r"\d{4}", n=r"\d{2}"),
    "date_optional_time": _ISO.format(y=r"\d{1,4}", n=r"\d{1,2}"),
    "iso8601": _ISO.format(y=r"\d{4}", n=r"\d{2}"),
}
_EPOCHS = {"epoch_millis": 1, "epoch_second": 1000}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class DateFormat:
    """One or more ways to write a date.

    Attributes:
        text: the format as the request has it, for messages.
        readers: each a regular expression with named groups, or the number of milliseconds in
            the unit that is counted since the epoch.
        printer: a Java pattern, or such a unit.
    """

    text: str
    readers: tuple[re.Pattern[str] | int, ...]
    printer: str | int

    def read(self, text: str, zone: tzinfo, *, round_up: bool) -> int | None:
        """Milliseconds since the epoch, or None where no format fits.

        Args:
            text: a date without date math.
            zone: of dates that do not name theirs.
            round_up: missing parts below the day take their last value instead of the first.
        """
        for reader in self.readers:
            if isinstance(reader, int):
                found = _read_epoch(text, reader)
            else:
                match = reader.fullmatch(text)
                found = None if match is None else _instant(match.groupdict(), zone, round_up)
            if found is not None:
                return found
        return None

    def print(self, milliseconds: int, zone: tzinfo) -> str:
        """The date as text; dates beyond the calendar (years 1 to 9999) as a number."""
        if isinstance(self.printer, int):
            return str(milliseconds // self.printer)
        try:
            moment = (_EPOCH + milliseconds * _MILLISECOND).astimezone(zone)
        except OverflowError:
            return str(milliseconds)
        return "".join(_printed(letters, moment) for letters in _tokens(self.printer, self.text))


def date_format(text: str | None) -> DateFormat:
    """The format of this text; None is the default of date fields.

    Raises:
        ParsingError: it is no format that anomalyd knows.
    """
    whole = DEFAULT_FORMAT if text is None else text
    if len(whole) > 256:
        raise ParsingError(f"Invalid format: [{whole[:64]}...]: it is too long")
    names = whole.split("||")
    printer: str | int = _EPOCHS.get(names[0]) or _pattern(names[0]) or _PRINTED
    return DateFormat(whole, tuple(_reader(name, whole) for name in names), printer)


def time_zone(text: str | None) -> tzinfo:
    """The zone of ``+01:00``, ``Z``, ``UTC`` or ``Europe/Berlin``; None is UTC.

    Raises:
        ParsingError: there is no such zone.
    """
    if text is None or text in ("Z", "UTC", "utc"):
        return UTC
    match = _OFFSET.fullmatch(text)
    if match is not None:
        hours, minutes = int(match[2]), int(match[3] or 0)
        if hours > 18 or minutes > 59:
            raise ParsingError(f"Invalid time zone [{text}]: Zone offset hours not in valid range")
        offset = timedelta(hours=hours, minutes=minutes)
        return timezone(-offset if match[1] == "-" else offset)
    try:
        # absolute and climbing paths are refused by ZoneInfo with ValueError
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError):
        raise ParsingError(f"Unknown time-zone ID: {text[:64]}") from None


def _read_epoch(text: str, unit: int) -> int | None:
    match = re.fullmatch(r"(-?\d{1,18})(?:\.(\d{1,9}))?", text, flags=re.ASCII)
    if match is None:
        return None
    fraction = int((match[2] or "0").ljust(9, "0")) * unit // 10**9
    whole = int(match[1]) * unit
    return whole - fraction if match[1].startswith("-") else whole + fraction


def _pattern(name: str) -> str | None:
    """The Java pattern behind a name, or the text itself; None for formats with optional time."""
    plain = name.removeprefix("strict_")
    if plain in _NAMED:
        return _NAMED[plain]
    return None if name in _OPTIONAL_TIME else name


def _reader(name: str, whole: str) -> re.Pattern[str] | int:
    if name in _EPOCHS:
        return _EPOCHS[name]
    if name in _OPTIONAL_TIME:
        return re.compile(_OPTIONAL_TIME[name], re.ASCII)
    named = name.removeprefix("strict_") in _NAMED
    pieces = [_expression(letters, named) for letters in _tokens(_pattern(name) or name, whole)]
    try:
        return re.compile("".join(pieces), re.ASCII)
    except re.error:
        raise _invalid(whole, "a part is there twice or a bracket is not closed") from None


def _tokens(pattern: str, whole: str) -> Iterator[str]:
    """Runs of one letter, quoted or plain text (starting with ``'``), and brackets."""
    for match in re.finditer(r"'((?:[^']|'')*)'|([a-zA-Z])\2*|[\[\]]|(.)", pattern, re.DOTALL):
        if match[1] is not None:
            yield "'" + (match[1].replace("''", "'") or "'")
        elif match[3] is not None:
            if match[3] in "{}#'":
                raise _invalid(whole, f"Pattern includes reserved character: '{match[3]}'")
            yield "'" + match[3]
        else:
            yield match[0]


def _expression(letters: str, named: bool) -> str:
    """The regular expression of a token."""
    if letters[0] == "'":
        return re.escape(letters[1:])
    if letters in ("[", "]"):
        return "(?:" if letters == "[" else ")?"
    letter, count = letters[0], len(letters)
    if letter in "MLE" and (count > 2 or letter == "E"):
        names, group = (_DAYS, "?:") if letter == "E" else (_MONTHS, "?P<month_name>")
        return f"({group}(?i:{_names(names, count)}))"
    if letter == "S":
        return f"(?P<fraction>\\d{{{'1,9' if named else count}}})"
    if letter in "yuD":
        group, widths = ("day_of_year", (3,)) if letter == "D" else ("year", (2, 4))
        return f"(?P<{group}>\\d{{{count if count in widths else '1,4'}}})"
    if letter in _EXPRESSIONS:
        return _EXPRESSIONS[letter]
    if letter not in _GROUPS:
        raise _invalid(letters, f"Unknown pattern letter: {letter}")
    return f"(?P<{_GROUPS[letter]}>\\d{{{'1,' if count == 1 else ''}2}})"


_ZONE = r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)"
_ZONE_NAME = r"(?P<zone>[A-Za-z0-9_+\-/:]{1,64})"
_EXPRESSIONS = {
    "X": _ZONE,
    "x": _ZONE,
    "Z": _ZONE,
    "V": _ZONE_NAME,
    "z": _ZONE_NAME,
    "a": "(?P<half>(?i:AM|PM))",
}
_GROUPS = {
    "M": "month",
    "L": "month",
    "d": "day",
    "H": "hour",
    "h": "hour",
    "m": "minute",
    "s": "second",
}


def _names(names: Sequence[str], count: int) -> str:
    return "|".join(names) if count == 4 else "|".join(name[:3] for name in names)


def _instant(parts: dict[str, str | None], zone: tzinfo, round_up: bool) -> int | None:
    """Milliseconds since the epoch of what a reader found, None where the calendar lacks it.

    Missing days and months are the first also when rounding up, as in Elasticsearch.
    """
    given = {name: text for name, text in parts.items() if text is not None}
    year = int(given.get("year", "1970"))
    if len(given.get("year", "1970")) == 2:
        year += 2000
    month = int(given.get("month", "1"))
    if "month_name" in given:
        month = 1 + [name[:3].lower() for name in _MONTHS].index(given["month_name"][:3].lower())
    last = (23, 59, 59) if round_up else (0, 0, 0)
    hour, minute, second = (
        int(given.get(name, str(default)))
        for name, default in zip(("hour", "minute", "second"), last, strict=True)
    )
    if "half" in given:
        hour = hour % 12 + (12 if given["half"].upper() == "PM" else 0)
    fraction = given.get("fraction", "999" if round_up else "0")
    try:
        own = _zone_of(given["zone"]) if "zone" in given else zone
        moment = datetime(year, month, int(given.get("day", "1")), hour, minute, second, tzinfo=own)
        if "day_of_year" in given:
            moment += timedelta(days=int(given["day_of_year"]) - 1)
        passed = moment.astimezone(UTC) - _EPOCH
    except (ValueError, OverflowError, ParsingError):
        return None
    return passed // _MILLISECOND + int(fraction.ljust(9, "0")[:3])


def _zone_of(text: str) -> tzinfo:
    return time_zone("Z" if text == "Z" else text)


def _printed(letters: str, moment: datetime) -> str:
    """What a token prints."""
    if letters[0] == "'":
        return letters[1:]
    if letters in ("[", "]"):
        return ""
    letter, count = letters[0], len(letters)
    if letter in "yu":
        return f"{moment.year % 100:02d}" if count == 2 else f"{moment.year:0{count}d}"
    if letter in "ML" and count > 2:
        name = _MONTHS[moment.month - 1]
        return name if count == 4 else name[:3]
    if letter == "E":
        name = _DAYS[moment.weekday()]
        return name if count == 4 else name[:3]
    if letter in "XxZVz":
        return _printed_offset(letter, count, moment)
    if letter == "a":
        return "AM" if moment.hour < 12 else "PM"
    if letter == "S":
        return f"{moment.microsecond * 1000:09d}".ljust(count, "0")[:count]
    return f"{_number(letter, moment):0{count}d}"


def _number(letter: str, moment: datetime) -> int:
    return {
        "M": moment.month,
        "L": moment.month,
        "d": moment.day,
        "D": moment.timetuple().tm_yday,
        "H": moment.hour,
        "h": (moment.hour + 11) % 12 + 1,
        "m": moment.minute,
        "s": moment.second,
    }[letter]


def _printed_offset(letter: str, count: int, moment: datetime) -> str:
    if letter in "Vz":
        return moment.tzinfo.key if isinstance(moment.tzinfo, ZoneInfo) else str(moment.tzinfo)
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if seconds == 0 and letter == "X":
        return "Z"
    sign, minutes = "-" if seconds < 0 else "+", abs(seconds) // 60
    hours, minutes = divmod(minutes, 60)
    if count == 1 and letter in "Xx":
        return f"{sign}{hours:02d}" + (f"{minutes:02d}" if minutes else "")
    colon = ":" if (letter in "Xx" and count == 3) or (letter == "Z" and count == 5) else ""
    return f"{sign}{hours:02d}{colon}{minutes:02d}"


def _invalid(text: str, why: str) -> ParsingError:
    return ParsingError(f"Invalid format: [{text[:64]}]: {why}")
