"""Verdicts on a series: which of its values are anomalies, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anomalyd._core import BankSettings
from anomalyd.forest.arrays import Float64s, Int64s, table, times
from anomalyd.forest.saved import pack, unpack
from anomalyd.forest.single import SingleModel, check_seed


@dataclass(frozen=True)
class Verdicts:
    """Arrays with one element per input, in order.

    Attributes:
        score: ``float64[n]``, of the forest; 0 while it is still learning.
        grade: ``float64[n]``, how anomalous, 0 to 1; 0 = not an anomaly.
        confidence: ``float64[n]``, how much has been seen, 0 to 1.
        threshold: ``float64[n]``, the score from which a grade above 0 is possible.
        suppression: ``int8[n]``, why a score above it has no grade: index into ``SUPPRESSIONS``.
        relative_index: ``int64[n]``, the input that the row's explanation is about: 0 = its own,
            -1 = the one before.
        attribution: ``float64[n, features]``, each feature's part, sum 1; NaN without a grade.
        expected: ``float64[n, features]``, what was expected; NaN where nothing was.
        past_values: ``float64[n, features]``, the input explained where it is an earlier one.
        imputed: ``bool[n, features]``, which values were filled in.
    """

    score: Float64s
    grade: Float64s
    confidence: Float64s
    threshold: Float64s
    suppression: npt.NDArray[np.int8]
    relative_index: Int64s
    attribution: Float64s
    expected: Float64s
    past_values: Float64s
    imputed: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Forecast:
    """What is expected next, ``float64[horizon, features]`` each; NaN while still learning.

    Attributes:
        values: the likeliest.
        low, high: four of five trees expect a value between these.
    """

    values: Float64s
    low: Float64s
    high: Float64s


class ThresholdedForest(SingleModel):
    """Finds the anomalies of one series with one or several features per step.

    Every input is judged by those before it and then learned. Deterministic: the same seed and
    inputs give the same bits, however they are cut into calls. Not thread-safe.

    >>> import numpy as np
    >>> forest = ThresholdedForest(features=1, seed=7)
    >>> values = np.sin(np.arange(1000) / 8)[:, None]
    >>> values[900] = 5
    >>> verdicts = forest.process(values, np.arange(1000) * 60_000)
    >>> np.flatnonzero(verdicts.grade > 0.9).tolist()
    [900]

    Args:
        features: values per input, 1 to 1000, and at most 32768 / shingle_size.
        shingle_size: consecutive inputs that are judged together, 1 to 128.
        trees, sample_size, seed: as in ``RandomCutForest``.
        time_decay: how fast the past fades, per input. None: 1 / (10 sample_size).
        output_after: inputs before there are scores.
        transform, imputation, fixed_values: as in ``BankSettings``.

    Raises: ValueError naming the argument out of bounds.
    """

    def __init__(
        self,
        features: int = 1,
        shingle_size: int = 8,
        *,
        trees: int = 30,
        sample_size: int = 256,
        seed: int = 0,
        time_decay: float | None = None,
        output_after: int = 32,
        transform: str = "NORMALIZE",
        imputation: str = "NONE",
        fixed_values: Sequence[float] = (),
    ) -> None:
        self._parameters: dict[str, Any] = {
            "features": features,
            "shingle_size": shingle_size,
            "trees": trees,
            "sample_size": sample_size,
            "time_decay": time_decay,
            "output_after": output_after,
            "transform": transform,
            "imputation": imputation,
            "fixed_values": list(fixed_values),
        }
        check_seed(seed)
        settings = BankSettings(
            features=features,
            shingle_size=shingle_size,
            trees=trees,
            sample_size=sample_size,
            time_decay=1 / (10 * max(sample_size, 1)) if time_decay is None else time_decay,
            output_after=output_after,
            transform=transform,
            imputation=imputation,
            fixed_values=fixed_values,
        )
        super().__init__(settings, seed)
        self._last: int | None = None

    def process(self, values: npt.ArrayLike, timestamps: npt.ArrayLike) -> Verdicts:
        """Judge each input by those before it, then learn it.

        Args:
            values: ``[n, features]``. NaN only with an imputation: without one a gap would be
                passed over in silence.
            timestamps: ``int64[n]``, epoch ms, increasing, from one call to the next as well.

        Raises: ValueError for a wrong shape, a NaN without an imputation, an infinity, or a
        timestamp that is not above the one before. Nothing was learned then.
        """
        settings = self._bank.settings
        rows = table(values, settings.features, "values", nan=settings.imputation != "NONE")
        moments = times(timestamps, len(rows), self._last)
        scores = self._bank.process(np.repeat(self._model, len(rows)), moments, rows)
        if len(moments):
            self._last = int(moments[-1])
        return Verdicts(
            scores.score,
            scores.grade,
            scores.confidence,
            scores.threshold,
            scores.suppression,
            scores.relative_index,
            scores.attribution,
            scores.expected,
            scores.past_values,
            scores.imputed,
        )

    def forecast(self, horizon: int) -> Forecast:
        """Say what is expected of the next ``horizon`` (1 to 10000) inputs; learns nothing.

        Raises: ValueError for a horizon out of bounds.
        """
        values, low, high = self._bank.forecast(self._model, horizon)
        return Forecast(values[0], low[0], high[0])

    def to_bytes(self) -> bytes:
        """Write the forest down; ``from_bytes`` makes one that goes on to the bit."""
        parameters = {**self._parameters, "last": self._last}
        return pack("ThresholdedForest", parameters, self._checkpoint())

    @classmethod
    def from_bytes(cls, data: bytes) -> ThresholdedForest:
        """Return the forest that ``to_bytes`` wrote down.

        Raises: ValueError that says why the bytes are none.
        """
        parameters, checkpoint = unpack("ThresholdedForest", data)
        last = parameters.pop("last")
        forest = cls(**parameters)
        forest._resume(checkpoint)
        forest._last = last
        return forest
