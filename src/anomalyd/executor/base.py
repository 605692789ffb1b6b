"""What the engine asks of the place that keeps models.

Every implementation gives the same numbers for the same seeds and rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
Float64s = npt.NDArray[np.float64]


class Tolerance(NamedTuple):
    """How far a value may lie from what was expected for a rule to ignore it.

    Attributes:
        over, below: differences that are allowed on each side, in the unit of the feature.
        over_ratio, below_ratio: parts of the actual value's size; the larger of both counts.
            0 allows nothing, infinity anything.
    """

    over: float = 0.0
    below: float = 0.0
    over_ratio: float = 0.0
    below_ratio: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """What the models of a detector are built from.

    Attributes:
        features: values per window, at least 1.
        shingle_size: windows that a model sees at once.
        recency_emphasis: windows that a model's memory lasts; None = the core's default.
        tolerances: anomalies that are ignored: per rule, one per feature. Saved models do not
            depend on it.
    """

    features: int
    shingle_size: int
    recency_emphasis: int | None = None
    tolerances: tuple[tuple[Tolerance, ...], ...] = ()


class Scores(Protocol):
    """Answer to a batch: arrays with one element per row, in the rows' order."""

    @property
    def score(self) -> Float64s:
        """Score of the forest; 0 while the model is warming up."""

    @property
    def grade(self) -> Float64s:
        """How anomalous, 0 to 1."""

    @property
    def confidence(self) -> Float64s:
        """How much the model has seen, 0 to 1."""

    @property
    def threshold(self) -> Float64s:
        """The score from which the row would have been anomalous."""

    @property
    def relative_index(self) -> Int64s:
        """The row of the same model that the explanation is about: 0 = this one, -1 = the last."""

    @property
    def attribution(self) -> Float64s:
        """Each feature's part in the score ``[rows, features]``, sum 1; NaN unless grade > 0."""

    @property
    def expected(self) -> Float64s:
        """What was expected ``[rows, features]``, in the unit of the values.

        NaN where nothing was; rows without a grade may have it too.
        """

    @property
    def past_values(self) -> Float64s:
        """Values of that row ``[rows, features]``; NaN unless grade > 0, relative_index < 0."""


class Models(Protocol):
    """The models of one run, numbered from 0 in the order of their seeds. Used by one thread."""

    def process(self, models: Int64s, timestamps: Int64s, values: Float64s) -> Scores:
        """Score rows and learn them, in the given order within each model.

        Args:
            models: ``int64[rows]``, number of the row's model.
            timestamps: ``int64[rows]``, epoch ms, increasing within each model.
            values: ``float64[rows, features]``, all finite.
        """
        ...

    def rescore(self, models: Int64s, values: Float64s) -> Scores:
        """Judge rows by the models as they are now; nothing is learned and nothing changes.

        Args:
            models: ``int64[rows]``, number of the row's model; may repeat.
            values: ``float64[rows, shingle_size, features]``, all finite: the row and those before
                it, the oldest first.
        """
        ...

    def add(self, seeds: UInt64s) -> None:
        """Append new, untrained models; they get the next numbers."""
        ...

    def save(self, models: Int64s) -> list[bytes]:
        """Write models ``int64[n]`` down as bytes."""
        ...

    def restore(self, saved: Sequence[bytes]) -> None:
        """Append models that ``save`` wrote down; they get the next numbers.

        Raises: CorruptState when one cannot be trusted; nothing was appended then.
        """
        ...

    def updates(self) -> Int64s:
        """Return how many rows each model has learned."""
        ...

    def sizes(self) -> Int64s:
        """Return the bytes that each model takes in memory now."""
        ...

    def resident(self) -> int:
        """Return how many models are ready to score, neither packed nor spilled. Thread-safe."""
        ...

    def close(self) -> None:
        """Let go of all models; they must not be used any more."""
        ...


class PackableModels(Models, Protocol):
    """Models that can be taken out of memory one by one and put back; bits and numbers stay."""

    def pack(self, models: Int64s) -> list[bytes]:
        """Write models ``int64[n]`` down and take them out; only ``unpack`` may name them then."""
        ...

    def unpack(self, models: Int64s, packed: Sequence[bytes]) -> None:
        """Put models ``int64[n]`` back that ``pack`` took out."""
        ...

    def updates_of(self, models: Int64s) -> Int64s:
        """Return how many rows these models ``int64[n]`` have learned."""
        ...

    def sizes_of(self, models: Int64s) -> Int64s:
        """Return the bytes that these models ``int64[n]`` take in memory now."""
        ...


class Executor(Protocol):
    """Makes models. Thread-safe."""

    def open(self, shape: ModelShape, seeds: UInt64s) -> Models:
        """Return new, untrained models, one per seed. They live as long as they are referenced."""
        ...
