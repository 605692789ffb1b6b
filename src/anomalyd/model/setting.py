"""Settings that can be changed while the service runs, under their documented names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anomalyd.errors import IllegalArgument
from anomalyd.model import reading

PREFIX = "plugins.anomaly_detection."
SCOPES = ("persistent", "transient")
_SECONDS: Mapping[str, int] = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]{1,9})(d|h|m|s)")


@dataclass(frozen=True, kw_only=True)
class RuntimeSetting:
    """A whole number that may be changed at any time.

    Attributes:
        name: without ``PREFIX``.
        default: what it is unless somebody changed it.
        least: smallest value, inclusive.
        most: largest value, inclusive.
    """

    name: str
    default: int
    least: int
    most: int

    def read(self, value: object) -> int:
        """Read a value; a numeric text counts. Raises: IllegalArgument naming the setting."""
        full = PREFIX + self.name
        number = self.number(value, full)
        if not self.least <= number <= self.most:
            raise IllegalArgument(
                f"Failed to parse value [{self.show(number)}] for setting [{full}] must be from "
                f"{self.show(self.least)} to {self.show(self.most)}",
                field=full,
            )
        return number

    def number(self, value: object, full_name: str) -> int:
        """Read a value that may be out of bounds. Raises: as ``read``."""
        return reading.whole_number(value, full_name)

    def show(self, number: int) -> str:
        """Return the text that stands for a value in answers."""
        return str(number)


@dataclass(frozen=True, kw_only=True)
class DurationSetting(RuntimeSetting):
    """A length of time, kept in whole seconds and written with its unit: ``90s``, ``12h``."""

    def number(self, value: object, full_name: str) -> int:
        """Read a number and its unit: s, m, h or d. Raises: IllegalArgument naming the setting."""
        match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise IllegalArgument(
                f"failed to parse setting [{full_name}] with value [{str(value)[:64]}] as a time "
                "value: unit is missing or unrecognized",
                field=full_name,
            )
        return int(match[1]) * _SECONDS[match[2]]

    def show(self, number: int) -> str:
        """Return the length in the largest unit that holds it whole."""
        unit = next(unit for unit, length in _SECONDS.items() if number % length == 0)
        return f"{number // _SECONDS[unit]}{unit}" if number else "0s"


def read_changes(body: Mapping[str, Any]) -> dict[str, object]:
    """Return the values of a request by full name; null takes a change back.

    Args:
        body: ``{"persistent": {...}}``, names with dots, as nested objects, or mixed.

    Raises: IllegalArgument for no change, for another key, and for transient settings.
    """
    unknown = sorted(set(body) - set(SCOPES))
    if unknown:
        raise IllegalArgument(f"unknown setting scope [{unknown[0]}]", field=unknown[0])
    given = {scope: dict(_flat(body.get(scope), scope)) for scope in SCOPES}
    if given["transient"]:
        name = next(iter(given["transient"]))
        raise IllegalArgument(
            f"transient setting [{name}] would be lost in silence; only [persistent] settings are "
            f"taken",
            field=name,
        )
    if not given["persistent"]:
        raise IllegalArgument("no settings to update", field="persistent")
    return given["persistent"]


def _flat(value: object, scope: str, path: str = "") -> Iterator[tuple[str, object]]:
    if value is None and not path:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, scope, f"{path}.{key}" if path else str(key))
        return
    if not path:
        raise IllegalArgument(f"[{scope}] must be an object", field=scope)
    yield path, value
