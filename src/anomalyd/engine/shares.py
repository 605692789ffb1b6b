"""What unusual rows would be without the documents of a value (influencer reference, P1).

For a field that no model is split by, the features of an unusual row are computed again without
the documents that carry a value, and judged read-only by the row's model, which has learned the
row meanwhile. One query gives the parts of all values. A sum and a count are what is left after
subtraction, a mean is the one divided by the other; the smallest and the largest are those of the
other values, if each document has exactly one. All else is asked for without the value, value by
value.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from anomalyd.engine.analysis import ScoredRows, columns, unfilled
from anomalyd.engine.imputation import Bools, Imputer
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.window import WindowRange
from anomalyd.errors import AnomalydError
from anomalyd.executor.base import Float64s, Int64s, Models
from anomalyd.query.nodes import Bool, Query, Term, Terms
from anomalyd.query.nodes_aggregations import (
    Aggregation,
    Avg,
    Cardinality,
    Max,
    Min,
    Sum,
    ValueCount,
)
from anomalyd.source.base import EntityValues, FeatureRows, Selection, Source, WindowQuery
from anomalyd.store.influencers import NO_SHARES, ShareRows

logger = logging.getLogger(__name__)

ROWS_PER_WINDOW = 50
"""Unusual rows of a window that are looked into, the highest scores first."""
VALUES_PER_ROW = 25
"""Values of a field that a row is computed without, those with the largest parts first."""
CARRIED = 0.95
"""Share of the score's attribution whose features are computed again; the others stay."""
ROUNDS = 3
"""In how many times a shingle's time a row's shingle is looked for."""


@dataclass(frozen=True)
class _Row:
    """An unusual row.

    Attributes:
        model: number of its model.
        shingle: ``float64[shingle, features]``, itself last.
        told: ``bool[features]``, which features its score comes from.
        total: ``float64[parts]``, of all its documents.
        documents: how many these are.
    """

    entity: EntityValues
    model: int
    shingle: Float64s
    told: Bools
    total: Float64s
    documents: int


@dataclass(frozen=True)
class _Parts:
    """Parts of values, of the rows that are looked into.

    Attributes:
        row: ``int64[values]``, position of the row.
        value: texts.
        parts: ``float64[values, parts]``; NaN where the value has none.
        documents: ``int64[values]``.
    """

    row: Int64s
    value: Sequence[str]
    parts: Float64s
    documents: Int64s


