"""How probable a score at least this high is, from the history of scores (reference, P0).

One history per entity in 64 coarse bins, and one of all entities together in fine bins, which
serves entities with few scores and gives every history the shape of its extreme tail. Weights decay
forward: new scores count more instead of old ones less, so nothing is touched that got no score.
All results are logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

OWN_BINS = 64
POOLED_BINS = 2048
ENOUGH = 500
"""Scores from which an entity is judged by its own history."""
TAIL = 0.98
"""The share of scores below the point where the tail begins."""
CAP = 0.999
CAP_ROOM = 1.05
"""Scores are learned as if they were not much higher than this share of the history.

Were they cut off at that very point, it could only ever fall.
"""
LEAST_CAPPED_WEIGHT = 1000.0
LEAST_WEIGHT_OF_TAIL = 100.0
"""Below it there is no tail: no probability is smaller than 1 / (weight + 1)."""
REFIT_EVERY = 256
FEW_EXCESSES = 50.0
SHAPE_OF_FEW = 0.1
"""The shape that is taken where too few scores lie in the tail to tell."""
LIGHTEST_TAIL = -1.0
"""The shape of a tail that falls as exp(-x^2)."""
LARGEST_SHAPE = 0.5
CENSORED = 0.1
"""The share of a tail of which only that share is used."""
LARGEST_GROWTH = 1e100


@dataclass(frozen=True)
class Bins:
    """Logarithmic bins: the first for all below ``low``, the last for all above ``high``."""

    low: float
    high: float
    count: int

    def of(self, score: Float64s) -> Int64s:
        """Return the bin of each score."""
        scaled = np.log(np.maximum(score, self.low) / self.low) / self._step
        return np.clip(scaled.astype(np.int64) + (score >= self.low), 0, self.count - 1)

    def edges(self) -> Float64s:
        """Return the lower edge of each bin ``float64[count]``; 0 for the first."""
        edges: Float64s = self.low * np.exp(self._step * np.arange(-1, self.count - 1))
        edges[0] = 0.0
        return edges

    @property
    def _step(self) -> float:
        return float(np.log(self.high / self.low)) / (self.count - 2)


OWN = Bins(0.25, 16.0, OWN_BINS)
POOLED = Bins(1e-3, 1e6, POOLED_BINS)


class Tails:
    """The histories of one kind of score.

    Args:
        decay: by how much weights grow per window.
        run: windows in which one event shows, for logarithms of probabilities: their tail is
            exponential but for what so few events leave in doubt; 0 = its shape is fitted.
    """

    def __init__(self, decay: float, run: float = 0.0) -> None:
        self._decay = decay
        self._run = run
        self._origin: int | None = None
        self._codes = np.empty(0, dtype=np.int64)
        self._own = np.zeros((0, OWN_BINS))
        self._counts = np.zeros(0, dtype=np.int64)
        self._pooled = np.zeros(POOLED_BINS)
        self._since_fit = REFIT_EVERY
        self._shape, self._scale = 0.0, 0.0

    def ln_probabilities(self, tick: int, entity: Int64s, score: Float64s) -> Float64s:
        """Judge scores of one window by the past.

        Args:
            tick: number of the window, start / interval.
            entity: ``int64[rows]``, codes.
            score: ``float64[rows]``.

        Returns: ``float64[rows]``, at most 0.
        """
        weight = self._weight_at(tick)
        used = (1 - CENSORED) * (1 - TAIL)
        doubt = self._run / (used * max(self.weight(tick), LEAST_WEIGHT_OF_TAIL))
        pooled = self._judged(
            np.broadcast_to(self._pooled / weight, (1, POOLED_BINS)), POOLED, score, doubt=doubt
        )
        places, known = self._places(entity)
        own = np.flatnonzero(known)
        own = own[self._counts[places[own]] >= ENOUGH]
        if len(own):
            histories = self._own[places[own]] / weight
            pooled[own] = self._judged(histories, OWN, score[own], doubt=doubt)
        return pooled

    def weight(self, tick: int) -> float:
        """Return what all scores so far weigh in a window."""
        return float(self._pooled.sum() / self._weight_at(tick))

    def learn(self, tick: int, entity: Int64s, score: Float64s) -> None:
        """Add the scores of one window."""
        if not len(score):
            return
        weight = self._weight_at(tick, learning=True)
        total = self._pooled.sum()
        if total / weight > LEAST_CAPPED_WEIGHT:
            (capped,) = self._quantiles([CAP])
            score = np.minimum(score, max(CAP_ROOM * capped, POOLED.low))
        self._pooled += weight * np.bincount(POOLED.of(score), minlength=POOLED_BINS)
        places = self._places_or_new(entity)
        np.add.at(self._own, (places, OWN.of(score)), weight)
        np.add.at(self._counts, places, 1)
        self._since_fit += len(score)
        if self._since_fit >= REFIT_EVERY:
            self._refit(weight)

    def state(self) -> dict[str, Any]:
        """Return everything, for ``restore``."""
        return {
            "origin": np.array([] if self._origin is None else [self._origin], dtype=np.int64),
            "codes": self._codes,
            "own": self._own,
            "counts": self._counts,
            "pooled": self._pooled,
            "fit": np.array([self._since_fit, self._shape, self._scale]),
        }

    def restore(self, take: Callable[[str], npt.NDArray[Any]]) -> None:
        """Become what ``state`` described."""
        origin = take("origin")
        self._origin = int(origin[0]) if len(origin) else None
        self._codes, self._own = take("codes"), take("own").reshape(-1, OWN_BINS)
        self._counts, self._pooled = take("counts"), take("pooled")
        fit = take("fit")
        self._since_fit, self._shape, self._scale = int(fit[0]), float(fit[1]), float(fit[2])

    def _judged(
        self, histories: Float64s, bins: Bins, score: Float64s, *, doubt: float
    ) -> Float64s:
        """Return ln p of each score by the history in its row, or by the only row."""
        cumulated = np.cumsum(histories, axis=1)
        total = cumulated[:, -1]
        at = bins.of(score)
        rows = (
            np.arange(len(score))
            if len(histories) > 1 or len(score) == 1
            else np.zeros(len(score), dtype=np.int64)
        )
        equal, up_to = histories[rows, at], cumulated[rows, at]
        weight = total[rows]
        p = (weight - up_to + 0.5 * equal + 1) / (weight + 1)
        ln_p = np.log(np.minimum(p, 1.0))
        if self._scale <= 0:
            return ln_p
        tail_bin = np.argmax(cumulated >= TAIL * total[:, None], axis=1)
        u = bins.edges()[np.minimum(tail_bin + 1, bins.count - 1)]
        above = total - np.take_along_axis(cumulated, tail_bin[:, None], axis=1)[:, 0]
        ln_p_u = np.log((above + 1) / (total + 1))
        beyond = (score > u[rows]) & (weight >= LEAST_WEIGHT_OF_TAIL)
        excess = np.maximum(score - u[rows], 0.0) / self._scale
        excess = excess ** (1 - min(self._shape, 0.0))
        shape = min(max(self._shape, 0.0) + doubt, LARGEST_SHAPE)
        fall = np.log1p(shape * excess) / shape if shape > 0 else excess
        return np.where(beyond, ln_p_u[rows] - fall, ln_p)

    def _refit(self, weight: float) -> None:
        """Fit a tail beyond the 98 % point, by two of its quantiles or by its mean up to one.

        They lie below the point from which scores are learned capped.
        """
        self._since_fit = 0
        total = self._pooled.sum()
        if total / weight < LEAST_WEIGHT_OF_TAIL:
            return
        u, half, most = self._quantiles([TAIL, 1 - (1 - TAIL) / 2, 1 - (1 - TAIL) * CENSORED])
        if half <= u:
            return
        if self._run:
            self._shape, self._scale = 0.0, self._mean_excess(u, most)
            return
        few = (1 - TAIL) * total / weight < FEW_EXCESSES
        fitted = _shape((most - u) / (half - u))
        self._shape = SHAPE_OF_FEW if few else fitted
        if self._shape > 0:
            at_half = math.expm1(self._shape * math.log(2)) / self._shape
        else:
            at_half = math.log(2) ** (1 / (1 - self._shape))
        self._scale = (half - u) / at_half

    def _mean_excess(self, start: float, end: float) -> float:
        """Return what scores lie beyond the start by, up to the end, per score that ends before."""
        low = POOLED.edges()
        high = np.append(low[1:], POOLED.high)
        weight = self._pooled * np.clip((high - start) / (high - low), 0.0, 1.0)
        middle = 0.5 * (np.maximum(low, start) + high)
        lasted = np.minimum(middle, end) - start
        return float((weight * lasted).sum() / weight[middle < end].sum())

    def _quantiles(self, shares: Sequence[float]) -> list[float]:
        """Return quantiles of the pooled history, linear within a bin."""
        cumulated = np.cumsum(self._pooled)
        edges = np.append(POOLED.edges(), POOLED.high)
        wanted = np.array(shares) * cumulated[-1]
        at = np.searchsorted(cumulated, wanted)
        below = cumulated[at] - self._pooled[at]
        part = (wanted - below) / np.maximum(self._pooled[at], 1e-300)
        return (edges[at] + part * (edges[at + 1] - edges[at])).tolist()  # type: ignore[no-any-return]

    def _weight_at(self, tick: int, *, learning: bool = False) -> float:
        """Return the weight of a score of a window; old weights shrink when it gets too large."""
        if self._origin is None:
            if not learning:
                return 1.0
            self._origin = tick
        weight = float(np.exp(self._decay * (tick - self._origin)))
        if learning and weight > LARGEST_GROWTH:
            self._pooled /= weight
            self._own /= weight
            self._origin = tick
            return 1.0
        return weight

    def _places(self, entity: Int64s) -> tuple[Int64s, npt.NDArray[np.bool_]]:
        """Return where each entity's history is, and whether it has one."""
        places = np.searchsorted(self._codes, entity)
        places = np.minimum(places, max(len(self._codes) - 1, 0))
        known = self._codes[places] == entity if len(self._codes) else np.zeros(len(entity), bool)
        return places, known

    def _places_or_new(self, entity: Int64s) -> Int64s:
        _, known = self._places(entity)
        new = np.unique(entity[~known])
        if len(new):
            at = np.searchsorted(self._codes, new)
            self._codes = np.insert(self._codes, at, new)
            self._own = np.insert(self._own, at, 0.0, axis=0)
            self._counts = np.insert(self._counts, at, 0)
        return np.searchsorted(self._codes, entity)


def _shape(ratio: float) -> float:
    """Return the shape, at most 0.5, of a tail whose 90 % and 50 % points have this ratio.

    Above 0 that of a generalised Pareto tail; below, the tail falls as exp(-x ** (1 - shape)).
    """
    low, high = 1e-6, 0.5
    exponential = math.log(10) / math.log(2)
    if ratio <= exponential:
        power = math.log(exponential) / math.log(ratio) if ratio > 1 else 1 - LIGHTEST_TAIL
        return max(1 - power, LIGHTEST_TAIL)
    for _ in range(40):
        middle = 0.5 * (low + high)
        if math.expm1(middle * math.log(10)) / math.expm1(middle * math.log(2)) < ratio:
            low = middle
        else:
            high = middle
    return low
