"""Values for windows that have none, so that a series that falls silent is seen (behaviour §17)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anomalyd.engine.window import WindowRange
from anomalyd.model.detector import Detector
from anomalyd.model.detector_options import Imputation, ImputationMethod

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FilledRows:
    """Rows sorted by window and then entity; every value is finite.

    Attributes:
        entity, window_start: ``int64[rows]``.
        values: ``float64[rows, features]``.
        imputed: ``bool[rows, features]``, which values were made up.
    """

    entity: Int64s
    window_start: Int64s
    values: Float64s
    imputed: Bools

    def __len__(self) -> int:
        return len(self.entity)

    def part(self, first: int, end: int) -> FilledRows:
        """Return the rows from one position up to another."""
        part = slice(first, end)
        return FilledRows(
            self.entity[part], self.window_start[part], self.values[part], self.imputed[part]
        )

    def where(self, chosen: Bools) -> FilledRows:
        """Return the chosen rows ``bool[rows]``."""
        return FilledRows(
            self.entity[chosen], self.window_start[chosen], self.values[chosen],
            self.imputed[chosen],
        )  # fmt: skip


class Imputer:
    """Fills the gaps of consecutive ranges of windows; remembers each entity's last values.

    A series begins with its first complete window: nothing is made up before that.

    Args:
        option: the detector's.
        feature_names: in the order of the columns.
    """

    def __init__(self, option: Imputation, feature_names: tuple[str, ...]) -> None:
        self._method = option.method
        fill = [option.fill.get(name, 0.0) for name in feature_names]
        self._fill = np.array(fill, dtype=np.float64)
        # NaN in the first column: the series has not begun
        self._last = np.empty((0, len(feature_names)), dtype=np.float64)

    @staticmethod
    def of(detector: Detector) -> Imputer | None:
        """Return what fills a detector's gaps; None where they stay."""
        option = detector.options.imputation
        if option is None or option.method is ImputationMethod.MISSING:
            return None
        return Imputer(option, tuple(feature.name for feature in detector.enabled_features))

    def knows(self, entity: Int64s, values: Float64s) -> None:
        """Begin series: their last values ``float64[n, features]`` were these."""
        self._grow(int(entity.max(initial=-1)) + 1)
        self._last[entity] = values

    def fill(
        self, windows: WindowRange, entity: Int64s, window_start: Int64s, values: Float64s
    ) -> FilledRows:
        """Return the rows of a range with its gaps filled.

        Args:
            windows: the range; it follows the one before.
            entity: ``int64[rows]``, from 0.
            window_start: ``int64[rows]``, starts of windows of the range.
            values: ``float64[rows, features]``; NaN = missing.
        """
        self._grow(int(entity.max(initial=-1)) + 1)
        entities, features = self._last.shape
        grid = np.full((windows.count, entities, features), np.nan)
        at = (window_start - windows.start) // windows.interval
        grid[at, entity] = values
        complete = np.isfinite(grid).all(axis=2)
        begun = np.isfinite(self._last[:, 0])[None, :] | np.logical_or.accumulate(complete, axis=0)
        missing = ~np.isfinite(grid) & begun[:, :, None]
        filled = self._filled(grid, missing)
        if windows.count:
            self._last = np.where(begun[-1][:, None], filled[-1], self._last)
        window, found = np.nonzero(begun)
        return FilledRows(
            found.astype(np.int64),
            windows.start + window.astype(np.int64) * windows.interval,
            filled[window, found],
            missing[window, found],
        )

    def _filled(self, grid: Float64s, missing: Bools) -> Float64s:
        if self._method is ImputationMethod.ZERO:
            return np.where(missing, 0.0, grid)
        if self._method is ImputationMethod.FIXED_VALUES:
            return np.where(missing, self._fill, grid)
        # the last value at or before each window: that of the range before comes first
        longer = np.concatenate([self._last[None], grid])
        number = np.arange(len(longer))[:, None, None]
        newest = np.maximum.accumulate(np.where(np.isfinite(longer), number, 0), axis=0)
        previous = np.take_along_axis(longer, newest, axis=0)[1:]
        return np.where(missing, previous, grid)

    def _grow(self, entities: int) -> None:
        more = entities - len(self._last)
        if more > 0:
            nothing = np.full((more, self._last.shape[1]), np.nan)
            self._last = np.concatenate([self._last, nothing])