class ShareFinder:
    """Looks into unusual rows of one detector.

    Args:
        plan: the detector.
        source: its data.
        models: its models; only judged by.
    """

    def __init__(self, plan: AnalysisPlan, source: Source, models: Models) -> None:
        self._plan = plan
        self._source = source
        self._models = models
        self._fields = plan.detector.options.influencers
        self._parts = tuple(part for feature in plan.features for part in _parts_of(feature))
        self._extremes = tuple(one for one in plan.features if isinstance(one, Min | Max))
        self._others = tuple(one for one in plan.features if not _parts_of(one))

    def find(self, rows: ScoredRows, entities: Sequence[EntityValues], models: Int64s) -> ShareRows:
        """Look into the unusual rows of one window, right after their models learned them.

        Args:
            rows: of one window.
            entities: that ``rows.entity`` points into.
            models: ``int64[entities]``, numbers of their models.

        Returns: nothing where the detector asks for nothing, or the data cannot be read now.
        """
        if not self._fields or not len(rows):
            return NO_SHARES
        unusual = np.flatnonzero((rows.confidence > 0) & (rows.score > rows.threshold))
        if not len(unusual):
            return NO_SHARES
        unusual = unusual[np.argsort(-rows.score[unusual], kind="stable")][:ROWS_PER_WINDOW]
        told = {entities[rows.entity[at]]: _told(rows.attribution[at]) for at in unusual.tolist()}
        numbers = {entities[at]: int(models[at]) for at in rows.entity[unusual].tolist()}
        start = int(rows.window_start[0])
        try:
            wanted = self._rows(start, numbers, told)
            found = [self._field(start, field, wanted) for field in self._fields if wanted]
        except AnomalydError as problem:
            # Detection must not stop because of who is to blame.
            logger.warning("influencers of %s: %s", self._plan.detector_id, problem.reason)
            return NO_SHARES
        return ShareRows.joined(found)

    def _rows(
        self, start: int, numbers: dict[EntityValues, int], told: dict[EntityValues, Bools]
    ) -> list[_Row]:
        """Return the rows with their shingles; those whose shingle is not complete are left out."""
        size, interval = self._plan.shape.shingle_size, self._plan.interval
        windows = WindowRange(
            start=start - ROUNDS * (size - 1) * interval, end=start + interval, interval=interval
        )
        count = len(self._plan.features)
        asked = self._ask(
            self._plan.selection, (*self._plan.features, *self._parts), windows, tuple(numbers)
        )
        found = replace(asked, values=np.ascontiguousarray(asked.values[:, :count]))
        imputer = Imputer.of(self._plan.detector)
        filled = unfilled(found) if imputer is None else imputer.fill(windows, *columns(found))
        rows = []
        for at, name in enumerate(found.entities):
            mine = np.flatnonzero(filled.entity == at)[-size:]
            (now,) = np.nonzero((asked.entity == at) & (asked.window_start == start))
            if len(mine) < size or filled.window_start[mine[-1]] != start or not len(now):
                continue
            total, documents = asked.values[now[0], count:], int(asked.doc_count[now[0]])
            shingle = filled.values[mine]
            rows.append(_Row(name, numbers[name], shingle, told[name], total, documents))
        return rows

    def _field(self, start: int, field: str, rows: Sequence[_Row]) -> ShareRows:
        """Return the shares of one field's values in these rows."""
        window = WindowRange(
            start=start, end=start + self._plan.interval, interval=self._plan.interval
        )
        selection = self._of(rows)
        every = self._parts_of_values(selection, field, window, rows)
        chosen = _largest(every, rows)
        row = every.row[chosen]
        value = [every.value[at] for at in chosen.tolist()]
        rebuilt = self._rebuilt(rows, every, chosen)
        asked = self._others
        whole = np.bincount(every.row, every.documents, len(rows)) == [
            one.documents for one in rows
        ]
        if not whole.all():
            asked = (*asked, *self._extremes)
        if asked and len(chosen):
            without = self._without(selection, field, window, rows, row, value, asked)
            for at, feature in enumerate(asked):
                number = self._plan.features.index(feature)
                inexact = ~whole[row] if feature in self._extremes else np.ones(len(row), bool)
                rebuilt[inexact, number] = without[inexact, at]
        rebuilt[every.documents[chosen] >= [rows[at].documents for at in row]] = np.nan
        return ShareRows(
            timestamp=np.full(len(row), start),
            entity=[rows[at].entity for at in row.tolist()],
            field=[field] * len(row),
            value=value,
            score=self._scores(rows, row, rebuilt),
            carriers=self._carriers(field, window, value),
        )

    def _parts_of_values(
        self, selection: Selection, field: str, window: WindowRange, rows: Sequence[_Row]
    ) -> _Parts:
        place = {row.entity: at for at, row in enumerate(rows)}
        split = replace(selection, category_fields=(*selection.category_fields, field))
        # a query has at least one feature
        features = self._parts or (ValueCount(name=field, field=field),)
        found = self._ask(split, features, window, None)
        row = np.array([place.get(one[:-1], -1) for one in found.entities] or [-1])[found.entity]
        known = np.flatnonzero(row >= 0)
        return _Parts(
            row[known],
            [found.entities[at][-1] for at in found.entity[known].tolist()],
            found.values[known][:, : len(self._parts)],
            found.doc_count[known],
        )

    def _without(
        self,
        selection: Selection,
        field: str,
        window: WindowRange,
        rows: Sequence[_Row],
        row: Int64s,
        value: Sequence[str],
        features: Sequence[Aggregation],
    ) -> Float64s:
        """Return features of what is left, asked for value by value ``float64[shares, n]``."""
        answer = np.full((len(row), len(features)), np.nan)
        at = {
            (rows[one].entity, text): number
            for number, (one, text) in enumerate(zip(row.tolist(), value, strict=True))
        }
        for one in dict.fromkeys(value):
            rest = Bool(filter=(selection.filter,), must_not=(Term(field=field, value=one),))
            found = self._ask(replace(selection, filter=rest), features, window, None)
            for entity, values in zip(found.entity.tolist(), found.values, strict=True):
                number = at.get((found.entities[entity], one))
                if number is not None:
                    answer[number] = values
        return answer

    def _rebuilt(self, rows: Sequence[_Row], every: _Parts, chosen: Int64s) -> Float64s:
        """Return all features as their parts tell them; NaN for the others.

        Returns: ``float64[shares, features]``.
        """
        row = every.row[chosen]
        total = np.array([one.total for one in rows]).reshape(len(rows), -1)
        left = np.nan_to_num(total)[row] - np.nan_to_num(every.parts[chosen])
        answer = np.full((len(chosen), len(self._plan.features)), np.nan)
        part = 0
        for number, feature in enumerate(self._plan.features):
            width = len(_parts_of(feature))
            if isinstance(feature, Min | Max):
                sign = 1.0 if isinstance(feature, Max) else -1.0
                answer[:, number] = sign * _largest_other(
                    every, sign * every.parts[:, part], chosen
                )
            elif width == 1:
                answer[:, number] = left[:, part]
            elif width == 2:
                count = np.round(left[:, part + 1])
                answer[:, number] = np.where(
                    count > 0, left[:, part] / np.maximum(count, 1), np.nan
                )
            part += width
        return answer

    def _scores(self, rows: Sequence[_Row], row: Int64s, rebuilt: Float64s) -> Float64s:
        """Return the score of each rebuilt row; 0 where a feature has no value any more."""
        scores = np.zeros(len(row))
        told = np.array([one.told for one in rows])[row]
        complete = np.flatnonzero((np.isfinite(rebuilt) | ~told).all(axis=1))
        if len(complete):
            shingles = np.array([rows[at].shingle for at in row[complete].tolist()])
            shingles[:, -1] = np.where(told[complete], rebuilt[complete], shingles[:, -1])
            models = np.array([rows[at].model for at in row[complete].tolist()], dtype=np.int64)
            scores[complete] = np.nan_to_num(self._models.rescore(models, shingles).score)
        return scores

    def _carriers(self, field: str, window: WindowRange, value: Sequence[str]) -> Int64s:
        """Return how many entities have documents with each value, at most as many as can be."""
        categories = self._plan.selection.category_fields
        if not categories or not value:
            return np.ones(len(value), dtype=np.int64)
        counts = tuple(Cardinality(name=one, field=one) for one in categories)
        split = replace(self._plan.selection, category_fields=(field,))
        wanted = tuple((one,) for one in dict.fromkeys(value))
        found = self._ask(split, counts, window, wanted)
        product = np.maximum(np.nan_to_num(found.values), 1.0).prod(axis=1)
        known = {
            found.entities[at][0]: min(number, documents)
            for at, number, documents in zip(
                found.entity.tolist(), product.tolist(), found.doc_count.tolist(), strict=True
            )
        }
        return np.array([max(1, int(known.get(one, 1))) for one in value], dtype=np.int64)

    def _of(self, rows: Sequence[_Row]) -> Selection:
        """Return the documents of these entities, and of few others where there are two fields."""
        selection = self._plan.selection
        terms: list[Query] = [
            Terms(field=name, values=tuple(sorted({row.entity[at] for row in rows})))
            for at, name in enumerate(selection.category_fields)
        ]
        if not terms:
            return selection
        return replace(selection, filter=Bool(filter=(selection.filter, *terms)))

    def _ask(
        self,
        selection: Selection,
        features: Sequence[Aggregation],
        windows: WindowRange,
        entities: tuple[EntityValues, ...] | None,
    ) -> FeatureRows:
        return self._source.feature_rows(
            WindowQuery(
                selection=selection,
                features=tuple(features),
                start=windows.start,
                end=windows.end,
                interval=windows.interval,
                entities=entities if selection.category_fields else None,
            )
        )


