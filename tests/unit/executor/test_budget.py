"""Models that do not all fit into memory answer as if they did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.errors import CorruptState
from anomalyd.executor.base import Models, ModelShape
from anomalyd.executor.budget import RESIDENT_SHARE, BudgetedExecutor, ModelBudget
from anomalyd.executor.spill import SpillFile
from anomalyd.executor.threads import ThreadExecutor

SHAPE = ModelShape(features=1, shingle_size=2)
MODELS = 12
STEP = 60_000
COLUMNS = ("score", "grade", "confidence", "threshold", "relative_index", "attribution",
           "expected", "past_values")  # fmt: skip


def seeds(count: int = MODELS) -> np.ndarray:
    return np.arange(count, dtype=np.uint64) + 1


def budgeted(limit: int, path: Path | None = None, dedicated: int = 1) -> ModelBudget:
    return ModelBudget(limit, dedicated=dedicated, spill=SpillFile(path))


def opened(budget: ModelBudget, count: int = MODELS) -> Models:
    executor = BudgetedExecutor(ThreadExecutor(threads=1), budget)
    return executor.open(SHAPE, seeds(count))


def batch(window: int, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    times = np.full(len(chosen), window * STEP, dtype=np.int64)
    values = 100 + np.sin(window / 3.0 + chosen) + (50.0 if window == 90 else 0.0)
    return chosen, times, values[:, None]


def assert_same(one: object, other: object) -> None:
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("limit", [1, 300_000, 1 << 40])
def test_scores_do_not_depend_on_the_budget(limit: int, tmp_path: Path) -> None:
    """Nothing resident but the dedicated model, some of all, everything: the same bits."""
    plain = ThreadExecutor(threads=1).open(SHAPE, seeds())
    models = opened(budgeted(limit, tmp_path / "spill"))
    everyone = np.arange(MODELS)
    for window in range(100):
        rows = batch(window, everyone if window % 3 else everyone[::2])
        assert_same(models.process(*rows), plain.process(*rows))
    assert models.updates().tolist() == plain.updates().tolist()
    assert models.save(everyone) == plain.save(everyone)


def test_what_is_used_least_goes_first() -> None:
    """Packed first, spilled when there is no room for packed ones either, and back when used."""
    budget = budgeted(1 << 40)
    models = opened(budget)
    for window in range(60):
        models.process(*batch(window, np.arange(MODELS)))
    size = int(models.sizes()[0])
    budget.limit = size * 8
    busy = np.arange(4)
    for window in range(60, 80):
        models.process(*batch(window, busy))
    usage = budget.usage()
    assert usage["resident"].held <= budget.limit * 0.7
    assert usage["packed"].held <= budget.limit * 0.3
    assert usage["resident"].models < MODELS
    assert sum(one.models for one in usage.values()) == MODELS
    budget.limit = 1
    models.process(*batch(80, busy))
    assert budget.usage()["packed"].models == 0
    assert budget.usage()["resident"].models == models.resident() == 1
    assert budget.usage()["spilled"].held > 0
    assert models.updates()[11] == 60


@pytest.mark.parametrize("at_once", [1, 5, 100])
def test_a_scan_of_equals_brings_only_what_was_not_ready(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is ready stays ready when all are used alike; a tick brings the others."""
    monkeypatch.setattr("anomalyd.executor.budget.MODELS_AT_ONCE", at_once)
    # models of this age still grow, and no more should make room than what they grow by
    monkeypatch.setattr("anomalyd.executor.budget.SLACK", 1.0)
    budget, count = budgeted(1 << 40), 50
    models = opened(budget, count)
    for window in range(60):
        models.process(*batch(window, np.arange(count)))
    native, brought = models._models, []  # type: ignore[attr-defined]
    unpack = native.unpack

    def counting(numbers: np.ndarray, packed: list[bytes]) -> None:
        brought.extend(numbers.tolist())
        unpack(numbers, packed)

    monkeypatch.setattr(native, "unpack", counting)
    for window in range(60, 80):
        # 60 % of all fit, whatever they have grown to
        budget.limit = int(models.sizes().sum() * 0.6 / RESIDENT_SHARE * 1.05)
        ready = models.resident()
        brought.clear()
        for first in range(0, count, 10):
            models.process(*batch(window, np.arange(first, first + 10)))
        if window > 63:
            assert len(brought) <= count - ready + 3
            assert models.resident() >= 0.5 * count


