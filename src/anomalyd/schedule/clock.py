"""Time as an argument. Only the composition root makes a ``SystemClock``."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits. Thread-safe."""

    def now(self) -> int:
        """Return the time of day, epoch milliseconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some moment; never goes back. For durations."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the time is over; tell whether the event is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return the time of day, epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds since some moment; never goes back."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the time is over; tell whether the event is set."""
        return event.wait(seconds)


class VirtualClock:
    """A clock that moves only when told to: tests of time without waiting.

    Args:
        now: first time of day, epoch milliseconds.
    """

    # How often a waiting thread looks at its event, in real seconds.
    _LOOK = 0.005

    def __init__(self, now: int = 0) -> None:
        self._start = now
        self._now = now
        self._moved = threading.Condition()

    def now(self) -> int:
        """Return the time of day, epoch milliseconds."""
        with self._moved:
            return self._now

    def monotonic(self) -> float:
        """Return seconds since the clock was made."""
        return (self.now() - self._start) / 1_000

    def advance(self, milliseconds: int) -> None:
        """Move on and wake whoever waits. Raises: ValueError for a negative step."""
        if milliseconds < 0:
            raise ValueError(f"time does not go back: {milliseconds}")
        with self._moved:
            self._now += milliseconds
            self._moved.notify_all()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set or the clock has moved so far."""
        with self._moved:
            deadline = self._now + round(seconds * 1_000)
            while not event.is_set() and self._now < deadline:
                self._moved.wait(self._LOOK)
        return event.is_set()
