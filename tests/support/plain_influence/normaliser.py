"""Scores of 0 to 100 from probabilities, in relation to what was seen before (reference §3, P3).

A sketch holds the largest raw score of each sampling period; the score is the smallest of four
ceilings: noise, percentile, the value's own maximum, and the probability itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

UNUSUAL = 0.035
"""Probabilities above it have the score 0 and are not written."""
LN_UNUSUAL = math.log(UNUSUAL)
LN_FLOOR = math.log(2.2250738585072014e-308)
_LN_HIGH, _LN_MIDDLE, _LN_LOW = math.log(0.05), math.log(1e-4), math.log(1e-50)

BINS = 1200
_LOWEST, _HIGHEST = 1e-3, 100.0
_STEP = math.log(_HIGHEST / _LOWEST) / (BINS - 1)
_KNOTS = (
    (0.0, 70.0, 85.0, 90.0, 95.0, 97.0, 99.0, 99.9, 100.0),
    (0.0, 1.0, 1.2, 1.5, 3.0, 20.0, 50.0, 90.0, 100.0),
)
_BOUNDS = (0.15, 0.85)
LARGEST_GROWTH = 1e100
THEORY_SAMPLES = 300.0
REMEMBERED_PERIODS = 100.0


def raw_scores(ln_p: Float64s) -> Float64s:
    """Return the raw score of each probability, 0 to 100 (reference §3)."""
    ln_p = np.maximum(ln_p, LN_FLOOR)
    linear = (np.exp(np.minimum(-ln_p, 11.0)) - 20) / (10_000 - 20)
    middle = 1 + 49 * (_LN_MIDDLE - ln_p) / (_LN_MIDDLE - _LN_LOW)
    far = 50 + 50 * (_LN_LOW - ln_p) / (_LN_LOW - LN_FLOOR)
    choices = [ln_p >= _LN_HIGH, ln_p >= _LN_MIDDLE, ln_p >= _LN_LOW]
    scores: Float64s = np.select(choices, [np.zeros_like(ln_p), linear, middle], far)
    return scores


class Sketch:
    """The raw scores of the past, one per sampling period, forward-decayed.

    Args:
        decay: by how much weights grow per period.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._weights = np.zeros(BINS + 1)
        self._origin: int | None = None
        self._period: int | None = None
        self._largest = 0.0
        self._tests = self._periods = self._usual_tests = 0.0

    def see(self, period: int, raw: float, tests: float) -> None:
        """Take the largest raw score of a window, of so many values, into its sampling period."""
        if self._period is not None and period > self._period:
            self._add()
            self._largest = self._tests = 0.0
        if self._period is None or period >= self._period:
            self._period = period
            self._largest = max(self._largest, raw)
            self._tests += tests

    def samples(self) -> float:
        """Return what all periods so far weigh, the current one among them."""
        return self._now()[1]

    def ceilings(self, raw: Float64s) -> Float64s:
        """Return the smaller of the noise and the percentile ceiling of each raw score."""
        weights, total = self._now()
        if total <= 0:
            return np.zeros_like(raw)
        cumulated = np.cumsum(weights)
        bins = _bin_of(raw)
        # inclusive, less the density there
        edges = _LOWEST * np.exp(_STEP * (bins - 1.0))
        expected = max(self._tests, self._usual_tests) * np.where(
            bins > 0, np.exp(_ln_of_raw_scores(edges)), 0.05
        )
        below = cumulated[bins] - weights[bins] + THEORY_SAMPLES * np.exp(-expected)
        samples = total + THEORY_SAMPLES
        share = below / samples
        used, at = np.unique(share, return_inverse=True)
        percentile = np.mean(
            [np.interp(100 * _beta_quantile(q, used, samples), *_KNOTS) for q in _BOUNDS], axis=0
        )[at]
        median = _middle_of(int(np.searchsorted(cumulated, 0.5 * total)))
        zero = weights[0] / total
        noise = np.maximum(1 + 10 * (raw - median), 0) + 100 * max(2 * min(2 * zero, 1) - 1, 0)
        ceilings: Float64s = np.minimum(noise, percentile)
        return ceilings

    def state(self) -> dict[str, Any]:
        """Return everything, for ``restore``."""
        numbers = [each for each in (self._origin, self._period) if each is not None]
        return {
            "weights": self._weights,
            "periods": np.array(numbers, dtype=np.int64),
            "largest": np.array([self._largest]),
            "known": np.array([self._origin is not None, self._period is not None]),
        }

    def restore(self, take: Callable[[str], npt.NDArray[Any]]) -> None:
        """Become what ``state`` described."""
        numbers, known = take("periods").tolist(), take("known").tolist()
        self._weights, self._largest = take("weights"), float(take("largest")[0])
        self._origin = numbers.pop(0) if known[0] else None
        self._period = numbers.pop(0) if known[1] else None

    def _add(self) -> None:
        assert self._period is not None
        if self._origin is None:
            self._origin = self._period
        weight = math.exp(self._decay * (self._period - self._origin))
        if weight > LARGEST_GROWTH:
            self._weights /= weight
            self._origin, weight = self._period, 1.0
        self._weights[_bin_of(np.array([self._largest]))[0]] += weight
        self._periods = min(self._periods + 1, REMEMBERED_PERIODS)
        self._usual_tests += (self._tests - self._usual_tests) / self._periods

    def _now(self) -> tuple[Float64s, float]:
        """Return the weights with the current period in them, as counts, and their sum."""
        if self._period is None:
            return self._weights, 0.0
        origin = self._period if self._origin is None else self._origin
        weights = self._weights / math.exp(self._decay * (self._period - origin))
        weights[_bin_of(np.array([self._largest]))[0]] += 1
        return weights, float(weights.sum())


