"""Documents of result rows that were read before."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

MOST_BYTES = 32 * 1024 * 1024
"""Text that is kept; beyond that all of it is forgotten."""


class KeptRows:
    """The newest results and the anomalies among them are read again and again, by every view.

    A row never changes: who writes a result anew deletes its row and gives the new one a new
    sequence number, and no two tables of a process have the same name. So what was read of a table
    under a sequence number holds as long as somebody can ask for it, in any snapshot.

    Kept as JSON, which is what most readers want, and from which each of the others makes a
    document of his own. Thread-safe.

    Args:
        most_bytes: of text that is kept.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._texts: dict[str, dict[int, bytes]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, table: str, numbers: Sequence[int]) -> dict[int, bytes]:
        """Return the documents that are known as JSON, by sequence number."""
        texts = self._texts.get(table, {})
        return {number: text for number in numbers if (text := texts.get(number)) is not None}

    def put(self, table: str, texts: Mapping[int, bytes]) -> None:
        """Keep documents by sequence number; what cannot have room at all is not kept."""
        size = sum(map(len, texts.values()))
        if size > self._most_bytes:
            return
        with self._lock:
            if self._bytes + size > self._most_bytes:
                # readers of the old ones have them still
                self._texts, self._bytes = {}, 0
            self._texts.setdefault(table, {}).update(texts)
            self._bytes += size
