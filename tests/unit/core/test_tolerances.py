"""Rules in the core: which anomalies are ignored, and that nothing behind them is lost."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from numpy.typing import NDArray

from anomalyd._core import SUPPRESSIONS, BankSettings, ModelBank, Scores
from tests.unit.core.series import PERIOD, labelled_series, minutes, run

TOLERATED = SUPPRESSIONS.index("TOLERATED")
AT = 1000
Tolerance = tuple[float, float, float, float]


def wave(*changes: tuple[int, float]) -> NDArray[np.float64]:
    """Return a wave of 250 to 350 with a little noise, and changes so many rows after ``AT``."""
    steps = AT + 100
    values = 300 + 50 * np.cos(2 * np.pi * np.arange(steps) / PERIOD)
    values += 5 * np.random.default_rng(4).random(steps)
    for after, change in changes:
        values[AT + after] += change
    return values[:, None]


def judged(values: NDArray[np.float64], seed: int, *rules: Tolerance) -> Scores:
    """Run a model that ignores by these rules for its only feature."""
    settings = BankSettings(features=1, tolerances=[[rule] for rule in rules])
    return run(values, settings=settings, seed=seed)


def flagged(scores: Scores) -> list[int]:
    """Return the rows with a grade, counted from ``AT``."""
    return [int(row) - AT for row in np.flatnonzero(scores.grade > 0) if row >= AT]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("change", "rules", "ignored"),
    [
        (100.0, [(inf, 0, 0, 0)], True),
        (-100.0, [(inf, 0, 0, 0)], False),
        (-100.0, [(0, inf, 0, 0)], True),
        (100.0, [(0, inf, 0, 0)], False),
        (100.0, [(150, 0, 0, 0)], True),
        (100.0, [(60, 150, 0, 0)], False),
        (-100.0, [(60, 150, 0, 0)], True),
        (100.0, [(0, 0, 0.5, 0)], True),
        (100.0, [(0, 0, 0.1, 0)], False),
        (-100.0, [(0, 0, 0, 0.5)], True),
        (-100.0, [(0, 0, 0, 0.1)], False),
        (100.0, [(150, 0, 0.1, 0)], True),
        (100.0, [(0, 150, 0, 0), (0, 0, 0.5, 0)], True),
        (100.0, [(60, 0, 0, 0), (0, inf, 0, 0)], False),
    ],
)
def test_a_spike_and_a_rule(
    seed: int, change: float, rules: list[Tolerance], ignored: bool
) -> None:
    """One-sided, absolute and relative rules, both sides or kinds in one, and alternatives."""
    scores = judged(wave((0, change)), seed, *rules)
    assert flagged(scores) == ([] if ignored else [0])
    assert bool(scores.suppression[AT] == TOLERATED) is ignored


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("gap", range(1, 8))
@pytest.mark.parametrize("change", [200.0, -200.0])
def test_what_was_ignored_has_not_alarmed(seed: int, gap: int, change: float) -> None:
    """A change that a rule allows hides none that it does not, however soon that comes."""
    scores = judged(wave((0, 60.0), (gap, change)), seed, (80, 0, 0, 0))
    assert flagged(scores) == [gap]


@pytest.mark.parametrize("seed", range(10))
def test_what_was_ignored_does_not_alarm_later(seed: int) -> None:
    """The spike lies in seven shingles more, in none of which it is new."""
    assert flagged(judged(wave((0, 150.0)), seed, (inf, 0, 0, 0))) == []


def test_only_what_lies_outside_of_every_rule_has_a_grade() -> None:
    """By the numbers that a row itself reports; scores and thresholds are those without rules."""
    features = 2
    series = labelled_series(3, features, dependent=True, points=4000).values
    rules = [[(35.0, 0, 0, 0.5)] * features, [(inf, inf, 0, 0), (0, 40.0, 0, 0)]]
    scores = run(series, settings=BankSettings(features=features, tolerances=rules), seed=1)
    plain = run(series, settings=BankSettings(features=features), seed=1)
    np.testing.assert_array_equal(scores.score, plain.score)
    np.testing.assert_array_equal(scores.threshold, plain.threshold)

    rows = np.arange(len(series))
    actual = series[rows + scores.relative_index]
    difference, size = actual - scores.expected, np.abs(actual)
    covered = np.zeros(len(series), dtype=np.bool_)
    for rule in np.array(rules):
        over, below, over_ratio, below_ratio = rule.T
        near = np.where(
            difference >= 0,
            difference <= np.maximum(over, over_ratio * size),
            -difference <= np.maximum(below, below_ratio * size),
        )
        covered |= near.all(axis=1)
    tolerated = scores.suppression == TOLERATED
    assert tolerated.sum() > 5
    assert (scores.grade > 0).sum() > 5
    assert covered[tolerated].all()
    assert not covered[scores.grade > 0].any()


def test_rules_can_change_without_training_anew() -> None:
    """A checkpoint is read whatever the rules, and goes on as if they had held before."""
    values = wave((0, 100.0))
    learned = ModelBank(BankSettings(features=1), threads=1)
    model = learned.add(np.array([1], dtype=np.uint64))
    learned.process(np.repeat(model, AT), minutes(AT), values[:AT])
    lenient = ModelBank(BankSettings(features=1, tolerances=[[(150, 0, 0, 0)]]), threads=1)
    restored = lenient.restore(learned.checkpoint(model))
    scores = lenient.process(restored, minutes(AT + 1)[AT:], values[AT : AT + 1])
    assert scores.suppression[0] == TOLERATED
    assert scores.grade[0] == 0


@pytest.mark.parametrize(
    ("tolerances", "message"),
    [
        ([[(0, 0, 0, -1.0)]], "tolerances must be 0 or more, got -1"),
        ([[(0, 0, 0, 0)] * 2], "tolerances must be one per feature in each rule, got 2"),
    ],
)
def test_impossible_rules(tolerances: list[list[Tolerance]], message: str) -> None:
    """Each is named."""
    with pytest.raises(ValueError, match=message):
        BankSettings(features=1, tolerances=tolerances)


def test_settings_are_equal_with_equal_rules() -> None:
    """And show them."""
    rules = (((1.0, 0.0, 0.0, 0.5),),)
    settings = BankSettings(features=1, tolerances=rules)
    assert settings.tolerances == rules
    assert settings == BankSettings(features=1, tolerances=rules) != BankSettings(features=1)
    assert "tolerances=(((1.0, 0.0, 0.0, 0.5),),)" in repr(settings)
