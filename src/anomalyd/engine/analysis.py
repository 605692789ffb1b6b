"""THE window function: fetch the feature rows of windows → score and learn them → result columns.

Historical analysis, preview and real time differ only in which windows they ask for and in what
they do with the columns. Everything travels as arrays; nothing loops over rows or entities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from anomalyd.engine.imputation import Bools, FilledRows, Imputer
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.seeds import model_seeds
from anomalyd.engine.window import WindowRange
from anomalyd.executor.base import Executor, Float64s, Int64s, Models, Scores
from anomalyd.model.entity import model_id
from anomalyd.source.base import EntityValues, FeatureRows, Source, WindowQuery
from anomalyd.store.base import NO_TIME

ROWS_PER_CALL = 2_000
"""Rows that are scored between two looks at whether to stop: well below a tenth of a second."""


class StoppedEarlyError(Exception):
    """The analysis was asked to stop in the middle of a step; its models are of no use any more."""


@dataclass(frozen=True)
class ScoredRows:
    """Columns of one step, sorted by window and then entity; every row was scored and learned.

    Attributes:
        entity: ``int64[rows]``, position among the analysis' entities.
        window_start: ``int64[rows]``, epoch ms.
        values: ``float64[rows, features]``, all finite.
        score, grade, confidence, threshold: ``float64[rows]``; 0 while a model warms up.
        imputed: ``bool[rows, features]``, which values were made up because there were none.
        relative_index: ``int64[rows]``, which row of the entity an anomaly is about, 0 or below.
        attribution, expected, past_values: ``float64[rows, features]``; why, what instead, and
            the values of the earlier row where relative_index is below 0. NaN unless grade > 0.
    """

    entity: Int64s
    window_start: Int64s
    values: Float64s
    imputed: Bools
    score: Float64s
    grade: Float64s
    confidence: Float64s
    threshold: Float64s
    relative_index: Int64s
    attribution: Float64s
    expected: Float64s
    past_values: Float64s

    def __len__(self) -> int:
        return len(self.window_start)

    def part(self, first: int, last: int) -> ScoredRows:
        """Return a half-open range of the rows."""
        return ScoredRows(*(getattr(self, field.name)[first:last] for field in fields(self)))

    def earlier_starts(self, interval: int) -> Int64s:
        """Return when the anomalies that are found late began, about, epoch ms (behaviour §11).

        Returns: ``int64[rows]``; ``NO_TIME`` where a row is no anomaly, or began with its window.
        """
        late = (self.grade > 0) & (self.relative_index < 0)
        return np.where(late, self.window_start + self.relative_index * interval, NO_TIME)


class Analysis:
    """A detector's models for some entities, fed with consecutive windows.

    Args:
        plan: the detector.
        entities: values in the order of the detector's category fields; ``((),)`` for one series.
        source: where the feature values come from.
        executor: where the models are kept.
    """

    def __init__(
        self,
        plan: AnalysisPlan,
        entities: Sequence[EntityValues],
        *,
        source: Source,
        executor: Executor,
    ) -> None:
        self.plan = plan
        self.entities = tuple(entities)
        self._source = source
        names = [model_id(plan.detector_id, plan.detector.categories, e) for e in self.entities]
        self._models = executor.open(plan.shape, model_seeds(plan.detector_id, names))
        self._imputer = Imputer.of(plan.detector)

    @property
    def models(self) -> Models:
        """The entities' models, numbered as they are."""
        return self._models

    def step(
        self,
        windows: WindowRange,
        stopping: Callable[[], bool] = lambda: False,
        look: Callable[[ScoredRows], None] | None = None,
    ) -> ScoredRows:
        """Analyse the next windows, which must follow those of the step before.

        A window without documents, or with a feature that has no value, gives no row and leaves
        its model as it was, unless the detector says what such a window is worth.

        Args:
            windows: which; the interval must be the plan's.
            stopping: looked at between batches of rows.
            look: called with the rows of each window right after their models have learned them.

        Raises:
            StoppedEarlyError: ``stopping`` said so.
            Source's errors: SourceUnavailable, IndexNotFound …
        """
        rows = self._source.feature_rows(
            WindowQuery(
                selection=self.plan.selection,
                features=self.plan.features,
                start=windows.start,
                end=windows.end,
                interval=windows.interval,
                entities=self.entities if self.plan.detector.categories else None,
            )
        )
        filled = self._imputer.fill(windows, *columns(rows)) if self._imputer else unfilled(rows)
        parts = []
        for part in batches(filled, 0, len(filled), by_window=look is not None):
            if stopping():
                raise StoppedEarlyError
            scores = self._models.process(part.entity, part.window_start, part.values)
            parts.append(scored_rows(part, scores))
            if look is not None:
                look(parts[-1])
        return joined(parts)

    def updates(self) -> Int64s:
        """Return how many windows each entity's model has learned."""
        return self._models.updates()

    def sizes(self) -> Int64s:
        """Return the bytes that each entity's model takes in memory now."""
        return self._models.sizes()


def batches(rows: FilledRows, first: int, last: int, *, by_window: bool) -> Iterator[FilledRows]:
    """Cut rows into what is scored at once, at least one batch.

    Args:
        rows: sorted by window.
        first: of these, the first that is cut.
        last: the first that is not any more.
        by_window: a batch has all rows of one window instead of so many.
    """
    bounds = list(range(first, max(last, first + 1), ROWS_PER_CALL))
    if by_window:
        inside = rows.window_start[first:last]
        bounds = [first, *(first + 1 + np.flatnonzero(np.diff(inside))).tolist()]
    for begin, end in zip(bounds, [*bounds[1:], last], strict=True):
        yield rows.part(begin, end)


def scored_rows(rows: FilledRows, scores: Scores) -> ScoredRows:
    """Return rows together with what their models say of them."""
    anomalous = (scores.grade > 0)[:, None]
    return ScoredRows(
        rows.entity,
        rows.window_start,
        rows.values,
        rows.imputed,
        scores.score,
        scores.grade,
        scores.confidence,
        scores.threshold,
        scores.relative_index,
        np.where(anomalous, scores.attribution, np.nan),
        np.where(anomalous, scores.expected, np.nan),
        np.where(anomalous, scores.past_values, np.nan),
    )


def columns(rows: FeatureRows) -> tuple[Int64s, Int64s, Float64s]:
    """Return entity, window and values of rows."""
    return rows.entity, rows.window_start, rows.values


def unfilled(rows: FeatureRows) -> FilledRows:
    """Return the complete rows, sorted by window; nothing is made up."""
    entity, window_start, values = complete_rows(rows)
    return FilledRows(entity, window_start, values, np.zeros(values.shape, dtype=np.bool_))


def complete_rows(rows: FeatureRows) -> tuple[Int64s, Int64s, Float64s]:
    """Drop the rows that lack a value and sort the rest by window.

    By window, so that a batch holds rows of all models and all of the core's threads have work.
    The sort is stable: within an entity the windows stay in order.
    """
    complete = np.flatnonzero(np.isfinite(rows.values).all(axis=1))
    order = complete[np.argsort(rows.window_start[complete], kind="stable")]
    return rows.entity[order], rows.window_start[order], rows.values[order]


def joined(parts: Sequence[ScoredRows]) -> ScoredRows:
    """Put batches of rows together, at least one."""
    columns = (
        np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(ScoredRows)
    )
    return ScoredRows(*columns)
