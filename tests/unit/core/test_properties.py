"""What holds of the core whatever the data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anomalyd._core import BankSettings, ModelBank, Scores
from tests.unit.core.series import labelled_series, minutes, run

COLUMNS = ("score", "grade", "confidence", "threshold")
EXPLANATIONS = ("suppression", "relative_index", "attribution", "expected", "past_values")
LEAST_GRADE = 1 - np.exp(-3.3 / 5)
"""Of the least rare score that is an anomaly: one in 27."""
SMALL = BankSettings(features=1, trees=5, sample_size=16, shingle_size=3, output_after=12)

ordinary = st.floats(-1e6, 1e6, allow_nan=False)
extreme = st.floats(allow_nan=False, allow_infinity=False)
missing = st.just(float("nan"))


def assert_equal(some: Scores, other: Scores) -> None:
    for column in COLUMNS + EXPLANATIONS:
        np.testing.assert_array_equal(getattr(some, column), getattr(other, column))


def column(values: list[float]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)[:, None]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(ordinary, extreme, missing, st.just(0.0)), max_size=120))
def test_outcomes_stay_in_their_ranges(values: list[float]) -> None:
    """Finite inputs of any size give finite outcomes; missing ones give NaN and nothing else."""
    scores = run(column(values), settings=SMALL)
    gone = np.isnan(values)
    for name in COLUMNS:
        np.testing.assert_array_equal(np.isnan(getattr(scores, name)), gone)
    score, grade = scores.score[~gone], scores.grade[~gone]
    assert ((score >= 0) & (score <= np.log2(17))).all()
    assert ((grade >= 0) & (grade <= 1)).all()
    assert (grade[grade > 0] >= LEAST_GRADE).all()
    assert ((scores.confidence[~gone] >= 0) & (scores.confidence[~gone] <= 1)).all()
    assert (score[grade > 0] >= scores.threshold[~gone][grade > 0]).all()


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 8),
    st.lists(st.integers(0, 3), min_size=1, max_size=300),
    st.lists(st.integers(0, 300), max_size=4),
)
def test_threads_and_batches_do_not_matter(
    threads: int, models: list[int], cuts: list[int]
) -> None:
    """The same rows in any batches on any number of threads give the same bits."""
    rows = len(models)
    numbers = np.array(models, dtype=np.int64)
    values = np.random.default_rng(rows).normal(size=(rows, 1))
    values[::11] = np.nan

    def bank(count: int) -> ModelBank:
        made = ModelBank(SMALL, threads=count)
        made.add(np.arange(4, dtype=np.uint64))
        return made

    whole = bank(1).process(numbers, minutes(rows), values)
    pieces = bank(threads)
    edges = [0, *sorted(min(cut, rows) for cut in cuts), rows]
    parts = [
        pieces.process(numbers[a:b], minutes(rows)[a:b], values[a:b])
        for a, b in itertools.pairwise(edges)
    ]
    for name in COLUMNS + EXPLANATIONS:
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_the_seed_decides() -> None:
    """The same seed gives the same bits, another seed another forest."""
    values = labelled_series(3, 2, dependent=True, points=800).values
    assert_equal(run(values, seed=5), run(values, seed=5))
    assert (run(values, seed=5).score != run(values, seed=6).score).sum() > 700


@settings(deadline=None, max_examples=20)
@given(st.sets(st.integers(0, 199), max_size=60))
def test_missing_rows_leave_no_trace(gone: set[int]) -> None:
    """Rows with a NaN change nothing about the rows around them."""
    present = labelled_series(4, 2, dependent=True, points=200).values
    with_gaps = np.insert(present, sorted(gone), np.nan, axis=0)
    with_gaps[np.isnan(with_gaps[:, 0]), 1] = 7.0  # one missing feature is enough
    kept = ~np.isnan(with_gaps[:, 0])
    scores, expected = run(with_gaps), run(present)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(scores, name)[kept], getattr(expected, name))
        assert np.isnan(getattr(scores, name)[~kept]).all()


@pytest.mark.parametrize("unit", [1e-6, 1e9])
@pytest.mark.parametrize("features", [1, 3])
def test_the_unit_of_a_series_does_not_matter(unit: float, features: int) -> None:
    """The same series in another unit gets the same grades."""
    values = labelled_series(2, features, dependent=True, points=3000).values
    plain, other = run(values), run(values * unit)
    assert (plain.grade > 0).any()
    np.testing.assert_array_equal(plain.grade, other.grade)
    np.testing.assert_allclose(plain.score, other.score, rtol=1e-5)


def test_features_of_different_units_count_alike() -> None:
    """An anomaly in a feature of billionths is found beside a feature of billions."""
    series = labelled_series(2, 2, dependent=True, points=3000)
    plain = run(series.values)
    mixed = run(series.values * [1e-9, 1e9])
    np.testing.assert_array_equal(plain.grade, mixed.grade)


@pytest.mark.parametrize("level", [0.0, 1e-9, 0.1, 1e12, -3.0])
@pytest.mark.parametrize("shingle_size", [1, 8])
def test_a_constant_series_is_calm(level: float, shingle_size: int) -> None:
    """A constant is never an anomaly, also if its last digit wavers as that of a sum does."""
    values = np.full((2000, 1), level)
    values[::7] = np.nextafter(level, 2 * level)
    settings = BankSettings(features=1, shingle_size=shingle_size)
    assert not run(values, settings=settings).grade.any()


@pytest.mark.parametrize("level", [0.0, 1e-9, 5.0, 1e12])
def test_a_change_of_a_constant_series_is_an_anomaly(level: float) -> None:
    """The first other value after a long constant has the full grade."""
    values = np.full((500, 1), level)
    values[-1] = level * 1.5 + (1.0 if level == 0 else 0.0)
    assert run(values).grade[-1] == 1.0


def test_confidence_rises_from_zero_to_one() -> None:
    """It is 0 up to the first scored input, never falls and ends near 1."""
    confidence = run(np.random.default_rng(1).normal(size=(20_000, 1))).confidence
    assert (confidence[:33] == 0).all()
    assert (np.diff(confidence[32:]) > 0).all()
    assert confidence[-1] > 0.999


def test_one_row_at_a_time_is_the_same_as_all_at_once() -> None:
    """A real-time tick and a backfill give the same bits."""
    values = labelled_series(5, 1, dependent=True, points=400).values
    bank = ModelBank(BankSettings(features=1), threads=2)
    models = bank.add(np.array([9], dtype=np.uint64))
    ticks = [
        bank.process(models, time[None], row[None])
        for time, row in zip(minutes(400), values, strict=True)
    ]
    whole = run(values, seed=9)
    for name in COLUMNS + EXPLANATIONS:
        joined = np.concatenate([getattr(tick, name) for tick in ticks])
        np.testing.assert_array_equal(joined, getattr(whole, name))