def absolute_ceiling(ln_p: Float64s) -> Float64s:
    """Return the ceiling of the probability itself: 5 at 0.05, 100 at 1e-4."""
    return 100 * (0.05 + 0.95 * (_LN_HIGH - ln_p) / math.log(500))


def maximum_ceiling(raw: Float64s, largest: Float64s) -> Float64s:
    """Return the ceiling from a value's own largest raw score; 100 where it has none."""
    ratio = np.where(largest > 0, raw / np.where(largest > 0, largest, 1), 1.0)
    return 100 * np.minimum(1.5 * ratio, 0.5 + 0.5 * ratio)


def _bin_of(raw: Float64s) -> Int64s:
    with np.errstate(divide="ignore"):
        at = np.log(np.maximum(raw, _LOWEST) / _LOWEST) / _STEP
    return np.where(raw < _LOWEST, 0, np.minimum(at.astype(np.int64) + 1, BINS))


def _ln_of_raw_scores(raw: Float64s) -> Float64s:
    choices = [
        -np.log(20 + raw * (10_000 - 20)),
        _LN_MIDDLE - (raw - 1) / 49 * (_LN_MIDDLE - _LN_LOW),
    ]
    far = _LN_LOW - (raw - 50) / 50 * (_LN_LOW - LN_FLOOR)
    values: Float64s = np.select([raw <= 1, raw <= 50], choices, far)
    return values


def _middle_of(bin: int) -> float:
    return 0.0 if bin == 0 else _LOWEST * math.exp(_STEP * (bin - 0.5))


def _beta_quantile(q: float, share: Float64s, n: float) -> Float64s:
    """Return quantiles of Beta(n·share + 1/3, n·(1 - share) + 1/3)."""
    # three digits are plenty, and most requests have come before then
    return np.array([_one_beta_quantile(q, _rounded(n - each * n), _rounded(n)) for each in share])


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


@lru_cache(maxsize=100_000)
def _one_beta_quantile(q: float, failures: float, n: float) -> float:
    a, b = max(n - failures, 0.0) + 1 / 3, max(failures, 0.0) + 1 / 3
    low, high = 0.0, 1.0
    x = a / (a + b)
    ln_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    # Newton's steps, kept inside what is known to hold the root
    for _ in range(40):
        miss = _beta_cdf(a, b, x) - q
        low, high = (x, high) if miss < 0 else (low, x)
        slope = math.exp(ln_front + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))
        following = x - miss / slope if slope > 0 else 0.0
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - x) <= 1e-9:
            break
        x = following
    return x


def _beta_cdf(a: float, b: float, x: float) -> float:
    if x <= 0 or x >= 1:
        return float(x >= 1)
    ln_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return math.exp(ln_front) * _beta_fraction(a, b, x) / a
    return 1 - math.exp(ln_front) * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > 1e-300 else 1e-300)
    h = d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / (d if abs(d) > 1e-300 else 1e-300)
            c = 1 + numerator / c
            c = c if abs(c) > 1e-300 else 1e-300
            h *= d * c
        if abs(d * c - 1) < 1e-12:
            break
    return h
