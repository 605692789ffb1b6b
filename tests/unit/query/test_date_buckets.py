"""Intervals of date histograms: the database and Python put a time into the same one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from anomalyd.query.date_buckets import DateBuckets
from anomalyd.query.date_formats import date_format, time_zone
from anomalyd.query.nodes_aggregations import DateHistogram
from anomalyd.query.sql import Parameters

ZONES = st.sampled_from(
    [None, "+05:45", "-03:30", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
)
UNITS = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"]
FIXED = ["1s", "90s", "10m", "45m", "1h", "90m", "2h", "6h", "1d", "7d", "1000d"]


def histogram(
    fixed: str | None = None, calendar: str | None = None, zone: str | None = None, offset: int = 0
) -> DateHistogram:
    return DateHistogram(
        name="h",
        field="d",
        fixed_interval=fixed,
        calendar_interval=calendar,
        time_zone=zone,
        offset=offset,
    )


HISTOGRAMS = st.builds(
    lambda interval, zone, offset: (
        histogram(fixed=interval, zone=zone, offset=offset)
        if interval in FIXED
        else histogram(calendar=interval, zone=zone, offset=offset)
    ),
    st.sampled_from([*FIXED, *UNITS]),
    ZONES,
    st.sampled_from([0, 0, 1, 21_600_000, -86_400_000]),
)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


@settings(max_examples=200, deadline=None)
@given(HISTOGRAMS, st.lists(st.integers(-(2**40), 2**42), min_size=1, max_size=20))
def test_both_sides_have_the_same_intervals(
    database: duckdb.DuckDBPyConnection, aggregation: DateHistogram, moments: list[int]
) -> None:
    """A time's bucket is the same in SQL and in Python, and holds the time."""
    buckets, parameters = DateBuckets(aggregation), Parameters("p")
    moment = exp.column("v")
    key = buckets.key_sql(moment.copy(), parameters)
    values = exp.cast(parameters.bind(moments), "BIGINT[]", dialect="duckdb")
    table = exp.Select(expressions=[exp.alias_(exp.func("unnest", values), "v")])
    query = parameters.query(exp.select(moment, key).from_(exp.Subquery(this=table)))
    rows = database.execute(query.expression.sql("duckdb"), dict(query.parameters)).fetchall()
    assert dict(rows) == {one: buckets.key(one) for one in moments}
    assert all(key <= moment for moment, key in rows)


@settings(max_examples=100, deadline=None)
@given(HISTOGRAMS, st.integers(-(2**40), 2**42))
def test_no_interval_is_left_out_between_two(aggregation: DateHistogram, start: int) -> None:
    """The intervals from one on are in order, each its own first moment, and leave no gap."""
    buckets = DateBuckets(aggregation)
    first = buckets.key(start)
    found = list(itertools.islice(buckets.between(first, first + 2**41), 200))
    assert found[0] == first
    for one, following in itertools.pairwise(found):
        assert one < following
        assert buckets.key(one) == one
        assert buckets.key(following - 1) == one


def test_days_across_the_end_of_summer_time() -> None:
    """Days start at midnight of the zone, also around the day with 25 hours."""
    buckets = DateBuckets(histogram(calendar="day", zone="Europe/Berlin"))
    zone, how = time_zone("Europe/Berlin"), date_format("yyyy-MM-dd'T'HH:mmXXX")
    first = buckets.key(1635537600000)  # 2021-10-29T20:00Z
    written = [how.print(key, zone) for key in buckets.between(first, first + 4 * 86_400_000)]
    assert written == [
        "2021-10-29T00:00+02:00",
        "2021-10-30T00:00+02:00",
        "2021-10-31T00:00+02:00",
        "2021-11-01T00:00+01:00",
    ]
