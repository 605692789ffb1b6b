"""Shares of filled windows, against counting them one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.service.density import (
    FilledTime,
    longer_intervals,
    shorter_intervals,
    windows_to_look_at,
)

MINUTE = 60_000


@given(
    st.lists(st.integers(min_value=-200, max_value=200), unique=True),
    st.integers(min_value=1, max_value=30),
    st.integers(min_value=1, max_value=40),
    st.integers(min_value=-100, max_value=100),
)
def test_the_rate_is_that_of_the_windows_one_by_one(minutes, interval, windows, last):
    """Windows are aligned to the epoch; the last one holds the time that was given."""
    filled = FilledTime(np.array(sorted(minutes), dtype=np.int64) * MINUTE)
    rate = filled.rate(interval=interval * MINUTE, windows=windows, last=last * MINUTE + 17)
    end = last // interval
    wanted = {minute // interval for minute in minutes}
    counted = sum(window in wanted for window in range(end - windows + 1, end + 1))
    assert rate == pytest.approx(counted / windows)


def test_no_windows_are_not_filled():
    """Rather than a division by zero."""
    assert FilledTime(np.zeros(0, dtype=np.int64)).rate(interval=1, windows=0, last=0) == 0.0


def test_a_day_of_windows_is_looked_at_but_never_few():
    """§13: max(24 h / interval, 512)."""
    assert windows_to_look_at(MINUTE) == 1440
    assert windows_to_look_at(10 * MINUTE) == 512
    assert windows_to_look_at(24 * 60 * MINUTE) == 512


def test_trials_grow_and_shrink_by_a_fifth():
    """Rounded away from where they come from, so that each differs from the last."""
    assert list(longer_intervals(1, below=60)) == [
        2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 48, 58,
    ]  # fmt: skip
    assert list(longer_intervals(60, below=60)) == []
    assert list(shorter_intervals(10, steps=10)) == [8, 6, 4, 3, 2, 1]
    assert list(shorter_intervals(1000, steps=3)) == [800, 640, 512]
    assert list(shorter_intervals(1, steps=10)) == []
