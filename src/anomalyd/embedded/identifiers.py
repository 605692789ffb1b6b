"""Ids for documents that come without one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol

import numpy as np

_PREFIX_BYTES = 9
_COUNTER_BYTES = 6
_ID_LENGTH = 20


class DocumentIds(Protocol):
    """Makes document ids. Thread-safe only under the writer's lock."""

    def take(self, count: int) -> list[str]:
        """Return that many new ids, 20 URL-safe characters each, never given before."""
        ...


class CountedIds:
    """Ids of 72 random bits, drawn once, and a counter of 48.

    Neighbouring ids share their first characters, so that a column of them compresses well.

    Args:
        entropy: gives that many random bytes, such as ``os.urandom``.
    """

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._prefix = np.frombuffer(entropy(_PREFIX_BYTES), dtype=np.uint8)
        self._next = 0

    def take(self, count: int) -> list[str]:
        """Return that many new ids."""
        numbers = np.arange(self._next, self._next + count, dtype=">u8")
        self._next += count
        raw = np.empty((count, _PREFIX_BYTES + _COUNTER_BYTES), dtype=np.uint8)
        raw[:, :_PREFIX_BYTES] = self._prefix
        raw[:, _PREFIX_BYTES:] = numbers.view(np.uint8).reshape(count, 8)[:, -_COUNTER_BYTES:]
        # 15 bytes are 20 characters without padding, so one call encodes all ids
        text = base64.urlsafe_b64encode(raw.tobytes()).decode("ascii")
        return [text[at : at + _ID_LENGTH] for at in range(0, _ID_LENGTH * count, _ID_LENGTH)]
