"""Influencers are as improbable as they say: a sample of benchmarks/bench_influence.py."""

from __future__ import annotations

import numpy as np
import pytest

from anomalyd._core import combined_probability
from tests.support.calibration import forest_scores, mean_and_error, rates, usual_series

LN_ONE_PERMILLE = np.log(1e-3)


@pytest.mark.parametrize(
    ("kind", "correlation"),
    [
        ("stationary", 0.0),
        ("autoregressive", 0.0),
        ("seasonal", 0.0),
        ("autoregressive", 0.2),
        ("seasonal", 0.2),
    ],
)
def test_with_the_scores_of_a_forest(kind: str, correlation: float) -> None:
    """Rates of p <= alpha about as they should be, for 1, 5 and 20 entities a value; few alarms.

    One event shows in all windows of a shingle, so that a sample as small as this one scatters
    far more than its number of windows suggests. Its second half is past the models' youth.
    """
    runs = [
        rates(
            forest_scores(
                usual_series(kind, 5_000, 20, correlation=correlation, seed=seed), trees=15
            ),
            (1, 5, 20),
            burn_in=0.5,
        )
        for seed in (1, 2, 3)
    ]
    for size in (1, 5, 20):
        mean, _ = mean_and_error([run[size] for run in runs])
        assert 0.7 <= mean.one_percent <= 1.5, (size, mean)
        assert mean.high <= 0.01, (size, mean)
        if size < 20:
            assert 0.5 <= mean.one_permille <= 1.6, (size, mean)


def test_one_entity_among_thirty_is_found() -> None:
    """Power of the extreme: one at 1e-5, always; ten a little improbable, in three of four."""
    rng = np.random.default_rng(2)
    p = rng.random((2_000, 30))
    one, ten = p.copy(), p.copy()
    one[:, 0] = 1e-5
    ten[:, :10] **= 4
    found = [
        float((combined_probability(np.log(each), 0.0) <= LN_ONE_PERMILLE).mean())
        for each in (one, ten)
    ]
    assert found[0] >= 0.99
    assert 0.72 <= found[1] <= 0.82


@pytest.mark.parametrize("entities", [5, 30])
def test_entities_that_depend_on_each_other(entities: int) -> None:
    """With the correlation estimated from them, the rate stays near alpha: Brown's correction."""
    rng = np.random.default_rng(3)
    draws, shared = 100_000, 0.2
    noise = np.sqrt(shared) * rng.standard_normal((draws, 1)) + np.sqrt(
        1 - shared
    ) * rng.standard_normal((draws, entities))
    # ranks make each column uniform, whatever the tail of the normal distribution
    p = (np.argsort(np.argsort(noise, axis=0), axis=0) + 0.5) / draws
    x = np.minimum(-2 * np.log(p), 14) - 2
    pairs = (x.sum(axis=1) ** 2 - (x**2).sum(axis=1)) / (entities * (entities - 1))
    correlation = max(float(pairs.mean()), 0.0)
    combined = combined_probability(np.log(p), correlation)
    for alpha in (1e-2, 1e-3):
        assert 0.7 <= (combined <= np.log(alpha)).mean() / alpha <= 1.5
