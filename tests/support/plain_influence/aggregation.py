"""From the probabilities of entities to that of the value they share (reference, P2).

All entities that reported count, not only the flagged ones. Everything is in logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

LARGEST_QUIET = 14.0
LEAST_QUIET_P = 2.6e-3
"""Only groups at least this probable tell how entities depend on each other on quiet days."""
SMALL = 1e-15
LARGEST_INPUT = 0.99


@dataclass(frozen=True)
class Groups:
    """Sums over the rows of each group; ``float64[groups]`` each.

    Attributes:
        n: rows.
        t: sum of -2 ln p.
        x, xx: sums of x and x², x = min(-2 ln p, 14) - 2.
        ln_first: the smallest ln p.
    """

    n: Float64s
    t: Float64s
    x: Float64s
    xx: Float64s
    ln_first: Float64s

    @staticmethod
    def of(group: Int64s, count: int, ln_p: Float64s) -> Groups:
        """Sum rows up by group: ``int64[rows]`` below ``count``, ``float64[rows]``."""
        # in the order of ln p, so that the sums do not depend on the order of the rows
        order = np.lexsort((ln_p, group))
        group, ln_p = group[order], ln_p[order]
        x = np.minimum(-2 * ln_p, LARGEST_QUIET) - 2
        first = np.searchsorted(group, np.arange(count))
        return Groups(
            np.bincount(group, minlength=count).astype(np.float64),
            np.bincount(group, weights=-2 * ln_p, minlength=count).astype(np.float64),
            np.bincount(group, weights=x, minlength=count).astype(np.float64),
            np.bincount(group, weights=x * x, minlength=count).astype(np.float64),
            ln_p[first],
        )


def ln_combined(groups: Groups, correlation: float) -> Float64s:
    """Return ln p of each group: the extreme and the joint probability, combined after Cauchy.

    Args:
        groups: sums of their rows.
        correlation: how much entities depend on each other, 0 or more (Brown's correction).
    """
    n = groups.n
    several = np.flatnonzero(n > 1)
    combined = groups.ln_first.copy()
    if not len(several):
        return combined
    n = n[several]
    ln_extreme = ln_one_minus_power(groups.ln_first[several], n)
    variance = 4 * n + n * (n - 1) * correlation
    c, half_degrees = variance / (4 * n), 4 * n**2 / variance
    ln_joint = ln_upper_gamma(half_degrees, groups.t[several] / (2 * c))
    combined[several] = ln_cauchy(ln_extreme, ln_joint)
    return combined


def correlation_sample(groups: Groups, ln_p: Float64s) -> tuple[float, float]:
    """Return sum and number of the quiet groups' estimates of the correlation."""
    quiet = (groups.n > 1) & (ln_p > math.log(LEAST_QUIET_P))
    n = groups.n[quiet]
    estimates = (groups.x[quiet] ** 2 - groups.xx[quiet]) / (n * (n - 1))
    return float(estimates.sum()), float(len(estimates))


def ln_one_minus_power(ln_p: Float64s, n: Float64s) -> Float64s:
    """Return ln(1 - (1 - p)^n)."""
    p = np.exp(ln_p)
    with np.errstate(divide="ignore"):
        exact = np.log(-np.expm1(n * np.log1p(-np.minimum(p, 1 - 1e-16))))
    return np.where(n * p < 1e-10, np.minimum(np.log(n) + ln_p, 0.0), exact)


def ln_cauchy(one: Float64s, other: Float64s) -> Float64s:
    """Return ln of the Cauchy combination of two probabilities, given and returned as ln."""
    p, q = (np.minimum(np.exp(each), LARGEST_INPUT) for each in (one, other))
    mean = 0.5 * (np.tan((0.5 - p) * np.pi) + np.tan((0.5 - q) * np.pi))
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.log(0.5 - np.arctan(mean) / np.pi)
    # the harmonic mean, which the combination tends to, in logarithms
    small = math.log(2) - np.logaddexp(-one, -other)
    tiny = np.minimum(one, other) < math.log(SMALL)
    return np.minimum(np.where(tiny | ~np.isfinite(plain), small, plain), 0.0)


def ln_upper_gamma(a: Float64s, x: Float64s) -> Float64s:
    """Return ln Q(a, x) of the regularised upper incomplete gamma function."""
    ln_gamma = np.array([math.lgamma(each) for each in a.tolist()])
    with np.errstate(divide="ignore"):
        ln_front = a * np.log(np.maximum(x, 1e-300)) - x - ln_gamma
    result = np.empty_like(x)
    low = x < a + 1
    if low.any():
        result[low] = _ln_by_series(a[low], x[low], ln_front[low])
    if not low.all():
        result[~low] = _ln_by_fraction(a[~low], x[~low], ln_front[~low])
    return np.minimum(result, 0.0)


def _ln_by_series(a: Float64s, x: Float64s, ln_front: Float64s) -> Float64s:
    term = 1 / a
    total, k = term.copy(), a.copy()
    for _ in range(10_000):
        k = k + 1
        term = term * x / k
        total += term
        if (term <= total * 1e-16).all():
            break
    lower = np.exp(ln_front) * total
    return np.log1p(-np.minimum(lower, 1 - 1e-16))


def _ln_by_fraction(a: Float64s, x: Float64s, ln_front: Float64s) -> Float64s:
    b = x + 1 - a
    c = np.full_like(b, 1e300)
    d = 1 / b
    h = d.copy()
    for k in range(1, 10_000):
        factor = -k * (k - a)
        b = b + 2
        d = 1 / _not_zero(factor * d + b)
        c = _not_zero(b + factor / c)
        h = h * d * c
        if (np.abs(d * c - 1) < 1e-15).all():
            break
    return ln_front + np.log(h)


def _not_zero(value: Float64s) -> Float64s:
    return np.where(np.abs(value) < 1e-300, 1e-300, value)
