"""Arithmetic of detection windows: half open, aligned to the interval since the epoch.

Pure functions of epoch milliseconds; the same data falls into the same windows whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class WindowRange:
    """Consecutive windows.

    Attributes:
        start: start of the first window, a multiple of ``interval``; inclusive.
        end: end of the last window, a multiple of ``interval``; exclusive.
        interval: length of a window in milliseconds, positive.
    """

    start: int
    end: int
    interval: int

    @property
    def count(self) -> int:
        """Number of windows."""
        return max(0, (self.end - self.start) // self.interval)

    def progress(self, position: int) -> float:
        """Return the share of the range that lies before a position, 0 to 1."""
        if self.end <= self.start:
            return 1.0
        return min(1.0, max(0.0, (position - self.start) / (self.end - self.start)))

    def split(self, position: int | None) -> tuple[WindowRange, WindowRange]:
        """Return the windows before a position and those from it on; None = nothing before."""
        at = self.start if position is None else position
        return replace(self, end=at), replace(self, start=at)

    def pieces(self, windows: int) -> Iterator[WindowRange]:
        """Cut the range into pieces of so many windows; the last may be shorter.

        Raises: ValueError unless ``windows`` is positive.
        """
        if windows <= 0:
            raise ValueError(f"windows must be positive, not {windows}")
        step = windows * self.interval
        for start in range(self.start, self.end, step):
            end = min(start + step, self.end)
            yield WindowRange(start=start, end=end, interval=self.interval)


def align_down(time: int, interval: int) -> int:
    """Return the start of the window that a time falls into."""
    return time - time % interval


def clip(start: int, end: int, *, first: int, last: int, interval: int) -> WindowRange | None:
    """Cut a range of time down to the data and to whole windows (behaviour §10).

    Both ends are floored: the window that holds the last document is left out, because nothing
    tells whether it is complete.

    Args:
        start: begin of the range, epoch ms.
        end: end of the range, epoch ms.
        first: time of the data's first document.
        last: time of the data's last document.
        interval: length of a window in ms.

    Returns:
        the windows (possibly none), or None when the range and the data do not meet.
    """
    if first >= end or last < start:
        return None
    return WindowRange(
        start=align_down(max(start, first), interval),
        end=align_down(min(end, last), interval),
        interval=interval,
    )
