"""Models in this process, worked on by threads of the native core."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomalyd._core import BankSettings, ModelBank
from anomalyd.errors import CorruptState
from anomalyd.executor.base import (
    Float64s,
    Int64s,
    ModelShape,
    PackableModels,
    Scores,
    UInt64s,
)


class ThreadExecutor:
    """Opens a model bank per run.

    Args:
        threads: of the core, per bank; the numbers do not depend on it.
    """

    def __init__(self, *, threads: int) -> None:
        self._threads = threads

    def open(self, shape: ModelShape, seeds: UInt64s) -> PackableModels:
        """Return new, untrained models, one per seed."""
        settings = BankSettings(
            features=shape.features,
            shingle_size=shape.shingle_size,
            tolerances=shape.tolerances,
        )
        if shape.recency_emphasis is not None:
            settings = BankSettings(
                features=shape.features,
                shingle_size=shape.shingle_size,
                time_decay=1.0 / shape.recency_emphasis,
                tolerances=shape.tolerances,
            )
        return _BankModels(ModelBank(settings, threads=self._threads), seeds)


class _BankModels:
    def __init__(self, bank: ModelBank, seeds: UInt64s) -> None:
        self._bank = bank
        self._numbers = bank.add(seeds)

    def process(self, models: Int64s, timestamps: Int64s, values: Float64s) -> Scores:
        return self._bank.process(
            self._numbers[models],
            np.ascontiguousarray(timestamps),
            np.ascontiguousarray(values),
        )

    def rescore(self, models: Int64s, values: Float64s) -> Scores:
        return self._bank.rescore(self._numbers[models], np.ascontiguousarray(values))

    def add(self, seeds: UInt64s) -> None:
        self._numbers = np.concatenate([self._numbers, self._bank.add(seeds)])

    def save(self, models: Int64s) -> list[bytes]:
        return self._bank.checkpoint(self._numbers[models])

    def restore(self, saved: Sequence[bytes]) -> None:
        try:
            restored = self._bank.restore(saved)
        except ValueError as problem:
            raise CorruptState(f"a model's checkpoint cannot be read: {problem}") from problem
        self._numbers = np.concatenate([self._numbers, restored])

    def updates(self) -> Int64s:
        return self._bank.updates(self._numbers)

    def sizes(self) -> Int64s:
        return self._bank.size_in_bytes(self._numbers)

    def resident(self) -> int:
        return int(np.count_nonzero(self._numbers >= 0))

    def pack(self, models: Int64s) -> list[bytes]:
        packed = self._bank.checkpoint(self._numbers[models])
        self._bank.remove(self._numbers[models])
        self._numbers[models] = -1
        return packed

    def unpack(self, models: Int64s, packed: Sequence[bytes]) -> None:
        self._numbers[models] = self._bank.restore(packed)

    def updates_of(self, models: Int64s) -> Int64s:
        return self._bank.updates(self._numbers[models])

    def sizes_of(self, models: Int64s) -> Int64s:
        return self._bank.size_in_bytes(self._numbers[models])

    def close(self) -> None:
        self._bank.remove(self._numbers[self._numbers >= 0])
        self._numbers = np.full(len(self._numbers), -1)
