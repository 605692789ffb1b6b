"""How far an entity is from what all entities of its detector usually are.

An entity whose model is still warming up has no score. Its feature values are compared with those
of the others instead: the largest distance from the mean over the features, in standard
deviations. What that is worth as a probability is for the history of such distances to say
(``engine.tails``), so the measure needs to be right in its order only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]

ENOUGH = 100.0
"""Weight of values from which the limit on what is learned holds."""
LEAST = 32
"""Rows that must have been seen before distances mean anything."""
LIMIT = 5.0
"""Values are learned as if they were no further away than so many standard deviations."""
LARGEST_GROWTH = 1e100


class Population:
    """Forward-decayed mean and spread of the values of all entities, per feature.

    Args:
        features: values per row.
        decay: by how much weights grow per window.
    """

    def __init__(self, features: int, decay: float) -> None:
        self._decay = decay
        self._origin: int | None = None
        # weight, weighted sum, weighted sum of squares about the first value seen
        self._sums = np.zeros((3, features))
        self._about = np.zeros(features)
        self._rows = 0

    @property
    def known(self) -> bool:
        """Whether enough rows were seen for distances to mean something."""
        return self._rows >= LEAST

    def distances(self, values: Float64s) -> Float64s:
        """Return the distance of each row ``float64[rows, features]``: ``float64[rows]``."""
        mean, deviation = self._moments()
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.abs(values - mean) / deviation
        distances: Float64s = np.nan_to_num(away, nan=0.0, posinf=1e6).max(axis=1, initial=0.0)
        return distances

    def learn(self, tick: int, values: Float64s) -> None:
        """Add the rows of one window."""
        if self._origin is None:
            self._origin, self._about = tick, values[0].copy()
        weight = math.exp(self._decay * (tick - self._origin))
        if weight > LARGEST_GROWTH:
            self._sums /= weight
            self._origin, weight = tick, 1.0
        if self._sums[0, 0] / weight >= ENOUGH:
            mean, deviation = self._moments()
            values = np.clip(values, mean - LIMIT * deviation, mean + LIMIT * deviation)
        self._rows += len(values)
        offset = values - self._about
        self._sums[0] += weight * len(values)
        self._sums[1] += weight * offset.sum(axis=0)
        self._sums[2] += weight * (offset**2).sum(axis=0)

    def state(self) -> dict[str, Any]:
        """Return everything, for ``restore``."""
        origin = np.array([] if self._origin is None else [self._origin], dtype=np.int64)
        rows = np.array([self._rows], dtype=np.int64)
        return {"origin": origin, "sums": self._sums, "about": self._about, "rows": rows}

    def restore(self, take: Callable[[str], npt.NDArray[Any]]) -> None:
        """Become what ``state`` described."""
        origin = take("origin")
        self._origin = int(origin[0]) if len(origin) else None
        self._sums, self._about = take("sums"), take("about")
        self._rows = int(take("rows")[0])

    def _moments(self) -> tuple[Float64s, Float64s]:
        weight = np.maximum(self._sums[0], 1e-300)
        mean = self._sums[1] / weight
        variance = np.maximum(self._sums[2] / weight - mean**2, 0.0)
        return self._about + mean, np.sqrt(variance)
