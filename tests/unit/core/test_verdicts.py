"""What is said of the shapes that people look at first: each has its name and its verdict."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anomalyd._core import SUPPRESSIONS
from tests.unit.core.series import PERIOD, run

SEEDS = range(3)
STEPS = 2000
AT = 1500
"""Where something happens; by then a model knows a series well."""
SHINGLE = 8
HEIGHT = 100.0


def wave(steps: int = STEPS) -> NDArray[np.float64]:
    """Return a wave of 50 to 150 with a little noise."""
    noise = 5 * np.random.default_rng(4).random(steps)
    return 100 + 50 * np.cos(2 * np.pi * np.arange(steps) / PERIOD) + noise


def flagged(values: NDArray[np.float64], seed: int) -> list[int]:
    """Return the rows with a grade."""
    return np.flatnonzero(run(values[:, None], seed=seed).grade > 0).tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_constant_series_is_calm(seed: int) -> None:
    """Nothing happens, nothing is flagged."""
    assert flagged(np.full(1000, 7.0), seed) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_single_spike_is_flagged_once(seed: int) -> None:
    """The spike and nothing else, though the shingle carries it along for seven more rows."""
    values = wave()
    values[AT] += HEIGHT
    assert flagged(values, seed) == [AT]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_level_shift_is_flagged_where_it_begins_and_then_learned(seed: int) -> None:
    """An alarm at the shift, at most one more within two periods, none after them."""
    values = wave()
    values[AT:] += 1.5 * HEIGHT
    found = flagged(values, seed)
    assert found[0] == AT
    assert len(found) <= 2
    assert found[-1] < AT + 2 * PERIOD


@pytest.mark.parametrize("seed", SEEDS)
def test_a_slow_drift_is_followed(seed: int) -> None:
    """A rise by two fifths of the range over 2,000 rows: at most one of them is flagged."""
    assert len(flagged(wave() + 0.02 * np.arange(STEPS), seed)) <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_missing_stretch_is_left_out(seed: int) -> None:
    """Rows without a value have no grade; the shingle that spans the gap may seem odd, no other."""
    values = wave()
    values[AT : AT + 40] = np.nan
    scores = run(values[:, None], seed=seed)
    assert np.isnan(scores.grade[AT : AT + 40]).all()
    behind = set(range(AT + 40, AT + 40 + SHINGLE - 1))
    assert set(np.flatnonzero(scores.grade > 0).tolist()) <= behind


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drop_to_zero_is_flagged_where_it_begins(seed: int) -> None:
    """An alarm at its first row, and at most one more before the series is back."""
    values = wave()
    values[AT : AT + 40] = 0.0
    found = flagged(values, seed)
    assert found[0] == AT
    assert len(found) <= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_extreme_values_are_flagged_and_leave_no_blindness(seed: int) -> None:
    """1e30 and -1e30: an alarm each, and none for what follows."""
    values = wave()
    values[AT], values[AT + 200] = 1e30, -1e30
    assert flagged(values, seed) == [AT, AT + 200]


@pytest.mark.parametrize("seed", SEEDS)
def test_tiny_values_are_judged_like_any(seed: int) -> None:
    """The series with the spike in billionths: the spike and nothing else."""
    values = wave() * 1e-9
    values[AT] += HEIGHT * 1e-9
    assert flagged(values, seed) == [AT]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_daylight_saving_jump_is_no_anomaly(seed: int) -> None:
    """The wave goes on two rows earlier than it should, as a clock that is put forward makes it."""
    values = wave(4000)
    assert flagged(np.delete(values, [3000, 3001]), seed) == []


@pytest.mark.parametrize("gap", range(2, SHINGLE))
@pytest.mark.parametrize("direction", [1, -1])
def test_a_second_anomaly_within_the_shingle_of_the_first_is_found(
    gap: int, direction: int
) -> None:
    """Two spikes in one shingle are two alarms (the reference implementation masks the second)."""
    for seed in SEEDS:
        values = wave()
        values[AT] += HEIGHT
        values[AT + gap] += direction * HEIGHT
        assert flagged(values, seed) == [AT, AT + gap]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_within_the_noise_passes(seed: int) -> None:
    """The cap on noise takes effect: high scores about as expected get no grade."""
    scores = run(wave(4000)[:, None], seed=seed)
    passed = scores.suppression == SUPPRESSIONS.index("NEAR_EXPECTED")
    assert passed.any()
    assert (scores.score[passed] >= scores.threshold[passed]).all()
    assert not (scores.grade > 0).any()
