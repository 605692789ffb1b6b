"""Clocks."""

import threading

import pytest

from anomalyd.schedule.clock import SystemClock, VirtualClock


def test_a_virtual_clock_moves_only_when_told():
    """Both readings move together, and never back."""
    clock = VirtualClock(now=1_000)
    assert (clock.now(), clock.monotonic()) == (1_000, 0.0)
    clock.advance(2_500)
    assert (clock.now(), clock.monotonic()) == (3_500, 2.5)
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


def test_waiting_ends_when_the_clock_has_moved_or_the_event_is_set():
    """The answer tells which of the two it was."""
    clock, event = VirtualClock(), threading.Event()
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(clock.wait(event, 10)))
    waiter.start()
    clock.advance(9_000)
    waiter.join(timeout=0.05)
    assert waiter.is_alive()
    clock.advance(1_000)
    waiter.join(timeout=5)
    event.set()
    assert [*answers, clock.wait(event, 10)] == [False, True]


def test_the_system_clock_tells_milliseconds_and_seconds():
    """The time of day is past 2020; waiting for a set event does not wait."""
    clock, event = SystemClock(), threading.Event()
    assert clock.now() > 1_577_836_800_000
    before = clock.monotonic()
    assert not clock.wait(event, 0.01)
    assert clock.monotonic() - before >= 0.009
    event.set()
    assert clock.wait(event, 60)
