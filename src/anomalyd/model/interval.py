"""Lengths of time as documents write them: ``{"period": {"interval": 1, "unit": "Minutes"}}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from anomalyd.errors import IllegalArgument
from anomalyd.model import reading


class TimeUnit(Enum):
    """The units that a detector may use; the value is how documents spell it."""

    SECONDS = "Seconds"
    MINUTES = "Minutes"

    @property
    def milliseconds(self) -> int:
        """Length of one unit."""
        return 1_000 if self is TimeUnit.SECONDS else 60_000


@dataclass(frozen=True)
class Interval:
    """A number of time units; may be read as negative or 0, its user decides what is allowed."""

    interval: int
    unit: TimeUnit = TimeUnit.MINUTES

    @property
    def milliseconds(self) -> int:
        """Length in milliseconds."""
        return self.interval * self.unit.milliseconds

    def render(self) -> dict[str, Any]:
        """Return the document form."""
        return {"period": {"interval": self.interval, "unit": self.unit.value}}


def parse_interval(value: object, field: str) -> tuple[Interval, tuple[str, ...]] | None:
    """Read the document form; None when there is no period in it.

    Returns:
        the interval and the paths of unknown keys.

    Raises:
        IllegalArgument: "Time unit Hours is not supported" and number errors.
        ParsingError: when it is no object.
    """
    if value is None:
        return None
    document = reading.mapping(value, field)
    if document.get("period") is None:
        return None
    period = reading.mapping(document["period"], f"{field}.period")
    unknown = [f"{field}.{key}" for key in document if key != "period"]
    unknown += [f"{field}.period.{key}" for key in period if key not in ("interval", "unit")]
    interval = Interval(
        reading.whole_number(period.get("interval", 0), f"{field}.period.interval"),
        _parse_unit(period, f"{field}.period.unit"),
    )
    return interval, tuple(unknown)


def _parse_unit(period: Mapping[str, Any], field: str) -> TimeUnit:
    value = period.get("unit")
    name = "null" if value is None else reading.text(value, field)
    for unit in TimeUnit:
        if unit.value.lower() == name.lower():
            return unit
    shown = name if value is None else name.capitalize()
    raise IllegalArgument(f"Time unit {shown} is not supported", field=field)
