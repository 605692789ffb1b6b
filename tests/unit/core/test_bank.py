"""The contract of ``ModelBank`` and ``BankSettings``: shapes, dtypes and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from anomalyd._core import BankSettings, ModelBank
from tests.unit.core.series import minutes

MODELS = np.array([0, 1], dtype=np.int64)
TIMES = np.array([5, 5], dtype=np.int64)
VALUES = np.ones((2, 2))


def new_bank(count: int = 2, **settings: Any) -> ModelBank:
    bank = ModelBank(BankSettings(features=2, **settings), threads=2)
    bank.add(np.arange(count, dtype=np.uint64))
    return bank


def test_settings_have_the_documented_defaults() -> None:
    """Only the number of features has to be given."""
    settings = BankSettings(features=3)
    assert settings == BankSettings(
        features=3,
        shingle_size=8,
        trees=30,
        sample_size=256,
        time_decay=1 / 2560,
        output_after=32,
        initial_accept_fraction=0.125,
        transform="NORMALIZE",
        corrector=True,
        imputation="NONE",
        fixed_values=(),
    )
    assert hash(settings) == hash(BankSettings(features=3))
    assert settings != BankSettings(features=2)
    assert repr(settings).startswith("BankSettings(features=3, shingle_size=8, ")


def test_settings_are_frozen() -> None:
    """No attribute can be set."""
    with pytest.raises(AttributeError):
        BankSettings(features=1).trees = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value", "bounds"),
    [
        ("features", 0, "from 1 to 1000"),
        ("shingle_size", 129, "from 1 to 128"),
        ("trees", 0, "from 1 to 1000"),
        ("sample_size", 1, "from 2 to 8192"),
        ("time_decay", 1.0, "from 0 to below 1"),
        ("time_decay", float("nan"), "from 0 to below 1"),
        ("output_after", 0, "from 1 to 1000000"),
        ("initial_accept_fraction", 1.5, "from 0 to 1"),
        (
            "transform",
            "SQUARE",
            "NONE, NORMALIZE, DIFFERENCE, NORMALIZE_DIFFERENCE or SUBTRACT_MOVING_AVERAGE",
        ),
        ("imputation", "NEXT", "NONE, ZERO, FIXED, PREVIOUS, LINEAR or FOREST"),
        ("fixed_values", [1.0], "empty unless imputation is FIXED"),
    ],
)
def test_settings_name_the_field_and_its_bounds(field: str, value: Any, bounds: str) -> None:
    """A value out of bounds is a ValueError that says which and why."""
    with pytest.raises(ValueError, match=f"^{field} must be {bounds}, got "):
        BankSettings(**{"features": 1, field: value})


@pytest.mark.parametrize("threads", [0, 257])
def test_threads_are_bounded(threads: int) -> None:
    """A bank has 1 to 256 threads."""
    with pytest.raises(ValueError, match="threads must be from 1 to 256"):
        ModelBank(BankSettings(features=1), threads=threads)


@pytest.mark.parametrize(
    ("models", "times", "values", "message"),
    [
        (MODELS, TIMES, VALUES[:, :1], r"values must have 2 column\(s\), got 1"),
        (MODELS, TIMES, VALUES[:1], r"values must have 2 row\(s\), got 1"),
        (MODELS, TIMES, VALUES[0], r"values must have 2 dimension\(s\), got 1"),
        (MODELS, TIMES, VALUES.astype(np.float32), "values must have dtype float64, got float32"),
        (MODELS, TIMES.astype(np.float64), VALUES, "timestamps must have dtype int64"),
        (MODELS, TIMES[:1], VALUES, r"timestamps must have 2 row\(s\), got 1"),
        (MODELS.astype(np.int32), TIMES, VALUES, "models must have dtype int64, got int32"),
        (MODELS + 1, TIMES, VALUES, "there is no model 2"),
        (MODELS * 0, TIMES, VALUES, "timestamps must increase within a model"),
        (MODELS, TIMES, VALUES * np.inf, "values must be finite or NaN, row 0 is not"),
    ],
)
def test_a_bad_batch_changes_nothing(models: Any, times: Any, values: Any, message: str) -> None:
    """A batch that is refused leaves every model as it was."""
    bank = new_bank()
    with pytest.raises(ValueError, match=message):
        bank.process(models, times, values)
    assert bank.updates(MODELS).tolist() == [0, 0]
    bank.process(MODELS, TIMES, VALUES)


def test_strided_and_empty_arrays_are_taken() -> None:
    """A view is read as the numbers it shows, and no rows are no work."""
    bank, plain = new_bank(), new_bank()
    rows = np.random.default_rng(1).normal(size=(200, 4))
    models = np.zeros(200, dtype=np.int64)
    view = bank.process(models, minutes(200), rows[:, ::2])
    copy = plain.process(models, minutes(200), rows[:, ::2].copy())
    np.testing.assert_array_equal(view.score, copy.score)
    empty = bank.process(models[:0], minutes(0), rows[:0, ::2])
    assert empty.score.shape == (0,)
    assert empty.score.dtype == np.float64


def test_models_come_and_go() -> None:
    """Numbers of removed models are unknown until they are given out again."""
    bank = new_bank(3)
    assert len(bank) == 3
    bank.process(MODELS, TIMES, VALUES)
    bank.remove(np.array([1], dtype=np.int64))
    assert len(bank) == 2
    with pytest.raises(ValueError, match="there is no model 1"):
        bank.updates(np.array([1], dtype=np.int64))
    assert bank.add(np.array([7, 8], dtype=np.uint64)).tolist() == [1, 3]
    assert bank.updates(np.arange(4)).tolist() == [1, 0, 0, 0]
    with pytest.raises(ValueError, match="model 0 is given twice"):
        bank.remove(np.array([0, 0], dtype=np.int64))
    assert len(bank) == 4


def test_memory_grows_with_what_was_seen() -> None:
    """A model's bytes are counted, not estimated from its capacity."""
    bank = new_bank()
    empty, _ = bank.size_in_bytes(MODELS)
    rows = np.random.default_rng(1).normal(size=(1000, 2))
    bank.process(np.zeros(1000, dtype=np.int64), minutes(1000), rows)
    full, still_empty = bank.size_in_bytes(MODELS)
    assert still_empty == empty
    assert empty < 20_000 < full < 2_000_000
