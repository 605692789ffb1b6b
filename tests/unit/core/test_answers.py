"""Transforms, missing values, and what a bank answers without learning: whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anomalyd._core import BankSettings, ModelBank
from tests.unit.core.series import labelled_series, minutes, run

TRANSFORMS = ["NONE", "NORMALIZE", "DIFFERENCE", "NORMALIZE_DIFFERENCE", "SUBTRACT_MOVING_AVERAGE"]
GUESSES = ["PREVIOUS", "LINEAR", "FOREST"]
WAVE = labelled_series(4, 2, dependent=True, points=400).values
ONE = np.zeros(1, dtype=np.int64)


def small(**more: object) -> BankSettings:
    shape = {"features": 2, "trees": 8, "sample_size": 32, "shingle_size": 4, "output_after": 12}
    return BankSettings(**{**shape, **more})  # type: ignore[arg-type]


def noisy_wave() -> NDArray[np.float64]:
    """Return ``[2000, 1]``, a wave of 50 to 150 with a little noise."""
    noise = 5 * np.random.default_rng(4).random(2000)
    return (100 + 50 * np.cos(2 * np.pi * np.arange(2000) / 50) + noise)[:, None]


def trained(settings: BankSettings, values: NDArray[np.float64]) -> ModelBank:
    bank = ModelBank(settings, threads=1)
    bank.add(np.zeros(1, dtype=np.uint64))
    bank.process(np.zeros(len(values), dtype=np.int64), minutes(len(values)), values)
    return bank


@pytest.mark.parametrize("transform", TRANSFORMS)
@settings(deadline=None, max_examples=15)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=60))
def test_any_finite_series_has_finite_scores(transform: str, values: list[float]) -> None:
    """Also numbers at the end of the doubles, whose differences and squares leave them."""
    column = np.array(values, dtype=np.float64)[:, None]
    scores = run(column, settings=small(features=1, transform=transform))
    for name in ("score", "grade", "confidence", "threshold"):
        assert np.isfinite(getattr(scores, name)).all()


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_lonely_peak_is_found_and_explained(transform: str) -> None:
    """Under every transform: the peak has the grade, and the expected value is about the wave."""
    values = 100 + 10 * np.sin(np.arange(900) / 8)[:, None]
    usual = values[800, 0]
    values[800] += 200
    scores = run(values, settings=BankSettings(features=1, transform=transform))
    assert scores.grade[800] > 0
    assert scores.relative_index[800] == 0
    assert scores.expected[800, 0] == pytest.approx(usual, abs=15)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("change", [100.0, -100.0])
def test_a_spike_alarms_once(transform: str, change: float) -> None:
    """Also where it is two steps, there and back."""
    for seed in range(6):
        values = noisy_wave()
        values[1500] += change
        grade = run(values, settings=BankSettings(features=1, transform=transform), seed=seed).grade
        assert (np.flatnonzero(grade[1400:] > 0) + 1400).tolist() == [1500]


@pytest.mark.parametrize("transform", ["DIFFERENCE", "NORMALIZE_DIFFERENCE"])
def test_a_second_jump_is_found_under_differences(transform: str) -> None:
    """A level that stays and rises again is two anomalies."""
    for seed in range(6):
        values = noisy_wave()
        values[1500:] += 100
        values[1503:] += 100
        grade = run(values, settings=BankSettings(features=1, transform=transform), seed=seed).grade
        assert (np.flatnonzero(grade[1400:] > 0) + 1400).tolist() == [1500, 1503]


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([("ZERO", (), (0.0, 0.0)), ("FIXED", (7.0, -2.0), (7.0, -2.0))]),
    st.sets(st.tuples(st.integers(0, 119), st.integers(0, 1)), max_size=60),
)
def test_zero_and_fixed_values_are_data(
    option: tuple[str, tuple[float, ...], tuple[float, float]], gone: set[tuple[int, int]]
) -> None:
    """A gap is answered and learned as if the value had been there."""
    imputation, fixed, fill = option
    gaps = WAVE[:120].copy()
    for row, feature in gone:
        gaps[row, feature] = np.nan
    told = np.where(np.isnan(gaps), fill, gaps)
    scores = run(gaps, settings=small(imputation=imputation, fixed_values=fixed))
    plain = run(told, settings=small())
    np.testing.assert_array_equal(scores.score, plain.score)
    np.testing.assert_array_equal(scores.grade, plain.grade)
    np.testing.assert_array_equal(scores.imputed, np.isnan(gaps))


@pytest.mark.parametrize("imputation", GUESSES)
@settings(deadline=None, max_examples=15)
@given(gone=st.sets(st.tuples(st.integers(0, 119), st.integers(0, 1)), max_size=80))
def test_guesses_answer_every_row_once_there_is_a_scale(
    imputation: str, gone: set[tuple[int, int]]
) -> None:
    """Left out are only rows with a gap before the first ten inputs; confidence never rises."""
    gaps = WAVE[:120].copy()
    for row, feature in gone:
        gaps[row, feature] = np.nan
    scores = run(gaps, settings=small(imputation=imputation))
    incomplete = np.isnan(gaps).any(axis=1)
    complete = np.cumsum(~incomplete)
    left_out = incomplete & (complete < 10)
    np.testing.assert_array_equal(np.isnan(scores.score), left_out)
    np.testing.assert_array_equal(scores.imputed, np.isnan(gaps) & ~left_out[:, None])
    assert (scores.confidence[~left_out] <= 1).all()


def test_guesses_lower_the_confidence() -> None:
    """By the share of the values that were there."""
    gaps = WAVE.copy()
    gaps[100::4] = np.nan
    guessed = run(gaps, settings=small(imputation="PREVIOUS"))
    known = run(WAVE, settings=small())
    assert guessed.confidence[-1] == pytest.approx(known.confidence[-1] * 0.81, abs=0.03)


def test_a_drop_to_zero_is_seen() -> None:
    """Silence in a series of counts is an anomaly where an absence means none."""
    values = 100 + 10 * np.sin(np.arange(600) / 8)[:, None]
    values[500:] = np.nan
    scores = run(values, settings=BankSettings(features=1, imputation="ZERO"))
    assert scores.grade[500] > 0
    assert scores.imputed[500:].all()


@pytest.mark.parametrize("transform", TRANSFORMS)
@settings(deadline=None, max_examples=10)
@given(cut=st.integers(40, 399))
def test_questions_leave_no_trace(transform: str, cut: int) -> None:
    """Rescoring, attribution, imputation, forecast and neighbours change no bit of a model."""
    bank = trained(small(transform=transform), WAVE[:cut])
    before = bank.checkpoint(ONE)
    shingle = WAVE[None, cut - 3 : cut + 1]
    if cut == len(WAVE) - 1:
        shingle = WAVE[None, -4:]
    scores = bank.rescore(ONE, shingle)
    high, low = bank.attribute(ONE, shingle)
    gaps = shingle.copy()
    gaps[0, -1, 0] = np.nan
    completed = bank.impute(ONE, gaps)
    values, lower, upper = bank.forecast(ONE, 5)
    points, distance, trees = bank.neighbours(ONE, shingle, 8)
    assert bank.checkpoint(ONE) == before
    assert high.sum() + low.sum() == pytest.approx(scores.score[0])
    assert np.isfinite(completed).all()
    np.testing.assert_array_equal(completed[~np.isnan(gaps)], shingle[~np.isnan(gaps)])
    assert values.shape == (1, 5, 2)
    assert ((lower <= values) & (values <= upper)).all()
    assert points.shape == (1, 8, 4, 2)
    assert trees.sum() <= 8
    found = distance[trees > 0]
    assert (np.diff(found) >= 0).all()


@settings(deadline=None, max_examples=15)
@given(st.integers(40, 399))
def test_rescoring_gives_the_score_of_the_next_row(cut: int) -> None:
    """To the bit where nothing is scaled; about so with a scale that moves."""
    for transform, tolerance in (("NONE", 0.0), ("NORMALIZE", 0.2)):
        bank = trained(small(transform=transform), WAVE[:cut])
        rescored = bank.rescore(ONE, WAVE[None, cut - 3 : cut + 1]).score
        row = WAVE[cut : cut + 1]
        score = bank.process(ONE, minutes(cut + 1)[-1:], row).score
        np.testing.assert_allclose(rescored, score, rtol=tolerance, atol=0)


@pytest.mark.parametrize("imputation", ["ZERO", *GUESSES])
def test_restored_models_fill_in_alike(imputation: str) -> None:
    """A checkpoint holds what the next guess needs, also in the middle of a gap."""
    gaps = WAVE.copy()
    gaps[150:153] = gaps[200::7] = np.nan
    bank = trained(small(imputation=imputation), gaps[:151])
    copy = ModelBank(small(imputation=imputation), threads=1)
    copy.restore(bank.checkpoint(ONE))
    rest = gaps[151:]
    numbers, times = np.zeros(len(rest), dtype=np.int64), minutes(len(gaps))[151:]
    one, other = bank.process(numbers, times, rest), copy.process(numbers, times, rest)
    for name in ("score", "grade", "confidence", "threshold", "imputed"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    with pytest.raises(ValueError, match="other settings"):
        ModelBank(small(), threads=1).restore(bank.checkpoint(ONE))


@pytest.mark.parametrize(
    ("shingle", "message"),
    [
        (np.zeros((1, 3, 2)), r"values must have the shape \(rows, 4, 2\), got \(rows, 3, 2\)"),
        (np.zeros((1, 4, 1)), r"values must have the shape"),
        (np.zeros((2, 4, 2)), r"values must have 1 row\(s\), got 2"),
        (np.zeros((4, 2)), r"values must have 3 dimension\(s\), got 2"),
        (np.full((1, 4, 2), np.inf), "values must be finite or NaN, row 0 is not"),
    ],
)
def test_questions_that_cannot_be_answered(shingle: NDArray[np.float64], message: str) -> None:
    """Every mistake is named, by each of the questions about shingles."""
    bank = trained(small(), WAVE[:50])
    for ask in (bank.rescore, bank.attribute, bank.impute):
        with pytest.raises(ValueError, match=message):
            ask(ONE, shingle)
    with pytest.raises(ValueError, match=message):
        bank.neighbours(ONE, shingle, 1)


def test_bounds_of_questions() -> None:
    """Horizon and count are bounded, models must exist."""
    bank = trained(small(), WAVE[:50])
    with pytest.raises(ValueError, match="horizon must be from 1 to 10000, got 0"):
        bank.forecast(ONE, 0)
    with pytest.raises(ValueError, match="count must be from 1 to the number of trees, got 9"):
        bank.neighbours(ONE, WAVE[None, :4], 9)
    with pytest.raises(ValueError, match="there is no model 5"):
        bank.forecast(ONE + 5, 1)
    with pytest.raises(ValueError, match="there is no model 5"):
        bank.rescore(ONE + 5, WAVE[None, :4])
