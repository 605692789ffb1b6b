"""Checkpoints: models come back to the bit, and bytes that are none are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anomalyd._core import BankSettings, ModelBank, Scores
from tests.unit.core.series import labelled_series, minutes

GOLDEN = Path(__file__).parents[2] / "golden"
COLUMNS = ("score", "grade", "confidence", "threshold")
SMALL = BankSettings(features=1, trees=4, sample_size=16, shingle_size=3, output_after=12)


def one_model(bank: ModelBank, seed: int = 1) -> NDArray[np.int64]:
    return bank.add(np.array([seed], dtype=np.uint64))


def feed(bank: ModelBank, model: NDArray[np.int64], values: NDArray[np.float64], at: int) -> Scores:
    """Process the rows, the first of which is input number ``at`` of the model."""
    times = minutes(at + len(values))[at:]
    return bank.process(np.repeat(model, len(values)), times, values)


def small_blob(inputs: int = 100) -> bytes:
    bank = ModelBank(SMALL, threads=1)
    model = one_model(bank)
    feed(bank, model, np.random.default_rng(0).normal(size=(inputs, 1)).round(1), 0)
    return bank.checkpoint(model)[0]


BLOB = small_blob()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 1e300, float("nan")])),
        max_size=120,
    ),
    st.integers(0, 120),
    st.integers(1, 4),
    st.integers(1, 2),
)
def test_a_restored_model_goes_on_as_the_saved_one_would(
    numbers: list[float], cut: int, shingle_size: int, features: int
) -> None:
    """Process n, save, restore, process m: every outcome is that of processing n + m."""
    values = np.array(numbers[: len(numbers) // features * features]).reshape(-1, features)
    cut = min(cut, len(values))
    bank = ModelBank(
        BankSettings(
            features=features, trees=3, sample_size=8, shingle_size=shingle_size, output_after=12
        ),
        threads=1,
    )
    saved = one_model(bank)
    feed(bank, saved, values[:cut], 0)
    blobs = bank.checkpoint(saved)
    restored = bank.restore(blobs)
    assert bank.checkpoint(restored) == blobs
    expected = feed(bank, saved, values[cut:], cut)
    actual = feed(bank, restored, values[cut:], cut)
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(actual, column), getattr(expected, column))
    assert bank.checkpoint(restored) == bank.checkpoint(saved)


def test_models_move_to_another_bank_whatever_its_threads() -> None:
    """Many models at once, with anomalies behind and before them."""
    values = labelled_series(1, 2, dependent=True, points=900).values
    settings_ = BankSettings(features=2)
    here, there = ModelBank(settings_, threads=1), ModelBank(settings_, threads=2)
    models = here.add(np.arange(7, dtype=np.uint64))
    for model in models:
        feed(here, model, values[: 100 * (int(model) + 1)], 0)
    one_model(there)
    moved = there.restore(here.checkpoint(models))
    assert moved.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert there.updates(moved).tolist() == here.updates(models).tolist()
    for old, new in zip(models, moved, strict=True):
        start = 100 * (int(old) + 1)
        expected, actual = (
            feed(here, old, values[start:], start),
            feed(there, new, values[start:], start),
        )
        for column in COLUMNS:
            np.testing.assert_array_equal(getattr(actual, column), getattr(expected, column))


def test_the_last_timestamp_is_restored() -> None:
    """A restored model refuses what the saved one has seen."""
    bank = ModelBank(SMALL, threads=1)
    restored = bank.restore([BLOB])
    with pytest.raises(ValueError, match="timestamps must increase"):
        feed(bank, restored, np.ones((1, 1)), 99)
    feed(bank, restored, np.ones((1, 1)), 100)


def test_a_refusal_says_which_and_why_and_makes_no_model() -> None:
    """One bad checkpoint among good ones stops all of them."""
    bank = ModelBank(SMALL, threads=2)
    with pytest.raises(ValueError, match=r"^checkpoint 1: not a model checkpoint$"):
        bank.restore([BLOB, b"", BLOB])
    with pytest.raises(ValueError, match=r"^checkpoint 0: damaged: the checksum differs$"):
        bank.restore([BLOB[:50] + b"\xff" + BLOB[51:]])
    newer = BLOB[:8] + b"\x09" + BLOB[9:]
    with pytest.raises(ValueError, match=r"version 9 is unknown.* newer anomalyd"):
        bank.restore([newer])
    with pytest.raises(TypeError, match="must be bytes"):
        bank.restore(["text"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="there is no model 3"):
        bank.checkpoint(np.array([3], dtype=np.int64))
    other = ModelBank(BankSettings(features=1), threads=1)
    with pytest.raises(ValueError, match=r"^checkpoint 0: of a model with other settings$"):
        other.restore([BLOB])
    assert len(bank) == 0
    assert bank.restore([]).shape == (0,)


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_damaged_bytes_are_refused(data: Any) -> None:
    """Flipped bits, cut or added bytes: always a ValueError that names the checkpoint."""
    blob = bytearray(BLOB)
    kind = data.draw(st.sampled_from(["flip", "cut", "add"]))
    if kind == "flip":
        for place in data.draw(
            st.lists(st.integers(0, 8 * len(blob) - 1), min_size=1, max_size=8, unique=True)
        ):
            blob[place // 8] ^= 1 << place % 8
    elif kind == "cut":
        del blob[data.draw(st.integers(0, len(blob) - 1)) :]
    else:
        blob += data.draw(st.binary(min_size=1, max_size=64))
    with pytest.raises(ValueError, match=r"^checkpoint 0: "):
        ModelBank(SMALL, threads=1).restore([bytes(blob)])


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(blob: bytes) -> None:
    """Bytes from anywhere, behind the right first ones too."""
    bank = ModelBank(SMALL, threads=1)
    for whole in (blob, BLOB[:24] + blob):
        with pytest.raises(ValueError, match=r"^checkpoint 0: "):
            bank.restore([whole])


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.glob("model-checkpoint-*.bin")), ids=lambda p: p.stem
)
def test_checkpoints_of_old_versions_are_read(path: Path) -> None:
    """What an earlier version wrote goes on as it did there (but for a machine's logarithms)."""
    document = json.loads(path.with_suffix(".json").read_text())
    bank = ModelBank(BankSettings(**document["settings"]), threads=1)
    models = bank.restore([path.read_bytes()])
    times = np.array(document["timestamps"], dtype=np.int64)
    scores = bank.process(np.repeat(models, len(times)), times, np.array(document["values"]))
    for column in COLUMNS:
        np.testing.assert_allclose(getattr(scores, column), document[column], rtol=1e-9)
    assert scores.grade.max() > 0


def test_there_is_a_golden_file_of_the_present_version() -> None:
    """The version that is written now is among those that are read for ever."""
    present = int.from_bytes(BLOB[8:12], "little")
    assert (GOLDEN / f"model-checkpoint-v{present}.bin").exists()


def test_a_checkpoint_of_a_usual_model_is_small() -> None:
    """Well below the 134 KB of the reference, for one feature and a shingle of 8."""
    bank = ModelBank(BankSettings(features=1), threads=1)
    model = one_model(bank)
    feed(bank, model, labelled_series(1, 1, dependent=True).values[:5000], 0)
    (blob,) = bank.checkpoint(model)
    assert len(blob) < 84_000
