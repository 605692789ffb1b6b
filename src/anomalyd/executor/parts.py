"""Batches that are worked on in parts, so that few models are in memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from anomalyd.executor.base import Float64s, Int64s, Scores


def groups(models: Int64s, at_once: int) -> Iterator[Int64s]:
    """Cut rows into groups with at most ``at_once`` models, each model in one group.

    Args:
        models: ``int64[rows]``, number of the row's model.
        at_once: models.
    """
    used, code = np.unique(models, return_inverse=True)
    if len(used) <= at_once:
        yield np.arange(len(models))
        return
    group = code // at_once
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(1, int(group.max()) + 1))
    yield from np.split(order, ends)


@dataclass(frozen=True)
class Joined:
    """Answers to parts of a batch, put together in the batch's order."""

    score: Float64s
    grade: Float64s
    confidence: Float64s
    threshold: Float64s
    relative_index: Int64s
    attribution: Float64s
    expected: Float64s
    past_values: Float64s

    @staticmethod
    def of(parts: Sequence[tuple[Int64s, Scores]]) -> Joined:
        """Put the answers to all rows of a batch together; each part says which rows it is."""
        back = np.argsort(np.concatenate([rows for rows, _ in parts]))
        names = tuple(Joined.__dataclass_fields__)
        return Joined(
            *(np.concatenate([getattr(scores, name) for _, scores in parts])[back]
              for name in names)
        )  # fmt: skip
