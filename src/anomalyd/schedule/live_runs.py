"""What the models of running historical analyses look like, for whoever asks from outside."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LiveSeries:
    """One series that is being analysed, as it was after its last piece of windows.

    Attributes:
        task_id: of the series: an entity's task, or the single-entity detector's.
        updates: windows that its model has learned.
        model_size_in_bytes: of the model, counted from its containers.
    """

    task_id: str
    updates: int
    model_size_in_bytes: int


class LiveRuns:
    """The series that run now, by the detector's task. Thread-safe.

    Runs write, others read; what is read are values that change no more.
    """

    def __init__(self) -> None:
        self._series: dict[str, tuple[LiveSeries, ...]] = {}
        self._lock = threading.Lock()

    def show(self, run: str, series: Sequence[LiveSeries]) -> None:
        """Replace what is shown of a run."""
        with self._lock:
            self._series[run] = tuple(series)

    def forget(self, run: str) -> None:
        """Show nothing of a run any more; one that is not shown is fine."""
        with self._lock:
            self._series.pop(run, None)

    def series(self, run: str) -> tuple[LiveSeries, ...]:
        """Return the series of a run that are being analysed; none when it is not running."""
        with self._lock:
            return self._series.get(run, ())
