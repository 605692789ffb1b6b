"""What models will take is known before they are there, and refuses what does not fit."""

import numpy as np
import pytest

from anomalyd.errors import MemoryExceeded
from anomalyd.executor.base import ModelShape
from anomalyd.executor.budget import ModelBudget
from anomalyd.executor.memory import MemoryBreaker, ModelNeed, full_size
from anomalyd.executor.spill import SpillFile
from anomalyd.executor.threads import ThreadExecutor

SHAPE = ModelShape(features=1, shingle_size=8)


@pytest.mark.parametrize(("features", "shingle"), [(1, 1), (1, 8), (5, 8), (2, 24)])
def test_full_models_have_the_size_that_was_told(features, shingle):
    """Within 15 % after 6,000 noisy windows."""
    shape = ModelShape(features=features, shingle_size=shingle)
    models = ThreadExecutor(threads=1).open(shape, np.ones(1, dtype=np.uint64))
    count = 6_000
    noise = np.random.default_rng(1).normal(size=(count, features))
    models.process(np.zeros(count, dtype=np.int64), np.arange(count) + 1, noise)
    assert full_size(shape) == pytest.approx(int(models.sizes()[0]), rel=0.15)


def breaker(limit, dedicated=10):
    return MemoryBreaker(ModelBudget(limit, dedicated=dedicated, spill=SpillFile(None)))


def test_only_what_always_stays_ready_counts():
    """One model of a single series, the dedicated ones of many; at least one."""
    one = full_size(SHAPE)
    assert breaker(1).least(ModelNeed(SHAPE, several=False)) == one
    assert breaker(1).least(ModelNeed(SHAPE, several=True)) == 10 * one
    assert breaker(1, dedicated=0).least(ModelNeed(SHAPE, several=True)) == one


def test_what_runs_already_takes_its_part():
    """The words of the document, and how much was wanted of how much."""
    single, several = ModelNeed(SHAPE, several=False), ModelNeed(SHAPE, several=True)
    limit = round(full_size(SHAPE) * 12.5 / 0.7)
    guard = breaker(limit)
    guard.check(several, [])
    guard.check(single, [several, single])
    with pytest.raises(MemoryExceeded) as refused:
        guard.check(single, [several, single, single])
    assert refused.value.reason.startswith("AD models memory usage exceeds our limit. ")
    assert refused.value.details == {
        "bytes_wanted": 13 * full_size(SHAPE),
        "bytes_limit": guard.room,
    }
