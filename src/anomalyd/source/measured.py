"""A source that tells how long its answers take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from anomalyd.query.fields import FieldKind
from anomalyd.source.base import (
    Arrivals,
    EntityCount,
    FeatureRows,
    Marks,
    Selection,
    Source,
    TimeRange,
    WindowQuery,
)


class MeasuredSource:
    """Passes everything on to another source (implements ``source.base.Source``).

    Args:
        source: the other one.
        seconds: a clock that never goes back, seconds.
        observe: told each call's name and seconds, also of calls that raise; on the caller's
            thread.
    """

    def __init__(
        self,
        source: Source,
        *,
        seconds: Callable[[], float],
        observe: Callable[[str, float], None],
    ) -> None:
        self._source = source
        self._seconds = seconds
        self._observe = observe

    def matching_indices(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Return the names that the patterns match, sorted."""
        with self._measured("matching_indices"):
            return self._source.matching_indices(patterns)

    def field_kinds(self, patterns: Sequence[str]) -> Mapping[str, FieldKind]:
        """Return every searchable field of the matching indices, sub-fields included."""
        with self._measured("field_kinds"):
            return self._source.field_kinds(patterns)

    def has_documents(self, patterns: Sequence[str]) -> bool:
        """Tell whether the matching indices hold at least one document."""
        with self._measured("has_documents"):
            return self._source.has_documents(patterns)

    def time_range(self, selection: Selection) -> TimeRange | None:
        """Return first and last time of the selected documents; None when there are none."""
        with self._measured("time_range"):
            return self._source.time_range(selection)

    def feature_rows(self, query: WindowQuery) -> FeatureRows:
        """Return the feature values of the range, as columns."""
        with self._measured("feature_rows"):
            return self._source.feature_rows(query)

    def feature_rows_of_each(self, queries: Sequence[WindowQuery]) -> tuple[FeatureRows, ...]:
        """Return the feature values of several queries, from one snapshot."""
        with self._measured("feature_rows"):
            return self._source.feature_rows_of_each(queries)

    def top_entities(
        self, selection: Selection, *, start: int, end: int, limit: int
    ) -> tuple[EntityCount, ...]:
        """Return the entities with the most documents in ``[start, end)``."""
        with self._measured("top_entities"):
            return self._source.top_entities(selection, start=start, end=end, limit=limit)

    def arrived(
        self, selection: Selection, *, since: Marks | None, start: int, end: int, interval: int
    ) -> Arrivals:
        """Return for which windows of ``[start, end)`` documents were written since some marks."""
        with self._measured("arrived"):
            return self._source.arrived(
                selection, since=since, start=start, end=end, interval=interval
            )

    @contextmanager
    def _measured(self, operation: str) -> Iterator[None]:
        begun = self._seconds()
        try:
            yield
        finally:
            self._observe(operation, self._seconds() - begun)
