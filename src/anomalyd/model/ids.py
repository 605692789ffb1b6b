"""Ids of documents: 20 characters that are safe in a URL, as Elasticsearch makes them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol

ID_BYTES = 15
"""15 bytes are exactly 20 characters of base64."""


class IdGenerator(Protocol):
    """A source of ids that never repeats. Thread-safe."""

    def next_id(self) -> str:
        """Return a new id: 20 characters of ``[A-Za-z0-9_-]``, the first of them not ``-``."""
        ...


class ByteIds:
    """Ids from a source of random bytes: the system's in service, a seeded one in tests.

    Args:
        random_bytes: returns that many bytes; must be thread-safe.
    """

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes

    def next_id(self) -> str:
        """Return a new id: 20 characters of ``[A-Za-z0-9_-]``, the first of them not ``-``."""
        # a command line would read an id that begins with a dash as an option
        while (drawn := self._draw()).startswith("-"):
            pass
        return drawn

    def _draw(self) -> str:
        return base64.urlsafe_b64encode(self._random_bytes(ID_BYTES)).decode("ascii")