def test_one_that_wakes_up_wins_its_place() -> None:
    """Who was packed and is then used more than the others becomes resident, and stays."""
    budget = budgeted(1 << 40, dedicated=0)
    models = opened(budget)
    for window in range(60):
        models.process(*batch(window, np.arange(MODELS)))
    budget.limit = int(models.sizes()[0]) * 8
    for window in range(60, 63):
        models.process(*batch(window, np.arange(1, MODELS)))
    assert models._state[0] != 0  # type: ignore[attr-defined]
    for window in range(63, 73):
        models.process(*batch(window, np.array([0])))
    assert models._state[0] == 0  # type: ignore[attr-defined]


def test_detectors_share_the_budget_and_keep_their_dedicated_models() -> None:
    """The one that is silent gives way, but for its dedicated models."""
    budget = budgeted(1 << 40, dedicated=3)
    quiet, busy = opened(budget), opened(budget)
    for window in range(40):
        quiet.process(*batch(window, np.arange(MODELS)))
    budget.limit = int(quiet.sizes().sum())
    for window in range(60):
        busy.process(*batch(window, np.arange(MODELS)))
    assert quiet.counts.tolist()[0] >= 3  # type: ignore[attr-defined]
    assert busy.counts.tolist()[0] > quiet.counts.tolist()[0]  # type: ignore[attr-defined]
    quiet.close()
    busy.close()
    assert all((one.models, one.held) == (0, 0) for one in budget.usage().values())


def test_more_models_than_a_batch_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is worked on in groups of models, and answers in its own order."""
    monkeypatch.setattr("anomalyd.executor.budget.MODELS_AT_ONCE", 5)
    plain = ThreadExecutor(threads=1).open(SHAPE, seeds())
    models = opened(budgeted(1))
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(MODELS), 50))
    times = np.empty(len(order), dtype=np.int64)
    for number in range(MODELS):
        times[order == number] = np.arange(50) * STEP
    values = np.sin(order + times / STEP / 5.0)[:, None]
    assert_same(models.process(order, times, values), plain.process(order, times, values))


def test_saved_models_are_restored_within_the_budget() -> None:
    """Restoring more than fits packs as it goes."""
    plain = ThreadExecutor(threads=1).open(SHAPE, seeds())
    for window in range(50):
        plain.process(*batch(window, np.arange(MODELS)))
    saved = plain.save(np.arange(MODELS))
    models = opened(budgeted(1), count=0)
    models.restore(saved)
    rows = batch(60, np.arange(MODELS))
    assert_same(models.process(*rows), plain.process(*rows))
    with pytest.raises(CorruptState):
        models.restore([b"nothing"])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sets(st.integers(0, 4), min_size=1), max_size=25), st.integers(1, 400_000))
def test_any_use_in_any_order(uses: list[set[int]], limit: int) -> None:
    """The counts always add up to what is held."""
    plain = ThreadExecutor(threads=1).open(SHAPE, seeds(5))
    budget = budgeted(limit)
    models = opened(budget, 5)
    for window, used in enumerate(uses):
        rows = batch(window, np.array(sorted(used)))
        assert_same(models.process(*rows), plain.process(*rows))
        usage = budget.usage()
        assert sum(one.models for one in usage.values()) == 5
        assert usage["resident"].held >= 0
        assert usage["packed"].held >= 0
    assert models.save(np.arange(5)) == plain.save(np.arange(5))


def test_a_spill_file_is_new_each_time(tmp_path: Path) -> None:
    """What a killed process left behind is gone; what is missing is said."""
    path = tmp_path / "spill"
    SpillFile(path).area().write([(1, b"old")])
    area = SpillFile(path).area()
    with pytest.raises(CorruptState, match="spilled model 1 is gone"):
        area.read([1])
    area.write([(1, b"new"), (2, b"two")])
    assert area.take([2, 1]) == [b"two", b"new"]
    with pytest.raises(CorruptState):
        area.read([2])
