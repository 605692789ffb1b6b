"""What running detectors ask of the place that keeps their models.

Every implementation passes ``tests/contract/test_checkpoint_store.py`` and
``tests/contract/test_scored_values.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from anomalyd.source.base import FeatureRows
from anomalyd.store.base import ScoreRange


class ScoredValuesReader(Protocol):
    """Reads back what models have learned, whatever late documents changed since. Thread-safe."""

    def scored_values(self, which: ScoreRange) -> FeatureRows:
        """Return the feature values of stored results, in the form in which a source gives them.

        Rows without a score are left out; entities are those found, in no particular order, values
        in the order of ``which.category_fields``. ``doc_count`` is 0: it is not known any more.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ModelCheckpoint:
    """A model, written down.

    Attributes:
        entity: whose, values in the order of the detector's category fields.
        position: all windows before this time have been learned, epoch ms.
        data: as the executor wrote it.
    """

    entity: tuple[str, ...]
    position: int
    data: bytes


CHECKPOINTS_AT_ONCE = 500
"""Checkpoints whose bytes are in memory together."""


class CheckpointStore(Protocol):
    """Models of running detectors, one checkpoint per entity. Thread-safe.

    What ``save`` wrote is on disk when it returns; after a crash in it either all or none of its
    checkpoints are there.
    """

    def save(
        self, detector_id: str, fingerprint: str, checkpoints: Sequence[ModelCheckpoint]
    ) -> None:
        """Write checkpoints; each replaces the one of its entity."""
        ...

    def load(self, detector_id: str, fingerprint: str) -> Iterator[Sequence[ModelCheckpoint]]:
        """Return a detector's checkpoints by this fingerprint, in the order of first writing.

        They come in batches of at most ``CHECKPOINTS_AT_ONCE``, each read when it is asked for, so
        that not all of them need be in memory; none is empty.
        """
        ...

    def forget(self, detector_id: str) -> None:
        """Delete all checkpoints of a detector, whatever their fingerprint."""
        ...

    def detectors(self) -> Mapping[str, int]:
        """Return how many checkpoints each detector has; those without any are left out."""
        ...

    def fingerprints(self) -> Mapping[str, frozenset[str]]:
        """Return by which definitions each detector's checkpoints are; none are left out."""
        ...
