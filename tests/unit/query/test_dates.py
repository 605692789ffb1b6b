"""Dates of requests: formats, date math and time zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.errors import ParsingError
from anomalyd.query.date_formats import DEFAULT_FORMAT, date_format, time_zone
from anomalyd.query.date_math import add, floor, parse_date
from anomalyd.query.intervals import CalendarUnit

NOW = "2021-10-05T00:11:20.364Z"


def at(text: str) -> int:
    moment = datetime.fromisoformat(text)
    since = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(milliseconds=1)


READ = [
    (None, "2021-10-05", "2021-10-05T00:00", "2021-10-05T23:59:59.999"),
    (None, "2021-10", "2021-10-01T00:00", "2021-10-01T23:59:59.999"),
    (None, "2021", "2021-01-01T00:00", "2021-01-01T23:59:59.999"),
    (None, "2021-10-05T10", "2021-10-05T10:00", "2021-10-05T10:59:59.999"),
    (None, "2021-10-05T10:11:12", "2021-10-05T10:11:12", "2021-10-05T10:11:12.999"),
    (None, "2021-10-05T10:11:12.5Z", "2021-10-05T10:11:12.500", "2021-10-05T10:11:12.500"),
    (None, "2021-10-05T10:11:12,123456789+0200", "2021-10-05T08:11:12.123", None),
    (None, "1633392680364", NOW, NOW),
    (None, "-1", "1969-12-31T23:59:59.999", None),
    ("epoch_second", "1633392680.364", NOW, NOW),
    ("epoch_second", "-1.5", "1969-12-31T23:59:58.500", None),
    ("yyyy-MM-dd HH:mm[:ss]", "2021-10-05 10:11", "2021-10-05T10:11", "2021-10-05T10:11:59.999"),
    ("yyyy-MM-dd HH:mm[:ss]", "2021-10-05 10:11:12", "2021-10-05T10:11:12", None),
    ("dd/MMM/yyyy:HH:mm:ss Z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36", None),
    ("yyyyMMdd'T'HHmmssX", "20211005T101112Z", "2021-10-05T10:11:12", None),
    ("h:mm a, d MMMM yy", "1:05 PM, 5 October 21", "2021-10-05T13:05", None),
    ("EEE, dd MMM yyyy HH:mm:ss", "Tue, 05 Oct 2021 10:11:12", "2021-10-05T10:11:12", None),
    ("yyyy-DDD", "2021-278", "2021-10-05T00:00", None),
    ("yyyy-MM-dd||dd.MM.yyyy", "05.10.2021", "2021-10-05T00:00", None),
    ("basic_date", "20211005", "2021-10-05T00:00", None),
    ("strict_date_hour_minute", "2021-10-05T10:11", "2021-10-05T10:11", None),
    ("date_optional_time", "2021-1-5", "2021-01-05T00:00", None),
]


@pytest.mark.parametrize(("how", "text", "first", "last"), READ)
def test_reads(how: str | None, text: str, first: str, last: str | None) -> None:
    """What a date leaves open is its first or, rounding up, its last millisecond."""
    known = date_format(how)
    assert known.read(text, UTC, round_up=False) == at(first)
    if last is not None:
        assert known.read(text, UTC, round_up=True) == at(last)


UNREADABLE = [
    (None, "2021-13-01"),
    (None, "2021-02-30"),
    (None, "21-10-05"),
    (None, "2021-10-05 10:11"),
    (None, "0000-01-01"),
    (None, ""),
    ("yyyy", "12345"),
    ("epoch_millis", "1e3"),
]


@pytest.mark.parametrize(("how", "text"), UNREADABLE)
def test_does_not_read(how: str | None, text: str) -> None:
    """A text that no format fits, or that the calendar lacks, is not read."""
    assert date_format(how).read(text, UTC, round_up=False) is None


@pytest.mark.parametrize("how", ["bogus", "yyyy-yyyy", "[yyyy", "YYYY-ww", "{yyyy}", "y" * 300])
def test_unknown_formats_are_refused(how: str) -> None:
    """A format with letters that mean nothing here is named."""
    with pytest.raises(ParsingError, match="Invalid format"):
        date_format(how)


MATH = [
    ("now", NOW, NOW),
    ("now-1d", "2021-10-04T00:11:20.364", None),
    ("now/d", "2021-10-05T00:00", "2021-10-05T23:59:59.999"),
    ("now/w", "2021-10-04T00:00", "2021-10-10T23:59:59.999"),
    ("now/M", "2021-10-01T00:00", "2021-10-31T23:59:59.999"),
    ("now/y", "2021-01-01T00:00", "2021-12-31T23:59:59.999"),
    ("now-1M/M", "2021-09-01T00:00", "2021-09-30T23:59:59.999"),
    ("now/h+30m", "2021-10-05T00:30", "2021-10-05T01:29:59.999"),
    ("now-2H", "2021-10-04T22:11:20.364", None),
    ("2021-01-31||+1M", "2021-02-28T00:00", "2021-02-28T00:00"),
    ("2020-02-29||+1y", "2021-02-28T00:00", None),
    ("2021-10-05||/M", "2021-10-01T00:00", "2021-10-31T23:59:59.999"),
    ("1633392680364||/m", "2021-10-05T00:11", None),
]


@pytest.mark.parametrize(("text", "first", "last"), MATH)
def test_date_math(text: str, first: str, last: str | None) -> None:
    """Steps apply from left to right; rounding gives the first or the last millisecond."""
    how = date_format(None)
    assert parse_date(text, "f", how, UTC, at(NOW), round_up=False) == at(first)
    if last is not None:
        assert parse_date(text, "f", how, UTC, at(NOW), round_up=True) == at(last)


def test_time_zones() -> None:
    """A zone is where dates without one, and days, begin; now is the same everywhere."""
    berlin, how = time_zone("Europe/Berlin"), date_format(None)
    assert parse_date("2021-10-05", "f", how, berlin, 0, round_up=False) == at("2021-10-04T22:00")
    assert parse_date("now/d", "f", how, berlin, at(NOW), round_up=False) == at("2021-10-04T22:00")
    assert parse_date("now", "f", how, berlin, at(NOW), round_up=False) == at(NOW)
    with_zone = parse_date("2021-10-05T00:00Z", "f", how, berlin, 0, round_up=False)
    assert with_zone == at("2021-10-05T00:00")
    minus = time_zone("-03:30")
    assert parse_date("2021-10-05", "f", how, minus, 0, round_up=False) == at("2021-10-05T03:30")
    for unknown in ("Mars/Olympus", "../etc/passwd", "/etc/passwd", "", "+99:00", "America"):
        with pytest.raises(ParsingError):
            time_zone(unknown)


def test_days_follow_the_wall_clock() -> None:
    """A day in which the clocks change is longer or shorter than 24 hours."""
    berlin = time_zone("Europe/Berlin")
    before = at("2021-10-30T22:00")  # midnight of the 31st, when summer time ends
    assert add(before, 1, CalendarUnit.DAY, berlin) - before == 25 * 3_600_000
    assert add(before, 24, CalendarUnit.HOUR, berlin) - before == 24 * 3_600_000
    assert floor(before + 24 * 3_600_000, CalendarUnit.DAY, berlin) == before


# before 1900 offsets had seconds, which no format shows
@given(st.integers(-(2**40), 2**47), st.sampled_from(["UTC", "+05:45", "Europe/Berlin"]))
def test_printing_and_reading_again(moment: int, zone: str) -> None:
    """The default format prints every date so that it reads as the same one."""
    how = date_format(DEFAULT_FORMAT)
    written = how.print(moment, time_zone(zone))
    assert how.read(written, UTC, round_up=False) == moment


@given(st.text(max_size=20) | st.from_regex(r"(now|\d{4})(\|\|)?([+/-]\d{0,12}[yMwdhms]){0,4}"))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    """No text raises anything but the error of a date that is none."""
    try:
        moment = parse_date(text, "f", date_format(None), UTC, at(NOW), round_up=True)
    except ParsingError:
        return
    assert isinstance(moment, int)


@given(st.text(alphabet="yMdHhmsSaEXxZVzDGw'[]-/:. T", max_size=20))
def test_any_pattern_is_a_format_or_refused(pattern: str) -> None:
    """No pattern raises anything but the error of a format that is none."""
    try:
        how = date_format(pattern)
    except ParsingError:
        return
    how.read(how.print(at(NOW), UTC), UTC, round_up=False)
