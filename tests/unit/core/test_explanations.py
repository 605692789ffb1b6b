"""Why a row is anomalous, what was expected in its place, and why a high score has no grade."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anomalyd._core import SUPPRESSIONS, BankSettings, Scores
from tests.unit.core.series import NOISE, PERIOD, labelled_series, run

SMALL = BankSettings(
    features=2, trees=5, sample_size=16, shingle_size=3, output_after=12, corrector=False
)
POINTS = 1_200


def clean(features: int, seed: int = 1) -> NDArray[np.float64]:
    """Return waves with a little noise, ``float64[POINTS, features]``."""
    random = np.random.default_rng(seed)
    time = np.arange(POINTS)[:, None] + np.arange(features) * 7
    waves = 100 * np.cos(2 * np.pi * time / PERIOD)
    return waves + NOISE * random.random((POINTS, features))


def assert_consistent(scores: Scores, values: NDArray[np.float64], shingle_size: int) -> None:
    """What holds of every answer."""
    anomalous = scores.grade > 0
    late = anomalous & (scores.relative_index < 0)
    for name, given_at in (("attribution", anomalous), ("past_values", late)):
        held = np.isfinite(getattr(scores, name))
        np.testing.assert_array_equal(held, np.broadcast_to(given_at[:, None], held.shape))
    share = scores.attribution[anomalous]
    assert (share >= 0).all()
    np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-12)
    asked = np.isin(
        scores.suppression,
        [SUPPRESSIONS.index(n) for n in ("NEAR_EXPECTED", "CONDITIONAL_FORECAST", "ALERT_ONCE")],
    )
    expected = np.isfinite(scores.expected)
    wanted = (anomalous | asked) if shingle_size > 1 else np.zeros_like(anomalous)
    np.testing.assert_array_equal(expected, np.broadcast_to(wanted[:, None], expected.shape))
    assert (scores.relative_index <= 0).all()
    assert (scores.relative_index > -shingle_size).all()
    assert not scores.relative_index[~(anomalous | asked)].any()
    assert not (scores.suppression[anomalous]).any()
    present = np.isfinite(values).all(axis=1)
    place = np.cumsum(present) - 1
    for row in np.flatnonzero(late):
        earlier = np.flatnonzero(present)[place[row] + scores.relative_index[row]]
        np.testing.assert_array_equal(scores.past_values[row], values[earlier])


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(*[st.one_of(st.floats(-1e9, 1e9), st.sampled_from([0.0, 1.0]))] * 2),
        min_size=30,
        max_size=90,
    ),
    st.sets(st.integers(0, 89), max_size=9),
    st.sampled_from([1, 3]),
    st.booleans(),
)
def test_explanations_hold_together(
    rows: list[tuple[float, float]], gone: set[int], shingle_size: int, corrector: bool
) -> None:
    """Parts sum to 1, earlier inputs come back as they were, and nothing is given unasked."""
    values = np.array(rows)
    values[[row for row in gone if row < len(values)], 0] = np.nan
    shape = BankSettings(
        features=2,
        trees=5,
        sample_size=16,
        shingle_size=shingle_size,
        output_after=12,
        corrector=corrector,
    )
    assert_consistent(run(values, settings=shape), values, shingle_size)


@pytest.mark.parametrize("corrector", [True, False])
def test_explanations_of_labelled_series_hold_together(corrector: bool) -> None:
    """With many anomalies of several features, found at once and late."""
    values = labelled_series(3, 3, dependent=True, points=3000).values
    scores = run(values, settings=BankSettings(features=3, corrector=corrector))
    assert (scores.grade > 0).sum() > 10
    assert corrector or (scores.relative_index < 0).any()
    assert_consistent(scores, values, 8)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
@pytest.mark.parametrize("feature", [0, 1, 2])
def test_the_changed_feature_has_most_of_the_attribution(feature: int, unit: float) -> None:
    """Whatever the unit of the series."""
    values = clean(3)
    values[1000, feature] += 250
    scores = run(values * unit)
    assert scores.grade[1000] > 0
    assert scores.relative_index[1000] == 0
    assert scores.attribution[1000].argmax() == feature
    assert scores.attribution[1000, feature] > 0.6


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("features", [1, 3])
def test_what_was_expected_is_near_the_series_without_its_spike(features: int, seed: int) -> None:
    """Within a few of its steps (at most 4 π per row, and the noise)."""
    calm = clean(features)
    values = calm.copy()
    values[1000] += 90
    scores = run(values, seed=seed)
    assert scores.grade[1000] > 0
    np.testing.assert_allclose(scores.expected[1000], calm[1000], atol=25)


def test_the_unit_of_a_series_is_that_of_its_explanation() -> None:
    """Expected values scale with the series."""
    values = clean(2)
    values[1000, 0] += 90
    plain, large = run(values), run(values * 1e9)
    np.testing.assert_allclose(plain.expected * 1e9, large.expected, rtol=1e-5)
    np.testing.assert_allclose(plain.attribution, large.attribution, rtol=1e-3)


def test_the_row_behind_an_anomaly_says_why_it_has_no_grade() -> None:
    """Its score is above the threshold, and the code names the reason."""
    values = clean(1)
    values[1000] += 90
    scores = run(values)
    high = np.flatnonzero((scores.score >= scores.threshold) & (scores.score > 0))
    behind = high[(high > 1000) & (high < 1008)]
    reasons = {SUPPRESSIONS[code] for code in scores.suppression[behind]}
    assert "ANOMALY_IN_SHINGLE" in reasons
    assert not scores.grade[behind].any()


def test_arrays_have_the_documented_types() -> None:
    """Also of a batch without rows."""
    for rows in (0, 3):
        scores = run(np.ones((rows, 2)), settings=SMALL)
        assert scores.suppression.dtype == np.int8
        assert scores.relative_index.dtype == np.int64
        assert scores.suppression.shape == scores.relative_index.shape == (rows,)
        for matrix in (scores.attribution, scores.expected, scores.past_values):
            assert matrix.shape == (rows, 2)
            assert matrix.dtype == np.float64
