"""Figures of the native core through its Python face. A full step is all of it, learning too."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from anomalyd._core import BankSettings, ModelBank
from anomalyd.forest import RandomCutForest
from benchmarks.stream import stream

SEEN = 5_000
REPETITIONS = 7


def score_updates(features: int, trees: int, steps: int = 4_000) -> float:
    """Return points scored and learned a second by one forest, the median of some repetitions."""
    forest = RandomCutForest(dimensions=8 * features, trees=trees, seed=42)
    values = stream(42, 0, SEEN + REPETITIONS * steps + 7, features)
    shingles = np.lib.stride_tricks.sliding_window_view(values, 8, axis=0).transpose(0, 2, 1)
    points = np.ascontiguousarray(shingles).reshape(-1, 8 * features)
    forest.update(points[:SEEN])
    return _median_rate(
        steps,
        lambda at: forest.score_and_update(points[SEEN + at * steps : SEEN + (at + 1) * steps]),
        REPETITIONS,
    )


def hot_steps(features: int, trees: int, steps: int = 4_000) -> float:
    """Return steps a second of one model on one thread, the median of some repetitions."""
    bank = ModelBank(BankSettings(features=features, trees=trees), threads=1)
    models = bank.add(np.array([42], dtype=np.uint64))
    values = stream(42, 0, SEEN + REPETITIONS * steps, features)

    def process(begin: int, end: int) -> None:
        rows = np.arange(begin, end)
        bank.process(np.repeat(models, len(rows)), rows, values[begin:end])

    process(0, SEEN)
    return _median_rate(
        steps, lambda at: process(SEEN + at * steps, SEEN + (at + 1) * steps), REPETITIONS
    )


def steps_in_turn(count: int, seen: int, trees: int, rounds: int = 5) -> tuple[float, float]:
    """Return steps a second over many models, each stepping once a round: by one thread, by two.

    As the reference is measured: one thread and two by turns, the best repetition of each.
    """
    last = seen + rounds * REPETITIONS
    values = np.stack([stream(seed, 0, last, 1) for seed in range(1, count + 1)], axis=1)
    banks = []
    for threads in (1, 2):
        bank = ModelBank(BankSettings(features=1, trees=trees), threads=threads)
        models = bank.add(np.arange(1, count + 1, dtype=np.uint64))
        bank.process(
            np.repeat(models, seen),
            np.tile(np.arange(seen), count),
            values[:seen].transpose(1, 0, 2).reshape(-1, 1),
        )
        banks.append((bank, models))
    rates: tuple[list[float], list[float]] = ([], [])
    for at in range(REPETITIONS):
        for (bank, models), found in zip(banks, rates, strict=True):
            begun = time.perf_counter()
            for step in range(seen + at * rounds, seen + (at + 1) * rounds):
                bank.process(models, np.full(count, step), values[step])
            found.append(rounds * count / (time.perf_counter() - begun))
    return max(rates[0]), max(rates[1])


def sizes(features: int, trees: int, seen: int, models: int = 40) -> tuple[int, int, float]:
    """Return the bytes of a model, those of its checkpoint, and milliseconds to restore it.

    As the reference is measured: so many models with different pasts restored and dropped one after
    the other, the mean of a round, the best of five rounds.
    """
    settings = BankSettings(features=features, trees=trees)
    bank = ModelBank(settings, threads=1)
    numbers = bank.add(np.arange(42, 42 + models, dtype=np.uint64))
    for at, number in enumerate(numbers):
        values = stream(42 + at, 0, seen, features)
        bank.process(np.full(seen, number), np.arange(seen), values)
    packed = bank.checkpoint(numbers)
    rounds = []
    for _ in range(5):
        took = 0.0
        for checkpoint in packed:
            other = ModelBank(settings, threads=1)
            begun = time.perf_counter()
            other.restore([checkpoint])
            took += time.perf_counter() - begun
        rounds.append(took * 1_000 / models)
    size, *_ = bank.size_in_bytes(numbers)
    return int(size), len(packed[0]), min(rounds)


def _median_rate(steps: int, run: Callable[[int], object], repetitions: int) -> float:
    rates = []
    for at in range(repetitions):
        begun = time.perf_counter()
        run(at)
        rates.append(steps / (time.perf_counter() - begun))
    return sorted(rates)[repetitions // 2]
