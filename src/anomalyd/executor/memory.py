"""How much memory models will take, before they are there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from anomalyd.errors import MemoryExceeded
from anomalyd.executor.base import ModelShape
from anomalyd.executor.budget import RESIDENT_SHARE, ModelBudget

EXCEEDED = "AD models memory usage exceeds our limit."
"""The documented words (behaviour §7)."""


def full_size(shape: ModelShape) -> int:
    """Return about how many bytes a model takes once its trees are full; it grows no more then.

    Fitted to models that had learned 6,000 noisy windows, for 1 to 10 features and shingles of 1 to
    60: within an eighth of each. A test compares it with trained models.
    """
    features, shingle = shape.features, shape.shingle_size
    return 155_000 + 17_300 * features + 3_700 * features * shingle


@dataclass(frozen=True)
class ModelNeed:
    """What a detector cannot do without.

    Attributes:
        shape: of its models.
        several: whether it has a model per entity.
    """

    shape: ModelShape
    several: bool


class MemoryBreaker:
    """Refuses detectors whose least need does not fit beside those that run. Thread-safe.

    All other models can be packed or spilled, so that no running detector is ever stopped.

    Args:
        budget: what all models share.
    """

    def __init__(self, budget: ModelBudget) -> None:
        self._budget = budget

    @property
    def room(self) -> int:
        """Bytes for models that are ready to score."""
        return int(self._budget.limit * RESIDENT_SHARE)

    def least(self, need: ModelNeed) -> int:
        """Return the bytes of the models that always stay ready, once full."""
        ready = max(1, self._budget.dedicated) if need.several else 1
        return ready * full_size(need.shape)

    def check(self, asking: ModelNeed, running: Iterable[ModelNeed]) -> None:
        """Make sure that one more detector may start.

        Raises: MemoryExceeded.
        """
        wanted, taken, room = self.least(asking), sum(map(self.least, running)), self.room
        if taken + wanted > room:
            raise MemoryExceeded(
                f"{EXCEEDED} The models that always stay ready would take {wanted} bytes beside "
                f"{taken} of other detectors, of {room}; raise [model_memory_budget], or lower "
                f"[dedicated_cache_size] or the shingle size",
                details={"bytes_wanted": taken + wanted, "bytes_limit": room},
            )
