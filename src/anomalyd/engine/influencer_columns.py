"""What the state of a run sees of scores, and which of its new scores are worth writing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anomalyd._core import Influencers
from anomalyd.model.detector import Detector
from anomalyd.model.influencer import BUCKET_TIME
from anomalyd.store.base import ScoreColumns
from anomalyd.store.influencers import Bools, BucketRows, Float64s, Int64s, StoredShares

BANDS = (25.0, 50.0, 75.0)
SMALLEST_CHANGE = 1.5
SMALLEST_RATIO = 0.33


@dataclass(frozen=True)
class RunColumns:
    """Which columns of values the state sees.

    The category fields come first. ``bucket_time`` is one value that all entities share. Where
    neither it nor the only category field stands for whole entities, one more column does. The
    detector's further influencers come last; shares tell of their values.

    Attributes:
        names: of the columns; "" for the one of whole entities.
        categories: how many of them are category fields.
        record: the column whose values are whole entities.
        further: how many of them, at the end, are further influencers.
    """

    names: tuple[str, ...]
    categories: int
    record: int
    further: int = 0

    @staticmethod
    def of(detector: Detector) -> RunColumns:
        """Return the columns of a detector's runs."""
        categories = detector.categories
        further = detector.options.influencers
        names = (*categories, BUCKET_TIME)
        if len(categories) <= 1:
            # a single series' only entity is the value of bucket_time, whose code is 0 too
            return RunColumns((*names, *further), len(categories), 0, len(further))
        return RunColumns((*names, "", *further), len(categories), len(names), len(further))

    @property
    def influencers(self) -> tuple[int, ...]:
        """The columns whose unusual values are influencers."""
        first = len(self.names) - self.further
        return (*range(self.categories), *range(first, len(self.names)))

    def values(self, scores: ScoreColumns) -> Int64s:
        """Return the codes ``int64[rows, columns]``."""
        everything = np.zeros((len(scores), 1), dtype=np.int64)
        parts = [scores.values, everything]
        if len(self.names) - self.further > self.categories + 1:
            parts.append(scores.entity[:, None])
        parts.append(np.full((len(scores), self.further), -1, dtype=np.int64))
        return np.ascontiguousarray(np.hstack(parts))

    def shares(self, scores: ScoreColumns, shares: StoredShares) -> tuple[Int64s, Float64s]:
        """Return shares as the state takes them: places ``int64[4, shares]``, and scores.

        Those of rows that are none of these scores, and of fields that are none of the columns,
        are left out.
        """
        entities = np.unique(scores.entity)
        windows = np.unique(scores.window)
        count = max(len(entities), 1)
        rows = np.searchsorted(windows, scores.window) * count + np.searchsorted(
            entities, scores.entity
        )
        wanted = np.searchsorted(windows, shares.timestamp) * count + np.searchsorted(
            entities, shares.entity
        )
        row = np.minimum(np.searchsorted(rows, wanted), max(len(rows) - 1, 0))
        field = self.positions(shares.field)
        known = np.zeros(len(shares), dtype=np.bool_)
        if len(rows):
            known = (
                (scores.window[row] == shares.timestamp)
                & (scores.entity[row] == shares.entity)
                & (field >= len(self.names) - self.further)
            )
        columns = (row, field, shares.code, shares.carriers)
        places = np.array([column[known] for column in columns], dtype=np.int64)
        return places, np.ascontiguousarray(shares.score[known])

    def buckets(self, found: Influencers) -> BucketRows:
        """Return the levels of buckets: the category fields and ``bucket_time``."""
        kept = found.bucket_field <= self.categories
        return BucketRows(
            timestamp=found.bucket_window[kept],
            field=[self.names[each] for each in found.bucket_field[kept].tolist()],
            ln_probability=found.bucket_ln_probability[kept],
            raw=found.bucket_raw[kept],
            score=found.bucket_score[kept],
            count=found.bucket_count[kept],
        )

    def positions(self, fields: npt.NDArray[Any]) -> Int64s:
        """Return the column of each field name ``int64[rows]``; -1 where there is none."""
        found = np.full(len(fields), -1, dtype=np.int64)
        for position, name in enumerate(self.names):
            found[fields == name] = position
        return found


def worth_writing(old: Float64s, new: Float64s) -> Bools:
    """Tell which scores changed enough to be written: the band, by 1.5, or to below a third."""
    band: Bools = np.searchsorted(BANDS, old, side="right") != np.searchsorted(
        BANDS, new, side="right"
    )
    low, high = np.minimum(old, new), np.maximum(old, new)
    changed: Bools = band | (high - low >= SMALLEST_CHANGE) | (low < SMALLEST_RATIO * high)
    return changed
