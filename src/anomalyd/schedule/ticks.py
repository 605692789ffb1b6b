"""Arithmetic of real time: when a window is due, and which windows a detector has missed.

Pure functions of epoch milliseconds. A *tick* is the work on one window once it is due; windows
are aligned to the interval, so that real time sees the same windows as historical analysis does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from anomalyd.engine.window import WindowRange, align_down

SPREAD_SHARE = 0.05
"""Part of the interval over which detectors are spread: small, so that results stay prompt."""
LONGEST_SPREAD = 5_000
"""Milliseconds; detectors with long intervals need not wait longer."""


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """The windows that a detector has to work on now.

    Attributes:
        windows: in the order of time, the newest that is due last; may be none.
        dropped: older windows that are given up, because there are too many.
    """

    windows: WindowRange
    dropped: int

    @property
    def missed(self) -> int:
        """Windows to be caught up: all but the newest one."""
        return max(0, self.windows.count - 1)


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """When the windows of one detector are due.

    Attributes:
        interval: length of a window, ms, positive.
        delay: how long after a window's end its documents may still arrive, ms.
        spread: this detector's own part of the wait, ms.
    """

    interval: int
    delay: int
    spread: int = 0

    @staticmethod
    def of(detector_id: str, *, interval: int, delay: int) -> Timetable:
        """Return the timetable of a detector; its spread follows from its id alone."""
        width = min(int(interval * SPREAD_SHARE), LONGEST_SPREAD)
        return Timetable(interval=interval, delay=delay, spread=spread(detector_id, width))

    def due(self, end: int) -> int:
        """Return when the window that ends at a time is worked on."""
        return end + self.delay + self.spread

    def last_due(self, now: int) -> int:
        """Return the end of the newest window that is due at a time."""
        return align_down(now - self.delay - self.spread, self.interval)

    def backlog(self, position: int, now: int, *, most: int) -> Backlog:
        """Return what is to be done at a time.

        Args:
            position: end of the last window that was worked on, a multiple of the interval.
            now: epoch ms.
            most: windows that are worked on at once; the newest are, older ones are dropped.

        Raises: ValueError unless ``most`` is positive.
        """
        if most <= 0:
            raise ValueError(f"most must be positive, not {most}")
        end = max(position, self.last_due(now))
        start = max(position, end - most * self.interval)
        return Backlog(
            windows=WindowRange(start=start, end=end, interval=self.interval),
            dropped=(start - position) // self.interval,
        )


def spread(detector_id: str, width: int) -> int:
    """Return a detector's place in ``[0, width)`` ms: the same on every machine for ever."""
    if width <= 0:
        return 0
    digest = hashlib.blake2b(detector_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % width
