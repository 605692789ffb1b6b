"""Intervals of a date histogram: in SQL for documents, in Python for the empty ones between.

Both sides follow one rule. A bucket is named by its first millisecond. Calendar units and whole
hours follow the wall clock of the time zone; parts of an hour count from the full hour of that
clock. Other fixed intervals (45m, 90m) would overlap when the clocks change, so they ignore such
changes and keep the offset that the zone had in 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from sqlglot import exp

from anomalyd.query.date_formats import time_zone
from anomalyd.query.date_math import add, floor, from_wall, to_wall
from anomalyd.query.intervals import CalendarUnit, calendar_unit, milliseconds
from anomalyd.query.nodes_aggregations import DateHistogram
from anomalyd.query.sql import Parameters, call, compare, number, text

_HOUR = 3_600_000
_FIXED = {
    CalendarUnit.SECOND: 1000,
    CalendarUnit.MINUTE: 60_000,
    CalendarUnit.HOUR: _HOUR,
}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the wall clock's zero
_SOME_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class DateBuckets:
    """The intervals of one histogram.

    Args:
        histogram: interval, time zone and offset.

    Raises:
        ParsingError: there is no such time zone.
    """

    def __init__(self, histogram: DateHistogram) -> None:
        self.zone: tzinfo = time_zone(histogram.time_zone)
        self._rules = self.zone
        self._offset = histogram.offset
        self._unit: CalendarUnit | None = None
        self._interval = 0
        if histogram.calendar_interval is not None:
            self._unit = calendar_unit(histogram.calendar_interval)
            self._interval = _FIXED.get(self._unit, 0)
        elif histogram.fixed_interval is not None:
            self._interval = milliseconds(histogram.fixed_interval, "fixed_interval")
            if self._interval % _HOUR and _HOUR % self._interval:
                self._rules = timezone(self.zone.utcoffset(_SOME_TIME) or timedelta())

    def key_sql(self, value: exp.Expression, parameters: Parameters) -> exp.Expression:
        """The bucket of a BIGINT of milliseconds, as a BIGINT."""
        moved = compare(exp.Sub, value, parameters.bind(self._offset))
        wall = self._wall_sql(moved.copy(), parameters)
        if self._interval and self._interval <= _HOUR:
            start = compare(exp.Sub, moved, self._remainder_sql(wall, parameters))
        elif self._interval:
            start = compare(exp.Sub, wall, self._remainder_sql(wall.copy(), parameters))
            start = self._instant_sql(start, parameters)
        else:
            assert self._unit is not None
            # the unit's name is a constant of this package
            moment = call("date_trunc", text(self._unit.value), call("epoch_ms", wall))
            start = self._instant_sql(call("epoch_ms", moment), parameters)
        return compare(exp.Add, start, parameters.bind(self._offset))

    def _remainder_sql(self, wall: exp.Expression, parameters: Parameters) -> exp.Expression:
        """How far into its interval a time is; also before 1970, where % is negative."""
        interval = parameters.bind(self._interval)
        remainder = compare(exp.Mod, wall, interval)
        positive = compare(exp.Add, remainder, interval.copy())
        return compare(exp.Mod, positive, interval.copy())

    def _wall_sql(self, instant: exp.Expression, parameters: Parameters) -> exp.Expression:
        """What the zone's clock shows, as milliseconds."""
        if isinstance(self._rules, ZoneInfo):
            micros = compare(exp.Mul, instant, number(1000))
            zone = parameters.bind(self._rules.key)
            return call("epoch_ms", call("timezone", zone, call("make_timestamptz", micros)))
        shift = self._fixed_shift()
        return compare(exp.Add, instant, parameters.bind(shift)) if shift else instant

    def _instant_sql(self, wall: exp.Expression, parameters: Parameters) -> exp.Expression:
        """The reverse of ``_wall_sql``."""
        if isinstance(self._rules, ZoneInfo):
            zone = parameters.bind(self._rules.key)
            return call("epoch_ms", call("timezone", zone, call("epoch_ms", wall)))
        shift = self._fixed_shift()
        return compare(exp.Sub, wall, parameters.bind(shift)) if shift else wall

    def _fixed_shift(self) -> int:
        """How far the clock of a zone without rules is ahead of UTC."""
        shift = self._rules.utcoffset(_SOME_TIME) or timedelta()
        return shift // _MILLISECOND

    def key(self, instant: int) -> int:
        """The bucket of a point in time.

        Raises:
            OverflowError: out of the calendar.
        """
        moved = instant - self._offset
        if not self._interval:
            assert self._unit is not None
            return floor(moved, self._unit, self._rules) + self._offset
        wall = (to_wall(moved, self._rules) - _EPOCH) // _MILLISECOND
        if self._interval <= _HOUR:
            return moved - wall % self._interval + self._offset
        start = _EPOCH + (wall - wall % self._interval) * _MILLISECOND
        return from_wall(start, self._rules) + self._offset

    def between(self, first: int, last: int) -> Iterator[int]:
        """The buckets from one to another, both included.

        Raises:
            OverflowError: out of the calendar.
        """
        current = first
        while current <= last:
            yield current
            current = self._following(current)

    def _following(self, current: int) -> int:
        if not self._interval:
            assert self._unit is not None
            moved = add(current - self._offset, 1, self._unit, self._rules)
            return self.key(moved + self._offset)
        following = self.key(current + self._interval)
        later = current + self._interval
        # an interval in which the clocks are put back is longer than its name
        while following <= current:
            later += _HOUR
            following = self.key(later)
        return following
