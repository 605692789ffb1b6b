"""What empty windows are filled with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd._core import BankSettings, ModelBank
from anomalyd.engine.imputation import FilledRows, Imputer
from anomalyd.engine.window import WindowRange
from anomalyd.model.detector_options import Imputation, ImputationMethod

M = ImputationMethod
NAN = math.nan
STEP = 10
Grid = list[list[tuple[float, ...] | None]]


def imputer(method: ImputationMethod, **fill: float) -> Imputer:
    return Imputer(Imputation(method=method, fill=fill), ("a", "b"))


def windows(first: int, count: int) -> WindowRange:
    return WindowRange(start=first * STEP, end=(first + count) * STEP, interval=STEP)


def run(made: Imputer, grid: Grid, first: int = 0) -> FilledRows:
    """Fill a grid of windows by entities; None is an empty window."""
    found = [
        (entity, (first + at) * STEP, value)
        for entity in range(len(grid[0]))
        for at, row in enumerate(grid)
        if (value := row[entity]) is not None
    ]
    return made.fill(
        windows(first, len(grid)),
        np.array([row[0] for row in found], dtype=np.int64),
        np.array([row[1] for row in found], dtype=np.int64),
        np.array([row[2] for row in found], dtype=np.float64).reshape(len(found), 2),
    )


@pytest.mark.parametrize(
    ("method", "fill", "gap", "partly"),
    [
        (M.ZERO, {}, (0.0, 0.0), (0.0, 6.0)),
        (M.FIXED_VALUES, {"a": 7.0, "b": 8.0}, (7.0, 8.0), (7.0, 6.0)),
        (M.PREVIOUS, {}, (1.0, 2.0), (1.0, 6.0)),
    ],
)
def test_gaps_are_filled_and_marked(
    method: ImputationMethod,
    fill: dict[str, float],
    gap: tuple[float, float],
    partly: tuple[float, float],
) -> None:
    """A window without data, and a feature without a value."""
    rows = run(imputer(method, **fill), [[(1.0, 2.0)], [None], [(NAN, 6.0)], [(3.0, 4.0)]])
    assert rows.window_start.tolist() == [0, 10, 20, 30]
    assert [tuple(row) for row in rows.values.tolist()] == [(1.0, 2.0), gap, partly, (3.0, 4.0)]
    assert rows.imputed.tolist() == [[False, False], [True, True], [True, False], [False, False]]


def test_nothing_is_made_up_before_a_series_begins() -> None:
    """It begins with its first complete window, each entity by itself."""
    rows = run(imputer(M.ZERO), [[None, (1.0, 1.0)], [(NAN, 5.0), None], [(2.0, 2.0), None]])
    assert list(zip(rows.window_start.tolist(), rows.entity.tolist(), strict=True)) == [
        (0, 1), (10, 1), (20, 0), (20, 1),
    ]  # fmt: skip


def test_a_series_that_is_known_goes_on_at_once() -> None:
    """After a restart the last values are told, and the first window may be empty."""
    made = imputer(M.PREVIOUS)
    made.knows(np.array([1]), np.array([[4.0, 5.0]]))
    rows = run(made, [[None, None]])
    assert (rows.entity.tolist(), rows.values.tolist()) == ([1], [[4.0, 5.0]])


VALUES = st.one_of(st.none(), st.tuples(*[st.floats(-9, 9) | st.just(NAN)] * 2))


@given(
    st.integers(1, 4).flatmap(
        lambda entities: st.lists(
            st.lists(VALUES, min_size=entities, max_size=entities), min_size=1, max_size=9
        )
    ),
    st.sampled_from([M.ZERO, M.PREVIOUS, M.FIXED_VALUES]),
    st.integers(0, 9),
)
def test_a_range_in_two_pieces_is_the_range(grid: Grid, method: ImputationMethod, cut: int) -> None:
    """Whatever the pieces: the same rows, all finite, sorted by window, real values kept."""
    fill = {"a": -1.0, "b": -2.0}
    whole = run(imputer(method, **fill), grid)
    made = imputer(method, **fill)
    parts = [run(made, piece, first) for piece, first in ((grid[:cut], 0), (grid[cut:], cut))
             if piece]  # fmt: skip
    for name in ("entity", "window_start", "values", "imputed"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(getattr(whole, name), joined)
    assert np.isfinite(whole.values).all()
    assert (np.diff(whole.window_start) >= 0).all()
    for window, entity, values, imputed in zip(
        whole.window_start // STEP, whole.entity, whole.values, whole.imputed, strict=True
    ):
        given_ = grid[window][entity]
        real = (NAN, NAN) if given_ is None else given_
        for at in range(2):
            assert imputed[at] == math.isnan(real[at])
            assert imputed[at] or values[at] == real[at]


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([(M.ZERO, "ZERO", {}), (M.FIXED_VALUES, "FIXED", {"a": 7.0, "b": -8.0})]),
    st.sets(st.tuples(st.integers(1, 59), st.integers(0, 1)), max_size=40),
)
def test_the_core_fills_alike(
    option: tuple[ImputationMethod, str, dict[str, float]], gone: set[tuple[int, int]]
) -> None:
    """What the service makes up and what the core would are scored alike (decision 058)."""
    method, name, fill = option
    values = np.random.default_rng(1).normal(50, 10, (60, 2))
    for row, feature in gone:
        values[row, feature] = math.nan
    times, model = np.arange(60, dtype=np.int64) * STEP, np.zeros(60, dtype=np.int64)
    filled = imputer(method, **fill).fill(windows(0, 60), model, times, values)
    plain, filling = (
        BankSettings(
            features=2, shingle_size=4, trees=4, sample_size=16, output_after=8,
            imputation=imputation, fixed_values=fixed,
        )
        for imputation, fixed in (("NONE", ()), (name, tuple(fill.values())))
    )  # fmt: skip
    scores = []
    for settings_, rows in ((plain, filled.values), (filling, values)):
        bank = ModelBank(settings_, threads=1)
        bank.add(np.array([1], dtype=np.uint64))
        scores.append(bank.process(model, times, rows))
    np.testing.assert_array_equal(scores[0].score, scores[1].score)
    np.testing.assert_array_equal(scores[0].grade, scores[1].grade)
    np.testing.assert_array_equal(filled.imputed, scores[1].imputed)
