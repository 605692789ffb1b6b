"""The past that new models of real time learn from, read for so many entities at a time.

A model learns from ``history`` windows before its own first one; where they have too little data,
it looks further back, up to three times as far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anomalyd.engine.analysis import complete_rows
from anomalyd.engine.imputation import Imputer
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.window import WindowRange
from anomalyd.executor.base import Float64s, Int64s
from anomalyd.source.base import EntityValues, FeatureRows, Source, WindowQuery

TRAINED_AFTER = 32
ROUNDS = 3
"""How many times ``history`` a model may look back while it finds too few windows."""
ENTITIES_AT_ONCE = 20_000
"""Entities whose past is in memory together."""
ANY_NUMBER = 2**31
"""Of entities: all that there are."""


@dataclass(frozen=True)
class Past:
    """What some new models learn.

    Attributes:
        entities: whose models.
        entity: ``int64[rows]``, position in ``entities``.
        window: ``int64[rows]``, starts of windows, epoch ms, ascending within an entity.
        values: ``float64[rows, features]``, all finite.
        last: ``float64[entities, features]``, each one's last values, where gaps are filled; NaN
            where it has none.
        looked: how many windows were looked back.
        found: ``int64[windows]``, the windows that have complete rows.
    """

    entities: tuple[EntityValues, ...]
    entity: Int64s
    window: Int64s
    values: Float64s
    last: Float64s
    looked: int
    found: Int64s


class History:
    """Reads a detector's past.

    Args:
        plan: the detector.
        source: where the data is.
        windows: how far a model looks back at first; None = 32 + shingle size, or the detector's.
    """

    def __init__(self, plan: AnalysisPlan, source: Source, windows: int | None) -> None:
        self._plan = plan
        self._source = source
        own = plan.detector.options.history
        self.windows = own or windows or TRAINED_AFTER + plan.shape.shingle_size
        self._span = self.windows * plan.interval

    def of_all(self, first_window: int) -> Iterator[Past]:
        """Return the past of all entities that the windows before a first one show, in groups.

        A single series is one group even if there is nothing of it.

        Raises: the source's errors.
        """
        entities: tuple[EntityValues, ...] = ((),)
        if self._plan.detector.categories:
            shown = self._source.top_entities(
                self._plan.selection,
                start=first_window - self._span,
                end=first_window,
                limit=ANY_NUMBER,
            )
            entities = tuple(sorted(one.values for one in shown))
        yield from self._groups(entities, np.full(len(entities), first_window), rounds=1)

    def of(self, entities: tuple[EntityValues, ...], ends: Int64s) -> Iterator[Past]:
        """Return the past of entities before each one's own end ``int64[entities]``, in groups.

        Raises: the source's errors.
        """
        yield from self._groups(entities, ends, rounds=ROUNDS)

    def rows(self, start: int, end: int, entities: tuple[EntityValues, ...] | None) -> FeatureRows:
        """Return the feature values of windows, of all entities where none are named."""
        return self._source.feature_rows(self.query(start, end, entities))

    def query(self, start: int, end: int, entities: tuple[EntityValues, ...] | None) -> WindowQuery:
        """Return what ``rows`` asks."""
        return WindowQuery(
            selection=self._plan.selection,
            features=self._plan.features,
            start=start,
            end=end,
            interval=self._plan.interval,
            entities=entities if self._plan.detector.categories else None,
        )

    def _groups(
        self, entities: tuple[EntityValues, ...], ends: Int64s, *, rounds: int
    ) -> Iterator[Past]:
        for first in range(0, len(entities), ENTITIES_AT_ONCE):
            part = slice(first, first + ENTITIES_AT_ONCE)
            yield self._past(entities[part], ends[part], rounds)

    def _past(self, entities: tuple[EntityValues, ...], ends: Int64s, fetched: int) -> Past:
        """Read the past of a group; ``fetched`` rounds of it with the first query."""
        span, plan = self._span, self._plan
        since = int(ends.min()) - fetched * span
        rows = self.rows(since, int(ends.max()), entities)
        rounds = np.ones(len(entities), dtype=np.int64)
        entity, window, values = complete_rows(rows)
        for further in range(2, ROUNDS + 1):
            inside = (window >= ends[entity] - rounds[entity] * span) & (window < ends[entity])
            counts = np.bincount(entity[inside], minlength=len(entities))
            few = np.flatnonzero(counts < TRAINED_AFTER)
            if not len(few):
                break
            rounds[few] = further
            oldest = int((ends[few] - further * span).min())
            if oldest < since:
                rows = self._further(rows, few, oldest, int(ends.max()))
                entity, window, values = complete_rows(rows)
        inside = (window >= ends[entity] - rounds[entity] * span) & (window < ends[entity])
        entity, window, values = entity[inside], window[inside], values[inside]
        found = np.unique(window)
        last = np.full((len(entities), len(plan.features)), np.nan)
        imputer = Imputer.of(plan.detector)
        if imputer is not None and len(window):
            past = WindowRange(start=int(window.min()), end=int(ends.max()), interval=plan.interval)
            filled = imputer.fill(past, entity, window, values)
            filled = filled.where(filled.window_start < ends[filled.entity])
            entity, window, values = filled.entity, filled.window_start, filled.values
            # rows are in order of time, so the last of each entity stays
            last[entity] = values
        # one model after the other: each is brought into memory once
        order = np.argsort(entity, kind="stable")
        return Past(
            entities,
            entity[order],
            window[order],
            values[order],
            last,
            self.windows * int(rounds.max(initial=1)),
            found,
        )

    def _further(self, rows: FeatureRows, few: Int64s, start: int, end: int) -> FeatureRows:
        """Return the rows with those of a few entities replaced by rows that begin earlier."""
        older = self.rows(start, end, tuple(rows.entities[number] for number in few.tolist()))
        keep = ~np.isin(rows.entity, few)
        # what was asked for is answered in that order
        entity = np.concatenate([rows.entity[keep], few[older.entity]])
        window = np.concatenate([rows.window_start[keep], older.window_start])
        order = np.lexsort((window, entity))
        return FeatureRows(
            rows.entities,
            entity[order],
            window[order],
            np.concatenate([rows.doc_count[keep], older.doc_count])[order],
            np.concatenate([rows.values[keep], older.values])[order],
        )