def _parts_of(feature: Aggregation) -> tuple[Aggregation, ...]:
    """Return what a feature is made of, value by value; () where it cannot be taken apart."""
    if isinstance(feature, Sum | ValueCount | Min | Max):
        return (feature,)
    if isinstance(feature, Avg):
        return (
            Sum(name=feature.name, field=feature.field, missing=feature.missing),
            ValueCount(name=feature.name, field=feature.field, missing=feature.missing),
        )
    return ()


def _told(attribution: Float64s) -> Bools:
    """Return the features that carry most of a score, the strongest first; all if unknown."""
    if not np.isfinite(attribution).all():
        return np.ones(len(attribution), dtype=np.bool_)
    order = np.argsort(-attribution, kind="stable")
    before = np.cumsum(attribution[order]) - attribution[order]
    told = np.zeros(len(attribution), dtype=np.bool_)
    told[order[before < CARRIED]] = True
    return told


def _largest(every: _Parts, rows: Sequence[_Row]) -> Int64s:
    """Return which values to look at: of each row, those with the largest parts."""
    total = np.array([row.total for row in rows]).reshape(len(rows), -1)[every.row]
    size = np.abs(every.parts) / np.maximum(np.abs(total), 1e-300)
    weight = np.nan_to_num(size).max(axis=1, initial=0.0)
    order = np.lexsort((-every.documents, -weight, every.row))
    rank = np.arange(len(order)) - np.searchsorted(every.row[order], every.row[order])
    return order[rank < VALUES_PER_ROW]


def _largest_other(every: _Parts, part: Float64s, chosen: Int64s) -> Float64s:
    """Return the largest part of each row's other values; NaN without any."""
    known = np.where(np.isnan(part), -np.inf, part)
    order = np.lexsort((-known, every.row))
    first = np.searchsorted(every.row[order], every.row[chosen])
    count = np.searchsorted(every.row[order], every.row[chosen], side="right") - first
    second = np.minimum(first + 1, len(order) - 1)
    other = np.where(order[first] == chosen, known[order[second]], known[order[first]])
    alone = (order[first] == chosen) & (count < 2)
    return np.where(alone | np.isinf(other), np.nan, other)
