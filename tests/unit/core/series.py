"""Series with a known truth, and the shortest way to run one through the core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomalyd._core import BankSettings, ModelBank, Scores

PERIOD = 50
NOISE = 5.0


@dataclass(frozen=True)
class Labelled:
    """Inputs ``float64[points, features]`` and whether each was changed ``bool[points]``."""

    values: NDArray[np.float64]
    anomalous: NDArray[np.bool_]


def labelled_series(seed: int, features: int, *, dependent: bool, points: int = 5127) -> Labelled:
    """Return waves with noise in which about 1 % of the points are changed by ±25 to ±50.

    The shape is that of the reference implementation's own accuracy tests
    (``anomaly-detection-behaviour`` §19); the random numbers are numpy's. Dependent: a point is
    chosen with probability 0.01, then each of its features changed with 0.3. Independent: each
    feature on its own with 0.003.
    """
    random = np.random.default_rng(seed)
    phase = random.integers(0, PERIOD, features)
    amplitude = (1 + 0.2 * random.random(features)) * 100
    time = np.arange(points)[:, None]
    values = amplitude * np.cos(2 * np.pi * (time + phase) / PERIOD)
    values += NOISE * random.random((points, features))
    if dependent:
        changed = (random.random((points, 1)) < 0.01) & (random.random((points, features)) < 0.3)
    else:
        changed = random.random((points, features)) < 0.01 * 0.3
    sign = np.where(random.random((points, features)) < 0.5, -1, 1)
    size = 5 * (1 + random.random((points, features))) * NOISE
    return Labelled(values + changed * sign * size, changed.any(axis=1))


def run(
    values: NDArray[np.float64], *, seed: int = 0, settings: BankSettings | None = None
) -> Scores:
    """Return what one new model says of the rows ``[points, features]``, a minute apart."""
    settings = settings or BankSettings(features=values.shape[1])
    bank = ModelBank(settings, threads=1)
    models = bank.add(np.array([seed], dtype=np.uint64))
    return bank.process(
        np.repeat(models, len(values)), minutes(len(values)), np.ascontiguousarray(values)
    )


def minutes(count: int) -> NDArray[np.int64]:
    """Return ``count`` timestamps, a minute apart."""
    return np.arange(count, dtype=np.int64) * 60_000
