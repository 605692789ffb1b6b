"""How much of the time has documents: what validation and suggestions of intervals go by.

A window counts as filled when it has at least one document. Times of filled spans are read once, in
a unit that divides every interval that is tried, and all trials are arithmetic on that column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anomalyd.engine.window import align_down
from anomalyd.source.base import EntityValues, Int64s, Selection, Source, WindowQuery

DAY = 24 * 60 * 60_000
FEWEST_WINDOWS = 512
DENSE = 0.75
"""A larger share of filled windows trains models well (§13)."""


def windows_to_look_at(interval: int) -> int:
    """Return how many windows back density is measured: a day of them, at least 512 (§13).

    Args:
        interval: length of a window in ms.
    """
    return max(DAY // interval, FEWEST_WINDOWS)


@dataclass(frozen=True)
class FilledTime:
    """The spans of time that have documents.

    Attributes:
        starts: ``int64[spans]``, epoch ms, ascending, multiples of the spans' length.
    """

    starts: Int64s

    def rate(self, *, interval: int, windows: int, last: int) -> float:
        """Return the share of filled windows among the last ones.

        Args:
            interval: length of a window in ms, a multiple of the spans' length.
            windows: how many windows, the one that holds ``last`` among them.
            last: epoch ms.
        """
        if windows <= 0:
            return 0.0
        end = align_down(last, interval) + interval
        first, stop = np.searchsorted(self.starts, (end - windows * interval, end))
        filled = self.starts[first:stop] // interval
        return (np.count_nonzero(np.diff(filled)) + (len(filled) > 0)) / windows


def filled_time(
    source: Source,
    selection: Selection,
    *,
    start: int,
    last: int,
    unit: int,
    entity: EntityValues | None = None,
) -> FilledTime:
    """Read the spans of ``[start, last]`` that have documents.

    Args:
        source: the data.
        selection: which documents.
        start: epoch ms, rounded down to the unit.
        last: epoch ms, inclusive; the rest of its span counts too.
        unit: length of a span in ms.
        entity: of that entity only.

    Raises: what the source raises.
    """
    rows = source.feature_rows(
        WindowQuery(
            selection=selection,
            features=(),
            start=align_down(start, unit),
            end=align_down(last, unit) + unit,
            interval=unit,
            entities=None if entity is None else (entity,),
        )
    )
    return FilledTime(rows.window_start)


def longer_intervals(interval: int, *, below: int) -> Iterator[int]:
    """Yield intervals that grow by a fifth, rounded up, while they are below a limit."""
    while (interval := -(-interval * 6 // 5)) < below:
        yield interval


def shorter_intervals(interval: int, *, steps: int) -> Iterator[int]:
    """Yield at most so many intervals that shrink by a fifth, rounded down, all positive."""
    for _ in range(steps):
        interval = interval * 4 // 5
        if interval <= 0:
            return
        yield interval
