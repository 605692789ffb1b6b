"""A bank that gives scores and judges none of them."""

from __future__ import annotations

import numpy as np

from anomalyd._core import BankSettings, ModelBank
from benchmarks.stream import stream

STEPS = 1_500


def test_scores_without_verdicts_are_those_with() -> None:
    """Whether scores are judged changes none of them; without, nothing else is said."""
    values = stream(3, 0, STEPS, 2)
    found = {}
    for verdicts in (True, False):
        bank = ModelBank(BankSettings(features=2, verdicts=verdicts), threads=1)
        rows = np.repeat(bank.add(np.array([5], dtype=np.uint64)), STEPS)
        found[verdicts] = bank.process(rows, np.arange(STEPS), values)
    assert found[True].score.tobytes() == found[False].score.tobytes()
    assert found[True].grade.max() > 0
    alone = found[False]
    assert not alone.grade.any()
    assert not alone.threshold.any()
    assert not alone.confidence.any()
    assert np.isnan(alone.attribution).all()
    assert np.isnan(alone.expected).all()


def test_a_checkpoint_does_not_depend_on_verdicts() -> None:
    """A model goes on with other settings of what is said of it."""
    values = stream(3, 0, 400, 1)
    judging = ModelBank(BankSettings(features=1), threads=1)
    model = judging.add(np.array([5], dtype=np.uint64))
    judging.process(np.repeat(model, 300), np.arange(300), values[:300])
    scoring = ModelBank(BankSettings(features=1, verdicts=False), threads=1)
    restored = scoring.restore(judging.checkpoint(model))
    rest = (np.arange(300, 400), values[300:])
    expected = judging.process(np.repeat(model, 100), *rest).score
    assert scoring.process(np.repeat(restored, 100), *rest).score.tobytes() == expected.tobytes()
