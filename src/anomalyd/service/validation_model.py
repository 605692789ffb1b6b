"""Whether the models of a detector would train on its data (behaviour §13, as 1.3 to 2.x do)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from anomalyd.engine.plan import all_documents, selection
from anomalyd.engine.window import align_down
from anomalyd.model.detector import Detector, Feature
from anomalyd.model.interval import Interval, TimeUnit
from anomalyd.query.nodes_aggregations import Aggregation, FilterAggregation, Metric, ValueCount
from anomalyd.query.parse import parse_filter
from anomalyd.query.parse_aggregations import parse_feature
from anomalyd.schedule.clock import Clock
from anomalyd.service.density import (
    DENSE,
    FilledTime,
    filled_time,
    longer_intervals,
    shorter_intervals,
    windows_to_look_at,
)
from anomalyd.service.validation_issue import ValidationAspect, ValidationIssue
from anomalyd.source.base import EntityValues, Selection, Source, WindowQuery

SPARSE = 0.25
"""A smaller share says that one setting alone is to blame."""
LONGEST_TRIAL = 60 * 60_000
SHORTER_TRIALS = 10
MINUTE = TimeUnit.MINUTES.milliseconds

NO_TIMES = "There isn't enough historical data found with current timefield selected."
TIMED_OUT = "Timed out getting interval recommendation"
SPARSE_INDICES = (
    "Source index data is potentially too sparse for model training. "
    "Consider changing interval length or ingesting more data"
)
SPARSE_FILTER = "Data is too sparse after data filter is applied. Consider changing the data filter"
SPARSE_CATEGORY = (
    "Data is most likely too sparse with the given category fields. "
    "Consider revising category field/s or ingesting more data "
)
SPARSE_FEATURES = (
    "Data is most likely too sparse when given feature queries are applied. "
    "Consider revising feature queries."
)


class ModelChecks:
    """Looks for what would keep models from training. Thread-safe, changes nothing.

    Args:
        source: the data.
        clock: what "now" is, and how long it takes.
        budget_seconds: no query begins later than this after the first one; there are at most
            seven.
    """

    def __init__(self, *, source: Source, clock: Clock, budget_seconds: float = 10.0) -> None:
        self._source = source
        self._clock = clock
        self._budget = budget_seconds

    def first_issue(self, detector: Detector) -> ValidationIssue | None:
        """Return the first issue in the documented order, or None.

        Args:
            detector: one that could be created.

        Raises: SourceUnavailable.
        """
        deadline = self._clock.monotonic() + self._budget
        data = self._source.time_range(all_documents(detector))
        if data is None:
            return _issue("time_field", NO_TIMES)
        check = _ModelCheck(
            source=self._source,
            clock=self._clock,
            deadline=deadline,
            detector=detector,
            latest=data.last,
            now=self._clock.now(),
        )
        try:
            return check.first_issue()
        except _TimedOutError:
            return _issue("timeout", TIMED_OUT)


class _TimedOutError(Exception):
    """The budget is spent."""


@dataclass(frozen=True, kw_only=True)
class _ModelCheck:
    """One look at one detector.

    Attributes:
        deadline: monotonic seconds.
        latest: time of the newest document, whatever the filter; epoch ms.
        now: epoch ms.
    """

    source: Source
    clock: Clock
    deadline: float
    detector: Detector
    latest: int
    now: int

    @property
    def last(self) -> int:
        """Where the windows that are looked at end: documents of the future do not count."""
        return min(self.now, self.latest)

    @property
    def interval(self) -> int:
        """Length of a window in ms."""
        return self.detector.detection_interval.milliseconds

    @property
    def windows(self) -> int:
        """How many windows are looked at, however long they are."""
        return windows_to_look_at(self.interval)

    @property
    def filtered(self) -> Selection:
        """The documents that the detector sees, split as it splits them."""
        return selection(self.detector, parse_filter(self.detector.filter_query))

    def first_issue(self) -> ValidationIssue | None:
        entity = None
        if self.detector.categories:
            entity = self._top_entity()
            if entity is None:
                return _issue("category_field", SPARSE_CATEGORY)
        if self._rate(self.filtered, entity) > DENSE:
            return self._window_delay_issue()
        better = self._better_interval(entity)
        if better is not None:
            message = (
                "The selected detector interval might collect sparse data. "
                f"Consider changing interval length to: {better.interval}"
            )
            return _issue("detection_interval", message, suggested=better)
        return self._sparse_issue(entity)

    def _sparse_issue(self, entity: EntityValues | None) -> ValidationIssue:
        """Return what makes the data sparse at any interval: the first setting that does."""
        if self._rate(all_documents(self.detector)) < DENSE:
            return _issue("indices", SPARSE_INDICES)
        if self._rate(replace(self.filtered, category_fields=())) < SPARSE:
            return _issue("filter_query", SPARSE_FILTER)
        if entity is not None and self._rate(self.filtered, entity) < SPARSE:
            return _issue("category_field", SPARSE_CATEGORY)
        sparse = self._sparse_features()
        if sparse:
            issues = dict.fromkeys(sparse, SPARSE_FEATURES)
            return replace(_issue("feature_attributes", SPARSE_FEATURES), sub_issues=issues)
        return self._window_delay_issue() or _issue("indices", SPARSE_INDICES)

    def _window_delay_issue(self) -> ValidationIssue | None:
        behind = self.now - self.latest
        if behind <= self.detector.window_delay.milliseconds:
            return None
        minutes = -(-behind // MINUTE)
        message = (
            f"Latest seen data point is at least {minutes} minutes ago, "
            f"consider changing window delay to at least {minutes} minutes."
        )
        return _issue("window_delay", message, suggested=Interval(minutes))

    def _better_interval(self, entity: EntityValues | None) -> Interval | None:
        """Return the first longer, else the first shorter interval that is dense enough."""
        unit = self.detector.detection_interval.unit
        filled = self._filled(
            self.filtered, entity, unit.milliseconds, max(LONGEST_TRIAL, self.interval)
        )
        for trial in self._trials():
            rate = filled.rate(
                interval=trial * unit.milliseconds, windows=self.windows, last=self.last
            )
            if rate > DENSE:
                return Interval(trial, unit)
            self._check_budget()
        return None

    def _trials(self) -> Iterator[int]:
        configured = self.detector.detection_interval
        limit = LONGEST_TRIAL // configured.unit.milliseconds
        yield from longer_intervals(configured.interval, below=limit)
        yield from shorter_intervals(configured.interval, steps=SHORTER_TRIALS)

    def _top_entity(self) -> EntityValues | None:
        """Return the entity with the most documents in the longest range that is looked at."""
        self._check_budget()
        start = self.last - self.windows * max(LONGEST_TRIAL, self.interval)
        top = self.source.top_entities(self.filtered, start=start, end=self.last + 1, limit=1)
        return top[0].values if top else None

    def _sparse_features(self) -> list[str]:
        """Return the features whose fields have values in too few windows, by one query."""
        features = self.detector.enabled_features
        if not features:
            return []
        self._check_budget()
        end = align_down(self.last, self.interval) + self.interval
        rows = self.source.feature_rows(
            WindowQuery(
                selection=replace(self.filtered, category_fields=()),
                features=tuple(map(_values_of, features)),
                start=end - self.windows * self.interval,
                end=end,
                interval=self.interval,
            )
        )
        rates = np.count_nonzero(rows.values > 0, axis=0) / self.windows
        return [
            feature.name for feature, rate in zip(features, rates, strict=True) if rate < SPARSE
        ]

    def _rate(self, documents: Selection, entity: EntityValues | None = None) -> float:
        """Return the share of filled windows at the detector's own interval."""
        filled = self._filled(documents, entity, self.interval, self.interval)
        return filled.rate(interval=self.interval, windows=self.windows, last=self.last)

    def _filled(
        self, documents: Selection, entity: EntityValues | None, unit: int, longest: int
    ) -> FilledTime:
        """Read the filled spans of the range that windows of up to that length cover."""
        self._check_budget()
        start = self.last - self.windows * longest
        return filled_time(
            self.source, documents, start=start, last=self.last, unit=unit, entity=entity
        )

    def _check_budget(self) -> None:
        if self.clock.monotonic() > self.deadline:
            raise _TimedOutError


def _issue(field: str, message: str, *, suggested: Interval | None = None) -> ValidationIssue:
    return ValidationIssue(
        aspect=ValidationAspect.MODEL, field=field, message=message, suggested=suggested
    )


def _values_of(feature: Feature) -> Aggregation:
    """Return the number of values that a feature looks at, through its own filters."""
    return _count(parse_feature(feature.aggregation_query))


def _count(aggregation: Aggregation) -> Aggregation:
    if isinstance(aggregation, FilterAggregation):
        return replace(aggregation, aggregations=(_count(aggregation.aggregations[0]),))
    assert isinstance(aggregation, Metric)
    return ValueCount(name=aggregation.name, field=aggregation.field, missing=aggregation.missing)
