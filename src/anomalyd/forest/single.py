"""One model in a bank of its own: what both forests are made of."""

from __future__ import annotations

import numpy as np

from anomalyd._core import BankSettings, ModelBank


def check_seed(seed: int) -> None:
    """Refuse what is no seed. Raises: ValueError."""
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be from 0 to 2^64 - 1, got {seed}")


class SingleModel:
    """Holds a model and tells what it has learned and what it takes."""

    def __init__(self, settings: BankSettings, seed: int) -> None:
        self._bank = ModelBank(settings, threads=1)
        self._model = self._bank.add(np.array([seed], dtype=np.uint64))

    @property
    def updates(self) -> int:
        """Inputs learned so far."""
        return int(self._bank.updates(self._model)[0])

    @property
    def memory_bytes(self) -> int:
        """Bytes that the forest holds now."""
        return int(self._bank.size_in_bytes(self._model)[0])

    def _checkpoint(self) -> bytes:
        return self._bank.checkpoint(self._model)[0]

    def _resume(self, checkpoint: bytes) -> None:
        """Go on as the model that was written down. Raises: ValueError when it is none."""
        restored = self._bank.restore([checkpoint])
        self._bank.remove(self._model)
        self._model = restored
