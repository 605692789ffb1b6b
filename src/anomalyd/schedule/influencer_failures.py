"""Detection must not stop because of what is computed from its results."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


@contextmanager
def failures_logged(detector_id: str) -> Iterator[None]:
    """Log what goes wrong with a detector's influencers inside, and go on after it."""
    try:
        yield
    except Exception:
        logger.exception("influencers failed", extra={"detector_id": detector_id})
