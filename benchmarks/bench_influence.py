"""Influencers in the core: their speed, and in full whether they are as improbable as they say.

``pytest benchmarks/bench_influence.py --benchmark-only``; the calibration takes minutes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from anomalyd._core import InfluenceState
from tests.support.calibration import BURN_IN, SHINGLE, forest_scores, rates, usual_series

HALF_HOUR = 1_800_000
ENTITIES = 100_000
ROWS = 1_000_000
WINDOWS = 12_000
SEEDS = (1, 2, 3)
ENTITIES_OF_SERIES = 40
SIZES = (1, 5, 40)
LEAST, MOST = 0.7, 1.5


def test_all_entities_of_an_interval(benchmark: Any) -> None:
    """100,000 entities, three fields: at most a second."""
    rng = np.random.default_rng(0)
    state = InfluenceState(fields=3, features=1, interval=HALF_HOUR, period=HALF_HOUR)
    entity = np.arange(ENTITIES)
    values = np.stack([entity, entity % 1_000, 0 * entity], axis=1)
    features = np.zeros((ENTITIES, 1))
    windows = iter(range(1_000_000))

    def interval() -> None:
        window = np.full(ENTITIES, next(windows) * HALF_HOUR)
        state.process(window, entity, values, rng.gamma(8, 0.12, ENTITIES), features)

    interval()
    benchmark.pedantic(interval, rounds=20)
    assert benchmark.stats.stats.median <= 1.0


def test_renormalising(benchmark: Any) -> None:
    """A million stored rows: at most ten seconds."""
    rng = np.random.default_rng(0)
    state = InfluenceState(fields=1, features=1, interval=HALF_HOUR, period=HALF_HOUR)
    entity = np.arange(1_000)
    for window in range(500):
        state.process(
            np.full(1_000, window * HALF_HOUR),
            entity,
            entity[:, None],
            rng.gamma(8, 0.12, 1_000),
            np.zeros((1_000, 1)),
        )
    field, value = np.zeros(ROWS, dtype=np.int64), rng.integers(0, 1_000, ROWS)
    ln_p = -3.4 - rng.exponential(2, ROWS)
    benchmark.pedantic(lambda: state.renormalise(field, value, ln_p), rounds=5)
    assert benchmark.stats.stats.median <= 10.0


@pytest.mark.parametrize("correlation", [0.0, 0.2])
@pytest.mark.parametrize("kind", ["stationary", "autoregressive", "seasonal"])
def test_calibration(benchmark: Any, kind: str, correlation: float) -> None:
    """Rates of p <= 1 % and 0.1 % over alpha, and alarms per sampling period, with a forest.

    Above 1.5 and the design rates only as far as three deviations of chance allow: one event shows
    in all windows of a shingle, so that events are what is counted.
    """

    def measured() -> Any:
        runs = [rates(forest_scores(series(seed)), SIZES) for seed in SEEDS]
        return {size: [run[size] for run in runs] for size in SIZES}

    def series(seed: int) -> Any:
        return usual_series(kind, WINDOWS, ENTITIES_OF_SERIES, correlation=correlation, seed=seed)

    found = benchmark.pedantic(measured, rounds=1)
    for size, runs in found.items():
        groups = ENTITIES_OF_SERIES // size
        mean = {
            name: sum(getattr(run, name) for run in runs) / len(runs)
            for name in ("one_percent", "one_permille", "high", "very_high")
        }
        benchmark.extra_info[f"{size} a value"] = mean
        print(f"{kind} correlation {correlation}, {size} entities a value: {mean}")
        assert mean["one_percent"] <= at_most(MOST, 0.01 * groups), (size, mean)
        assert mean["one_permille"] <= at_most(MOST, 0.001 * groups), (size, mean)
        assert mean["one_percent"] >= LEAST, (size, mean)
        if size == 1:
            assert mean["one_permille"] >= LEAST, mean
        assert mean["high"] <= at_most(0.004375, 0.004375), (size, mean)
        assert mean["very_high"] <= at_most(0.001, 0.001), (size, mean)


def at_most(limit: float, events: float) -> float:
    """Return a limit with three deviations of chance above it.

    Args:
        limit: of a rate.
        events: expected per sampling period.
    """
    periods = len(SEEDS) * WINDOWS * (1 - BURN_IN) / SHINGLE
    return limit * (1 + 3 / math.sqrt(events * periods))
