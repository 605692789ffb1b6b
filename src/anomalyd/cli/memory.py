"""How the interpreter looks for garbage while documents stream through."""

from __future__ import annotations

import gc

ALLOCATIONS = 50_000
YOUNG, MIDDLE = 20, 100


def collect_rarely() -> None:
    """Look for reference cycles rarely, and not among what the program consists of.

    A batch is tens of thousands of small objects without cycles; with Python's own thresholds the
    search for cycles took a sixth of the time of an import.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, YOUNG, MIDDLE)
