"""How often influencers are as improbable as they say, with the scores of a real forest.

Series of entities that behave as usual, in three kinds; the entities may depend on each other.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from anomalyd._core import BankSettings, InfluenceState, ModelBank

INTERVAL = 1_800_000
SHINGLE = 8
BURN_IN = 0.25
"""Share of the windows after which rates are counted."""
Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rates:
    """What one field showed of values with so many entities each.

    Attributes:
        one_percent, one_permille: rate of p <= alpha, over alpha.
        high, very_high: share of sampling periods with any score >= 75, >= 90.
    """

    one_percent: float
    one_permille: float
    high: float
    very_high: float


def mean_and_error(runs: list[Rates]) -> tuple[Rates, Rates]:
    """Return the mean of some runs with different seeds, and its standard error by their spread."""
    each = np.array([astuple(run) for run in runs])
    error = each.std(axis=0, ddof=1) / math.sqrt(len(runs))
    return Rates(*each.mean(axis=0).tolist()), Rates(*error.tolist())


def usual_series(
    kind: str, windows: int, entities: int, *, correlation: float, seed: int
) -> Float64s:
    """Return values ``float64[windows, entities]`` that are stationary, autoregressive, seasonal.

    ``correlation`` is that of the entities' noise in a window.
    """
    rng = np.random.default_rng(seed)
    shared = math.sqrt(correlation) * rng.standard_normal((windows, 1))
    noise = shared + math.sqrt(1 - correlation) * rng.standard_normal((windows, entities))
    if kind == "stationary":
        return 100 + 10 * noise
    if kind == "seasonal":
        day = np.sin(2 * np.pi * np.arange(windows) / 48)
        seasonal: Float64s = 100 + 40 * day[:, None] + 8 * noise
        return seasonal
    values = np.empty_like(noise)
    state = np.zeros(entities)
    for window in range(windows):
        state = 0.8 * state + 0.6 * noise[window]
        values[window] = state
    return 50 + 5 * values


def forest_scores(values: Float64s, *, trees: int = 30) -> Float64s:
    """Return the scores ``float64[windows, entities]``; NaN while a model warms up."""
    windows, entities = values.shape
    bank = ModelBank(BankSettings(features=1, shingle_size=SHINGLE, trees=trees), threads=2)
    models = bank.add(np.arange(entities, dtype=np.uint64))
    # All windows of an entity before the next one, which models are fastest at.
    found = bank.process(
        np.repeat(models, windows),
        np.tile((np.arange(windows) + 1) * INTERVAL, entities),
        np.ascontiguousarray(values.T).reshape(-1, 1),
    )
    scores = np.where(found.confidence > 0, found.score, np.nan)
    return np.ascontiguousarray(scores.reshape(entities, windows).T)


def rates(
    scores: Float64s, sizes: tuple[int, ...], *, burn_in: float = BURN_IN
) -> dict[int, Rates]:
    """Give scores to a state whose fields put so many entities into each value; count what comes.

    A sampling period is as long as a shingle.
    """
    windows, entities = scores.shape
    entity = np.tile(np.arange(entities), windows)
    state = InfluenceState(
        fields=len(sizes), features=1, interval=INTERVAL, period=SHINGLE * INTERVAL
    )
    found = state.process(
        np.repeat(np.arange(windows) * INTERVAL, entities),
        entity,
        np.stack([entity // size for size in sizes], axis=1),
        scores.ravel(),
        np.zeros((scores.size, 1)),
    )
    first = int(windows * burn_in)
    late = found.window >= first * INTERVAL
    rest = windows - first

    def counted(field: int, size: int) -> Rates:
        mine = late & (found.field == field)
        values = rest * -(-entities // size)
        at = [
            float((found.ln_probability[mine] <= math.log(alpha)).sum()) / values / alpha
            for alpha in (1e-2, 1e-3)
        ]
        periods = found.window // (SHINGLE * INTERVAL)
        high = [
            len(np.unique(periods[mine & (found.score >= score)])) * SHINGLE / rest
            for score in (75, 90)
        ]
        return Rates(at[0], at[1], high[0], high[1])

    return {size: counted(field, size) for field, size in enumerate(sizes)}
