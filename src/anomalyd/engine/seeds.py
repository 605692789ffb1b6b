"""Seeds of models: a repeated analysis draws the same random numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def model_seed(detector_id: str, model_id: str) -> int:
    """Return the seed of a model, an unsigned 64-bit number that never changes.

    It is the little-endian reading of the 8-byte BLAKE2b digest of the UTF-8 bytes of
    ``detector_id``, a zero byte, ``model_id``.
    """
    text = f"{detector_id}\0{model_id}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def model_seeds(detector_id: str, model_ids: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return the seeds of several models: ``uint64[models]``."""
    return np.fromiter((model_seed(detector_id, one) for one in model_ids), dtype=np.uint64)
