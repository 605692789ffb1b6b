"""``anomalyd.forest``: the forests as somebody uses them who has no service."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd import forest
from anomalyd.forest import (
    SUPPRESSIONS,
    BankSettings,
    ModelBank,
    RandomCutForest,
    ThresholdedForest,
    plain,
    thresholded,
)

RANDOM = np.random.default_rng(3)
POINTS = RANDOM.normal(size=(600, 2))
SERIES = np.sin(np.arange(600) / 5)[:, None] + 0.05 * RANDOM.normal(size=(600, 1))
TIMES = np.arange(600) * 60_000


@pytest.mark.parametrize("module", [plain, thresholded])
def test_the_examples_in_the_docstrings_hold(module: Any) -> None:
    """What the documentation shows is what happens."""
    assert doctest.testmod(module).failed == 0


def test_exported_names() -> None:
    """Every name of ``__all__`` is there."""
    assert all(hasattr(forest, name) for name in forest.__all__)
    assert ModelBank(BankSettings(features=1), threads=1).settings.features == 1
    assert SUPPRESSIONS[0] == "NONE"


def test_score_leaves_no_trace_and_is_the_next_score() -> None:
    """``score`` says what ``score_and_update`` will say."""
    one = RandomCutForest(2, trees=10, sample_size=64, seed=1)
    one.update(POINTS[:300])
    before = one.to_bytes()
    alone = one.score(POINTS[300:301])
    assert one.to_bytes() == before
    assert alone[0] == one.score_and_update(POINTS[300:301])[0] > 0
    assert one.updates == 301


def test_attribution_sums_to_the_score() -> None:
    """High and low parts together are the score, and name the coordinate."""
    one = RandomCutForest(2, trees=10, sample_size=64)
    one.update(POINTS)
    high, low = one.attribution([[0.0, -9.0]])
    assert high.sum() + low.sum() == pytest.approx(one.score([[0.0, -9.0]])[0])
    assert low[0, 1] > 0.5 * (high.sum() + low.sum())


def test_impute_fills_from_the_sample() -> None:
    """Of two clusters the one is chosen that the known coordinate belongs to."""
    one = RandomCutForest(2, sample_size=64)
    one.update(np.where(POINTS[:, :1] > 0, [5.0, 50.0], [-5.0, -50.0]) + 0.1 * POINTS)
    completed = one.impute([[5.0, np.nan], [np.nan, -50.0], [1.0, 2.0]])
    np.testing.assert_allclose(completed, [[5, 50], [-5, -50], [1, 2]], atol=1)


def test_neighbours_are_remembered_points() -> None:
    """A point that was learned is its own nearest neighbour."""
    one = RandomCutForest(2, trees=5, sample_size=16, output_after=1)
    one.update(POINTS[:16])
    found = one.neighbours(POINTS[3:4], count=2)
    np.testing.assert_allclose(found.points[0, 0], POINTS[3], rtol=1e-6)
    assert found.distance[0, 0] == pytest.approx(0, abs=1e-6)
    assert found.trees[0, 0] >= 1


def test_memory_grows_with_what_was_seen() -> None:
    """A young forest is small."""
    one = RandomCutForest(2)
    young = one.memory_bytes
    one.update(POINTS)
    assert young < one.memory_bytes


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 599), max_size=4))
def test_verdicts_do_not_depend_on_how_the_series_is_cut(cuts: list[int]) -> None:
    """Also when the forest is written down and read again between calls."""
    whole = ThresholdedForest(trees=5, sample_size=32, seed=2).process(SERIES, TIMES)
    one = ThresholdedForest(trees=5, sample_size=32, seed=2)
    grades = []
    for values, moments in zip(
        np.split(SERIES, sorted(cuts)), np.split(TIMES, sorted(cuts)), strict=True
    ):
        grades.append(one.process(values, moments).score)
        one = ThresholdedForest.from_bytes(one.to_bytes())
    np.testing.assert_array_equal(np.concatenate(grades), whole.score)


def test_gaps_are_filled_when_asked_for() -> None:
    """With an imputation NaN is data; the verdict says which values were filled in."""
    values = SERIES.copy()
    values[400:403] = np.nan
    one = ThresholdedForest(imputation="PREVIOUS", trees=5)
    verdicts = one.process(values, TIMES)
    assert np.flatnonzero(verdicts.imputed[:, 0]).tolist() == [400, 401, 402]
    assert np.isfinite(verdicts.score).all()


def test_forecast_goes_on() -> None:
    """The forecast of a wave is about the wave."""
    one = ThresholdedForest(trees=30, seed=1)
    one.process(SERIES, TIMES)
    ahead = one.forecast(5)
    np.testing.assert_allclose(ahead.values[:, 0], np.sin(np.arange(600, 605) / 5), atol=0.4)
    assert (ahead.low <= ahead.high).all()


@pytest.mark.parametrize(
    ("values", "moments", "message"),
    [
        ([[1.0, 2.0]], [1], r"values must have the shape \(n, 1\), got \(1, 2\)"),
        ([1.0], [1], r"values must have the shape \(n, 1\), got \(1,\)"),
        ([["a"]], [1], "values must be numbers"),
        ([[1.0], [np.nan]], [1, 2], "values must not be NaN, row 1 has one"),
        ([[np.inf]], [1], "values must be finite, row 0 is infinite"),
        ([[1.0]], [1, 2], r"timestamps must have the shape \(1,\), got \(2,\)"),
        ([[1.0]], [1.5], "timestamps must be whole numbers"),
        ([[1.0], [2.0]], [5, 5], "timestamps must increase, row 1 does not"),
    ],
)
def test_bad_input_is_refused_by_name(values: Any, moments: Any, message: str) -> None:
    """Each mistake has its own text, and nothing was learned."""
    one = ThresholdedForest(trees=5)
    with pytest.raises(ValueError, match=message):
        one.process(values, moments)
    assert one.updates == 0


def test_timestamps_increase_over_calls() -> None:
    """Also behind a restored forest."""
    one = ThresholdedForest(trees=5)
    one.process([[1.0]], [10])
    for later in (one, ThresholdedForest.from_bytes(one.to_bytes())):
        with pytest.raises(ValueError, match="row 0 does not"):
            later.process([[1.0]], [10])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": 300, "shingle_size": 128}, "features must be at most 32768 / shingle_size"),
        ({"shingle_size": 0}, "shingle_size must be from 1 to 128"),
        ({"seed": -1}, "seed must be from 0"),
        ({"imputation": "FIXED"}, "fixed_values must be one number per feature"),
    ],
)
def test_arguments_out_of_bounds_are_named(arguments: dict[str, Any], message: str) -> None:
    """The text says which argument and what its bounds are."""
    with pytest.raises(ValueError, match=message):
        ThresholdedForest(**arguments)
    with pytest.raises(ValueError, match="dimensions must be from 1 to 1000"):
        RandomCutForest(0)


def test_bytes_that_are_no_forest_are_refused() -> None:
    """Whatever is wrong with them, the text says what."""
    data = RandomCutForest(2, trees=5).to_bytes()
    with pytest.raises(ValueError, match="not the bytes of a forest"):
        RandomCutForest.from_bytes(b"nothing")
    with pytest.raises(ValueError, match="the checksum differs"):
        RandomCutForest.from_bytes(data[:-1])
    with pytest.raises(ValueError, match="end too early"):
        RandomCutForest.from_bytes(data[:9])
    with pytest.raises(ValueError, match="not of a ThresholdedForest"):
        ThresholdedForest.from_bytes(data)
