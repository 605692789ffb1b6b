"""Steps per second of the native core through its Python face, on the benchmark stream.

A step is the whole of it: transform, score, grade and, where the grade is above 0, correction, then
learning. Parameters are those that every peer gets: 30 trees, 256 samples, shingle 8. The Java
reference forest (boxes kept, its `score` and `update` alone) makes 46,000 steps/s hot on such a
machine, on one core.
"""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from anomalyd._core import BankSettings, ModelBank
from benchmarks.stream import stream

WARM_UP = 5_000
STEPS = 10_000
REPETITIONS = 5


@pytest.mark.parametrize("features", [1, 5])
def test_one_hot_model(benchmark: BenchmarkFixture, features: int) -> None:
    """A backfill: many rows of one model in one call, on one thread."""
    bank = ModelBank(BankSettings(features=features), threads=1)
    models = bank.add(np.array([42], dtype=np.uint64))
    values = stream(42, 0, WARM_UP + REPETITIONS * STEPS, features)
    edges = iter([0, *range(WARM_UP, len(values) + 1, STEPS)])
    done = next(edges)

    def process(until: int) -> None:
        nonlocal done
        rows = np.arange(done, until)
        bank.process(np.repeat(models, len(rows)), rows, values[done:until])
        done = until

    process(next(edges))
    benchmark.pedantic(lambda: process(next(edges)), rounds=REPETITIONS)
    report(benchmark, STEPS, bank.size_in_bytes(models).mean())


@pytest.mark.parametrize("threads", [1, 2])
def test_a_thousand_models_in_turn(benchmark: BenchmarkFixture, threads: int) -> None:
    """Real-time ticks: one row of each of 1,000 models per call, so that every step starts cold."""
    count, seen, ticks = 1_000, 1_500, 10
    bank = ModelBank(BankSettings(features=1), threads=threads)
    models = bank.add(np.arange(count, dtype=np.uint64))
    total = seen + ticks * REPETITIONS
    values = np.stack([stream(seed, 0, total, 1) for seed in range(count)], axis=1)
    bank.process(
        np.repeat(models, seen),
        np.tile(np.arange(seen), count),
        values[:seen].transpose(1, 0, 2).reshape(-1, 1),
    )
    steps = iter(range(seen, total))

    def tick() -> None:
        step = next(steps)
        bank.process(models, np.full(count, step), values[step])

    def some_ticks() -> None:
        for _ in range(ticks):
            tick()

    benchmark.pedantic(some_ticks, rounds=REPETITIONS)
    report(benchmark, count * ticks, bank.size_in_bytes(models).mean())


def report(benchmark: BenchmarkFixture, steps: int, model_bytes: float) -> None:
    """Add steps per second of the best round and the bytes of a model to the report."""
    benchmark.extra_info["steps_per_second"] = round(steps / benchmark.stats.stats.min)
    benchmark.extra_info["bytes_per_model"] = round(model_bytes)
    print(f"\n{benchmark.name}: {benchmark.extra_info}")
