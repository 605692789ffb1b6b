"""Windows judged again, because documents came late for them. Nothing is learned from them.

A row is judged by the models as they are now, together with the windows before it as the data
shows them today, late documents included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from anomalyd.engine.analysis import columns, scored_rows, unfilled
from anomalyd.engine.imputation import FilledRows, Imputer
from anomalyd.engine.live_training import ENTITIES_AT_ONCE, ROUNDS, History
from anomalyd.engine.live_values import LiveRows
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.window import WindowRange
from anomalyd.executor.base import Float64s, Int64s, Models
from anomalyd.source.base import Arrivals, EntityValues

ROWS_AT_ONCE = 50_000
"""Rows whose shingles are in memory together."""


class LateWindows:
    """Judges windows of a running detector again.

    Args:
        plan: the detector.
        history: reads its data.
        models: its models; only judged by.
        number: number of an entity's model; None without.
    """

    def __init__(
        self,
        plan: AnalysisPlan,
        history: History,
        models: Models,
        number: Callable[[EntityValues], int | None],
    ) -> None:
        self._plan = plan
        self._history = history
        self._models = models
        self._number = number

    def judge(self, arrivals: Arrivals) -> Iterator[LiveRows]:
        """Return the rows of series and windows that documents arrived for, in chunks.

        Left out are entities without a model, rows that lack a value, and those with fewer than a
        shingle of windows with data, in three times that time, up to them.

        Raises: the source's errors.
        """
        numbers = [self._number(entity) for entity in arrivals.entities]
        known = [at for at, number in enumerate(numbers) if number is not None]
        for first in range(0, len(known), ENTITIES_AT_ONCE):
            some = known[first : first + ENTITIES_AT_ONCE]
            entities = tuple(arrivals.entities[at] for at in some)
            model = np.array([numbers[at] for at in some], dtype=np.int64)
            place = np.full(len(numbers), -1)
            place[some] = np.arange(len(some))
            entity = place[arrivals.entity]
            mine = entity >= 0
            yield from self._group(entities, model, entity[mine], arrivals.window_start[mine])

    def _group(
        self,
        entities: tuple[EntityValues, ...],
        model: Int64s,
        late_entity: Int64s,
        late_window: Int64s,
    ) -> Iterator[LiveRows]:
        """Judge the given pairs of entity and window; ``model`` is the number per entity."""
        interval, shingle = self._plan.interval, self._plan.shape.shingle_size
        windows = WindowRange(
            start=int(late_window.min()) - ROUNDS * shingle * interval,
            end=int(late_window.max()) + interval,
            interval=interval,
        )
        rows = self._rows(windows, entities)
        late = np.isin(
            _pair(windows, rows.entity, rows.window_start),
            _pair(windows, late_entity, late_window),
        )
        at = np.flatnonzero(late)
        begin = at - (shingle - 1)
        at = at[(begin >= 0) & (rows.entity[begin] == rows.entity[at])]
        at = at[np.argsort(rows.window_start[at], kind="stable")]
        for first in range(0, len(at), ROWS_AT_ONCE):
            chosen = at[first : first + ROWS_AT_ONCE]
            values = _shingles(rows.values, chosen, shingle)
            scores = self._models.rescore(model[rows.entity[chosen]], values)
            part = FilledRows(
                rows.entity[chosen],
                rows.window_start[chosen],
                rows.values[chosen],
                rows.imputed[chosen],
            )
            yield LiveRows(scored_rows(part, scores), entities)

    def _rows(self, windows: WindowRange, entities: tuple[EntityValues, ...]) -> FilledRows:
        """Return what the data shows today, gaps filled, sorted by entity and then window."""
        found = self._history.rows(windows.start, windows.end, entities)
        imputer = Imputer.of(self._plan.detector)
        rows = unfilled(found) if imputer is None else imputer.fill(windows, *columns(found))
        order = np.lexsort((rows.window_start, rows.entity))
        return FilledRows(
            rows.entity[order], rows.window_start[order], rows.values[order], rows.imputed[order]
        )


def _pair(windows: WindowRange, entity: Int64s, window: Int64s) -> Int64s:
    """Return one number per entity and window."""
    return entity * windows.count + (window - windows.start) // windows.interval


def _shingles(values: Float64s, at: Int64s, size: int) -> Float64s:
    """Return the rows that end at each of these, ``float64[rows, size, features]``."""
    return np.asarray(values[at[:, None] + np.arange(1 - size, 1)[None, :]])
