"""Dates of whole columns."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.embedded.dates import DateFormat
from anomalyd.errors import ParsingError

DEFAULT = DateFormat.parse("strict_date_optional_time||epoch_millis")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

zones = st.sampled_from(["Z", "", "+02:00", "-0530", "+09"])
moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))  # noqa: DTZ001
shapes = st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S.%f"])


def offset_of(zone: str) -> timezone:
    digits = zone.replace(":", "")
    if digits in ("", "Z"):
        return UTC
    minutes = int(digits[1:3]) * 60 + int(digits[3:] or 0)
    return timezone(timedelta(minutes=-minutes if digits[0] == "-" else minutes))


def written(moment: datetime, shape: str, zone: str) -> str:
    # strftime writes early years without their zeros
    year = f"{moment.year:04d}"
    return moment.strftime(shape.replace("%Y", year)) + zone


@settings(deadline=None)
@given(st.lists(st.tuples(moments, shapes, zones), min_size=1, max_size=60))
def test_columns_read_like_the_calendar(cases):
    """Mixed shapes and zones, years 1 to 9999; to the millisecond, cut."""
    expected = []
    for moment, shape, zone in cases:
        known = moment
        if "%S" not in shape:
            known = moment.replace(second=0, microsecond=0)
        elif "%f" not in shape:
            known = moment.replace(microsecond=0)
        aware = known.replace(tzinfo=offset_of(zone))
        expected.append((aware - EPOCH) // timedelta(milliseconds=1))
    millis, valid = DEFAULT.read_column([written(*case) for case in cases])
    assert valid.all()
    assert millis.tolist() == expected


near_dates = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z"),
    st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\Z"),
    st.from_regex(r"\A-?\d{1,20}\Z"),
)


@settings(deadline=None)
@given(st.lists(near_dates, min_size=1, max_size=40), st.integers(min_value=1, max_value=12))
def test_a_column_reads_as_its_texts_do_one_by_one(texts, times):
    """The quick way and the plain way agree, on what is no date too."""
    texts = texts * times
    millis, valid = DEFAULT.read_column(texts)
    plain = [DEFAULT.read(text) for text in texts]
    assert valid.tolist() == [one is not None for one in plain]
    assert [m for m, v in zip(millis.tolist(), valid, strict=True) if v] == [
        one for one in plain if one is not None
    ]


@pytest.mark.parametrize(
    ("format", "text", "millis"),
    [
        ("yyyy-MM-dd HH:mm:ss", "2014-07-01 00:30:00", 1404174600000),
        ("yyyy/MM/dd HH:mm:ss||yyyy/MM/dd||epoch_millis", "2014/07/01", 1404172800000),
        ("epoch_second", "1404172800", 1404172800000),
        ("strict_date_optional_time||epoch_millis", "2014-07-01T02:00:00+02:00", 1404172800000),
        ("strict_date_optional_time||epoch_millis", "1404172800000", 1404172800000),
    ],
)
def test_formats_of_fields(format, text, millis):
    """Alone and in columns."""
    how = DateFormat.parse(format)
    assert how.read(text) == millis
    column, valid = how.read_column([text] * 20)
    assert valid.all()
    assert set(column.tolist()) == {millis}


def test_numbers_are_times_where_the_format_counts():
    """Else they are read as they are written."""
    assert DEFAULT.read_number(1404172800000) == 1404172800000
    assert DateFormat.parse("epoch_second").read_number(1.5) == 1500
    assert DateFormat.parse("yyyyMMdd").read_number(20140701) == 1404172800000
    assert DateFormat.parse("yyyy-MM-dd").read_number(5) is None
    assert DEFAULT.read_number(2**60) is None


def test_unknown_formats_are_refused():
    """By name."""
    with pytest.raises(ParsingError, match="Invalid format"):
        DateFormat.parse("yyyy-QQ")
