"""Arithmetic of windows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.engine.window import WindowRange, align_down, clip

MINUTE = 60_000
times = st.integers(min_value=-(2**45), max_value=2**45)
intervals = st.integers(min_value=1, max_value=10**9)


@given(times, intervals)
def test_a_time_lies_in_the_window_that_it_is_aligned_to(time, interval):
    """Half open windows, also before 1970."""
    start = align_down(time, interval)
    assert start % interval == 0
    assert start <= time < start + interval


@given(times, times, times, times, intervals)
def test_clipped_windows_lie_in_range_and_data(start, length, first, extent, interval):
    """Whole windows, none that ends after the range or after the last document."""
    end, last = start + abs(length), first + abs(extent)
    windows = clip(start, end, first=first, last=last, interval=interval)
    if windows is None:
        assert first >= end or last < start
        return
    assert windows.start % interval == windows.end % interval == 0
    assert windows.end <= min(end, last)
    assert windows.start > max(start, first) - interval


def test_the_window_of_the_last_document_is_left_out():
    """Both ends are floored, as the reference has it."""
    windows = clip(0, 100 * MINUTE, first=90_000, last=5 * MINUTE + 1, interval=MINUTE)
    assert windows == WindowRange(start=MINUTE, end=5 * MINUTE, interval=MINUTE)
    assert windows.count == 4


def test_a_range_beside_the_data_has_no_windows():
    """Before it, after it; an empty range inside has zero windows."""
    data = {"first": 10 * MINUTE, "last": 20 * MINUTE, "interval": MINUTE}
    assert clip(0, 10 * MINUTE, **data) is None
    assert clip(21 * MINUTE, 30 * MINUTE, **data) is None
    assert clip(15 * MINUTE, 15 * MINUTE, **data).count == 0


@given(st.integers(0, 50), st.integers(1, 60), st.integers(1, 1000))
def test_pieces_cover_the_range_without_gap_or_overlap(count, windows, interval):
    """One after the other, none longer than asked for, only the last shorter."""
    whole = WindowRange(start=0, end=count * interval, interval=interval)
    pieces = list(whole.pieces(windows))
    assert [piece.start for piece in pieces[1:]] == [piece.end for piece in pieces[:-1]]
    assert sum(piece.count for piece in pieces) == whole.count
    assert all(piece.count == windows for piece in pieces[:-1])
    if pieces:
        assert (pieces[0].start, pieces[-1].end) == (whole.start, whole.end)


def test_a_piece_needs_a_window():
    """Zero windows would never end."""
    with pytest.raises(ValueError, match="positive"):
        list(WindowRange(start=0, end=1, interval=1).pieces(0))


def test_a_range_splits_where_a_run_stopped():
    """Before the first piece nothing is done."""
    whole = WindowRange(start=10, end=50, interval=10)
    done, left = whole.split(30)
    assert (done.start, done.end, left.start, left.end) == (10, 30, 30, 50)
    done, left = whole.split(None)
    assert (done.count, left) == (0, whole)


def test_progress_runs_from_zero_to_one():
    """By time; an empty range is done."""
    whole = WindowRange(start=10, end=50, interval=10)
    assert [whole.progress(at) for at in (10, 20, 50, 60)] == [0.0, 0.25, 1.0, 1.0]
    assert WindowRange(start=10, end=10, interval=10).progress(10) == 1.0
