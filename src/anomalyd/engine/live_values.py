"""What the models of running detectors are asked for, and what they work with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from anomalyd.engine.analysis import ScoredRows
from anomalyd.engine.window import WindowRange
from anomalyd.executor.base import Executor, Int64s
from anomalyd.source.base import EntityValues, Source
from anomalyd.store.influencers import NO_SHARES, ShareRows
from anomalyd.store.models import CheckpointStore, ScoredValuesReader


@dataclass(frozen=True)
class ColdStart:
    """What was found in the past of a detector.

    Attributes:
        learned: windows that the model with the most has learned.
        windows: windows of the past that were looked at.
        empty: starts of those without any complete row, epoch ms, the newest first.
        models: how many models were made.
    """

    learned: int
    windows: int
    empty: tuple[int, ...]
    models: int


@dataclass(frozen=True)
class LiveRows:
    """Scored rows of a tick; ``rows.entity`` points into ``entities``.

    Attributes:
        shares: what the unusual ones would be without the documents of a value.
    """

    rows: ScoredRows
    entities: tuple[EntityValues, ...]
    shares: ShareRows = NO_SHARES

    @property
    def by_window(self) -> Iterator[ScoredRows]:
        """The rows of each window; they must be sorted by window."""
        starts = self.rows.window_start
        cuts = [0, *(np.flatnonzero(np.diff(starts)) + 1).tolist(), len(starts)]
        for first, last in itertools.pairwise(cuts):
            yield self.rows.part(first, last)


def empty_windows(windows: WindowRange, seen: Sequence[Int64s]) -> Int64s:
    """Return the starts of the windows that are in none of these columns of starts."""
    every = np.arange(windows.start, windows.end, windows.interval, dtype=np.int64)
    return np.setdiff1d(every, np.concatenate(seen)) if seen else every


@dataclass(frozen=True, kw_only=True)
class LiveModel:
    """One model, to be looked at.

    Attributes:
        updates: windows that it has learned.
        size: bytes in memory.
        last_used: when it last learned a window, epoch ms.
        last_saved: when it was last written down, epoch ms.
    """

    entity: EntityValues
    updates: int
    size: int
    last_used: int
    last_saved: int


@dataclass(frozen=True, kw_only=True)
class LiveTools:
    """What the models of running detectors work with.

    Attributes:
        now: the time of day, epoch ms; for figures only.
        history: windows of the past that a model is trained with; None = 32 + shingle size.
        checkpoint_seconds: within this time every model is written down once.
    """

    source: Source
    executor: Executor
    learned: ScoredValuesReader
    checkpoints: CheckpointStore
    now: Callable[[], int]
    history: int | None = None
    checkpoint_seconds: int = 3_600
