"""A new normal is told and then learned: level, drift and spread (random-cut-forest §10)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anomalyd._core import SUPPRESSIONS
from tests.unit.core.series import PERIOD, run

SEEDS = range(4)
STEPS = 2300
AT = 1500
"""Where a change begins."""
TIME = np.arange(STEPS)
RAMP = np.clip((TIME - AT) / (12 * PERIOD), 0, 1)


def wave() -> NDArray[np.float64]:
    """Return a wave of 50 to 150 with a little noise."""
    noise = 5 * np.random.default_rng(4).random(STEPS)
    return 100 + 50 * np.cos(2 * np.pi * TIME / PERIOD) + noise


def calm() -> NDArray[np.float64]:
    """Return noise about 100."""
    return 100 + 5 * np.random.default_rng(4).standard_normal(STEPS)


def flagged(values: NDArray[np.float64], seed: int) -> list[int]:
    """Return the rows with a grade from the change on, and counted from it."""
    grade = run(values[:, None], seed=seed).grade
    return np.flatnonzero(grade[AT:] > 0).tolist()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("change", [100.0, -60.0])
def test_a_wave_on_another_level_alarms_once(change: float, seed: int) -> None:
    """Where it begins, though its phases come up on the new level one after the other."""
    values = wave()
    values[AT:] += change
    assert flagged(values, seed) == [0]
    passed = run(values[:, None], seed=seed).suppression[AT:]
    assert (passed == SUPPRESSIONS.index("DATA_DRIFT")).any()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("change", [100.0, -60.0])
def test_noise_on_another_level_is_soon_normal(change: float, seed: int) -> None:
    """At most four alarms, all within 40 inputs."""
    values = calm()
    values[AT:] += change
    found = flagged(values, seed)
    assert found[0] == 0
    assert len(found) <= 4
    assert found[-1] < 40


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drift_of_the_mean_is_told_at_its_begin(seed: int) -> None:
    """A rise by the whole range of the wave within twelve periods: not in each of them."""
    found = flagged(wave() + 100 * RAMP, seed)
    assert 1 <= len(found) <= 3
    assert found[0] < 2 * PERIOD


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("factor", [2.0, 3.0])
def test_another_spread_is_normal_after_three_periods(factor: float, seed: int) -> None:
    """A wave that swings wider has another shape, too, which takes longer to learn."""
    values = wave()
    values[AT:] = 100 + factor * (values[AT:] - 100)
    found = flagged(values, seed)
    assert found[0] < PERIOD
    assert found[-1] < 3 * PERIOD


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gap", [35, 60])
@pytest.mark.parametrize("change", [100.0, -100.0])
def test_a_spike_on_the_new_level_is_found(change: float, gap: int, seed: int) -> None:
    """What is new on the new level is no drift."""
    values = wave()
    values[AT:] += 100
    values[AT + gap] += change
    assert gap in flagged(values, seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gap", [35, 60])
@pytest.mark.parametrize("change", [100.0, -100.0])
def test_the_next_shift_and_the_way_back_are_found(change: float, gap: int, seed: int) -> None:
    """Each step between two levels is an anomaly of its own."""
    values = wave()
    values[AT:] += 100
    values[AT + gap :] += change
    assert gap in flagged(values, seed)
