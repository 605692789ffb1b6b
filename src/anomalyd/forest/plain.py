"""Scores of points, in the order in which they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anomalyd._core import BankSettings
from anomalyd.forest.arrays import Float64s, Int64s, table
from anomalyd.forest.saved import pack, unpack
from anomalyd.forest.single import SingleModel, check_seed


@dataclass(frozen=True)
class Neighbours:
    """Points that the forest remembers, nearest first; NaN and 0 where there are no more.

    Attributes:
        points: ``float64[rows, count, dimensions]``.
        distance: ``float64[rows, count]``, Euclidean.
        trees: ``int64[rows, count]``, how many trees lead there.
    """

    points: Float64s
    distance: Float64s
    trees: Int64s


class RandomCutForest(SingleModel):
    """A streaming Random Cut Forest (Guha et al., 2016) with time-decayed samples.

    Deterministic: the same seed and points give the same bits. Not thread-safe.

    >>> import numpy as np
    >>> forest = RandomCutForest(dimensions=2, seed=7)
    >>> points = np.random.default_rng(0).normal(size=(1000, 2))
    >>> scores = forest.score_and_update(points)
    >>> bool(forest.score([[9.0, 9.0]])[0] > 2 * np.median(scores[-500:]))
    True

    Args:
        dimensions: coordinates of a point, 1 to 1000.
        trees: 1 to 1000.
        sample_size: points that each tree holds at most, 2 to 8192.
        seed: 0 to 2^64 - 1.
        time_decay: how fast the past fades, per point, 0 to below 1. None: 1 / (10 sample_size).
        output_after: points before there are scores; they are 0 until then. None: a quarter of
            sample_size.

    Raises: ValueError naming the argument out of bounds.
    """

    def __init__(
        self,
        dimensions: int,
        *,
        trees: int = 30,
        sample_size: int = 256,
        seed: int = 0,
        time_decay: float | None = None,
        output_after: int | None = None,
    ) -> None:
        self._parameters: dict[str, Any] = {
            "dimensions": dimensions,
            "trees": trees,
            "sample_size": sample_size,
            "time_decay": time_decay,
            "output_after": output_after,
        }
        if not 1 <= dimensions <= 1_000:
            raise ValueError(f"dimensions must be from 1 to 1000, got {dimensions}")
        check_seed(seed)
        settings = BankSettings(
            features=dimensions,
            shingle_size=1,
            trees=trees,
            sample_size=sample_size,
            time_decay=1 / (10 * max(sample_size, 1)) if time_decay is None else time_decay,
            output_after=max(1, sample_size // 4) if output_after is None else output_after,
            initial_accept_fraction=1.0,
            transform="NONE",
            corrector=False,
            verdicts=False,
        )
        super().__init__(settings, seed)

    @property
    def dimensions(self) -> int:
        """Coordinates of a point."""
        return self._bank.settings.features

    def score_and_update(self, points: npt.ArrayLike) -> Float64s:
        """Score each point by those before it, then learn it.

        Args:
            points: ``[n, dimensions]``, finite.

        Returns: ``float64[n]``; about 0.5 to 1 for a usual point, more for an unusual one, at most
        log2(sample_size + 1). 0 before ``output_after``.

        Raises: ValueError for a wrong shape, a NaN or an infinity; nothing was learned then.
        """
        rows = self._points(points)
        begin = self.updates
        steps = np.arange(begin, begin + len(rows), dtype=np.int64)
        return self._bank.process(self._repeated(rows), steps, rows).score

    def score(self, points: npt.ArrayLike) -> Float64s:
        """Score points ``[n, dimensions]`` and learn nothing. Returns, raises: as above."""
        shingles = self._points(points)[:, None, :]
        return self._bank.rescore(self._repeated(shingles), shingles).score

    def update(self, points: npt.ArrayLike) -> None:
        """Learn points ``[n, dimensions]``. Raises: as ``score_and_update``."""
        self.score_and_update(points)

    def attribution(self, points: npt.ArrayLike) -> tuple[Float64s, Float64s]:
        """Split the scores of points ``[n, dimensions]`` over their coordinates.

        Returns: the parts from being higher and from being lower than usual, ``float64[n,
        dimensions]`` each; together they are the score. NaN before ``output_after``.

        Raises: as ``score_and_update``.
        """
        shingles = self._points(points)[:, None, :]
        high, low = self._bank.attribute(self._repeated(shingles), shingles)
        return high[:, 0], low[:, 0]

    def impute(self, points: npt.ArrayLike) -> Float64s:
        """Return points ``[n, dimensions]`` with what the forest expects in place of NaN.

        NaN stay before ``output_after`` and in points of nothing else.

        Raises: ValueError for a wrong shape or an infinity.
        """
        shingles = self._points(points, nan=True)[:, None, :]
        return self._bank.impute(self._repeated(shingles), shingles)[:, 0]

    def neighbours(self, points: npt.ArrayLike, *, count: int = 1) -> Neighbours:
        """Return what the forest remembers that is like some points.

        Args:
            points: ``[n, dimensions]``, finite.
            count: neighbours per point at most, 1 to ``trees``.

        Raises: as ``score_and_update``, and ValueError for a count out of bounds.
        """
        shingles = self._points(points)[:, None, :]
        found, distance, trees = self._bank.neighbours(self._repeated(shingles), shingles, count)
        return Neighbours(found[:, :, 0], distance, trees)

    def to_bytes(self) -> bytes:
        """Write the forest down; ``from_bytes`` makes one that goes on to the bit."""
        return pack("RandomCutForest", self._parameters, self._checkpoint())

    @classmethod
    def from_bytes(cls, data: bytes) -> RandomCutForest:
        """Return the forest that ``to_bytes`` wrote down.

        Raises: ValueError that says why the bytes are none.
        """
        parameters, checkpoint = unpack("RandomCutForest", data)
        forest = cls(**parameters)
        forest._resume(checkpoint)
        return forest

    def _points(self, points: npt.ArrayLike, *, nan: bool = False) -> Float64s:
        return table(points, self.dimensions, "points", nan=nan)

    def _repeated(self, rows: Float64s) -> Int64s:
        return np.repeat(self._model, len(rows))
