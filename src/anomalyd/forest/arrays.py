"""What both forests check of their inputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


def table(values: npt.ArrayLike, columns: int, name: str, *, nan: bool) -> Float64s:
    """Return rows of numbers ``float64[rows, columns]``, contiguous.

    Args:
        values: two-dimensional; whole numbers and smaller floats are widened.
        columns: how many.
        name: of the argument, for the error's text.
        nan: whether NaN may stand for a missing value.

    Raises: ValueError naming the first row that holds what is not allowed.
    """
    given = np.asarray(values)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be numbers, got dtype {given.dtype}")
    if given.ndim != 2 or given.shape[1] != columns:
        raise ValueError(f"{name} must have the shape (n, {columns}), got {given.shape}")
    rows = np.ascontiguousarray(given, dtype=np.float64)
    _refuse_rows(np.any(np.isinf(rows), axis=1), f"{name} must be finite, row {{}} is infinite")
    if not nan:
        _refuse_rows(np.any(np.isnan(rows), axis=1), f"{name} must not be NaN, row {{}} has one")
    return rows


def times(timestamps: npt.ArrayLike, rows: int, last: int | None) -> Int64s:
    """Return epoch milliseconds ``int64[rows]``.

    Args:
        timestamps: one per row.
        rows: how many.
        last: of the row before the first; None without.

    Raises: ValueError when they are no whole numbers, not one per row, or do not increase.
    """
    given = np.asarray(timestamps)
    if given.dtype.kind not in "iu" and given.size:
        raise ValueError(f"timestamps must be whole numbers, got dtype {given.dtype}")
    if given.shape != (rows,):
        raise ValueError(f"timestamps must have the shape ({rows},), got {given.shape}")
    column = np.ascontiguousarray(given, dtype=np.int64)
    before = column[:1] - 1 if last is None else np.array([last], dtype=np.int64)
    falls = column <= np.concatenate([before, column[:-1]])[: len(column)]
    _refuse_rows(falls, "timestamps must increase, row {} does not")
    return column


def _refuse_rows(wrong: npt.NDArray[np.bool_], text: str) -> None:
    if wrong.any():
        raise ValueError(text.format(int(wrong.argmax())))
