"""A bell that rings when something was written, for readers who wait for more."""

from __future__ import annotations

import threading


class WriteSignal:
    """Counts writes and wakes those who wait for the next. Thread-safe.

    It carries no data: whoever is woken looks into the store.
    """

    def __init__(self) -> None:
        self._writes = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def writes(self) -> int:
        """How many writes there were so far."""
        with self._changed:
            return self._writes

    @property
    def closed(self) -> bool:
        """Whether there will be no more."""
        with self._changed:
            return self._closed

    def ring(self) -> None:
        """Tell of a write."""
        with self._changed:
            self._writes += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Wake everybody for good; twice is fine."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Return once there were more writes than ``seen``, it is closed, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._writes > seen, timeout=seconds)
