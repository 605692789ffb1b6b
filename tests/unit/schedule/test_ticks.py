"""When windows are due, and which of them a detector has missed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.schedule.ticks import LONGEST_SPREAD, Timetable, spread

MINUTE = 60_000
NOW = 1_795_313_820_000

times = st.integers(min_value=0, max_value=2**42)
tables = st.builds(
    Timetable,
    interval=st.integers(min_value=1, max_value=10**8),
    delay=st.integers(min_value=0, max_value=10**8),
    spread=st.integers(min_value=0, max_value=LONGEST_SPREAD),
)


@given(tables, times)
def test_the_last_due_window_is_due_and_the_next_is_not(table, now):
    """Exactly at its time a window is due; ends are aligned to the interval."""
    end = table.last_due(now)
    assert end % table.interval == 0
    assert table.due(end) <= now < table.due(end + table.interval)


@given(tables, times, st.integers(min_value=0, max_value=50), st.integers(1, 20))
def test_every_missed_window_is_worked_on_or_dropped(table, now, missed, most):
    """None is counted twice; those that are kept are the newest, in the order of time."""
    end = table.last_due(now)
    backlog = table.backlog(end - missed * table.interval, now, most=most)
    assert backlog.windows.end == end
    assert backlog.windows.count == min(missed, most)
    assert backlog.windows.count + backlog.dropped == missed
    assert backlog.missed == max(0, min(missed, most) - 1)


def test_a_position_ahead_has_nothing_to_do():
    """As after the time of day was set back: no window is worked on again."""
    table = Timetable(interval=MINUTE, delay=0)
    backlog = table.backlog(NOW + 5 * MINUTE, NOW, most=10)
    assert (backlog.windows.count, backlog.dropped) == (0, 0)
    assert backlog.windows.end == NOW + 5 * MINUTE


def test_a_backlog_keeps_something():
    """A limit that would drop everything is a mistake of the caller."""
    with pytest.raises(ValueError, match="most"):
        Timetable(interval=MINUTE, delay=0).backlog(0, NOW, most=0)


def test_the_spread_is_fixed_and_small():
    """It follows from the id, uses all of its width, and is never more than the width."""
    places = [spread(f"detector-{number}", 3_000) for number in range(1_000)]
    assert places == [spread(f"detector-{number}", 3_000) for number in range(1_000)]
    assert 0 <= min(places) < 50
    assert 2_950 < max(places) < 3_000
    assert spread("detector-1", 0) == 0
    assert Timetable.of("detector-1", interval=10**9, delay=0).spread < LONGEST_SPREAD
