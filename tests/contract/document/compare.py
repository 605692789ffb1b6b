"""How an answer differs from what is documented: keys and their order, types, constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Scalars that the document fixes: the same wherever they appear.
CONSTANTS = frozenset(
    {
        "timed_out",
        "relation",
        "result",
        "forced_refresh",
        "unit",
        "shingle_size",
        "started_by",
        "requests_per_second",
        "is_latest",
        "enabled",
        "lock_duration_seconds",
        "time_field",
        "include_lower",
        "include_upper",
        "adjust_pure_negative",
        "boost",
        "feature_enabled",
        "user_requested_tenant",
    }
)

# Objects whose keys are names of somebody's own: their values are compared, all with all.
MAPS = frozenset({"nodes", "sub_issues", "features"})
# JSON of a detector's own, echoed: equal where the example's detector is the one asked about.
OPAQUE = frozenset({"filter_query", "aggregation_query"})


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
        path: keys from the top, ``[]`` for any element of an array.
        what: what the answer does there: ``has KEY``, ``lacks KEY``, ``orders its keys
            differently``, ``is TYPE for TYPE``, ``is empty``, ``says X for Y``.
    """

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def differences(
    documented: Any,
    answered: Any,
    *,
    path: str = "",
    unordered: frozenset[str] = frozenset(),
    constants: frozenset[str] = CONSTANTS,
    opaque: bool = False,
) -> set[Difference]:
    """Return how ``answered`` differs from ``documented``.

    Every element of an answered array must look like one of the documented elements; integers
    and fractions are both numbers. Objects below a key in ``unordered`` may order their keys.

    Args:
        documented: JSON value.
        answered: JSON value.
        path: where the two stand.
        unordered: keys below which objects came from a hash table in the reference.
        constants: keys whose scalars must be equal.
        opaque: whether queries and aggregations may be others than documented.
    """
    rules = _Rules(unordered, constants, opaque)
    return rules.compare(documented, answered, path)


@dataclass(frozen=True)
class _Rules:
    unordered: frozenset[str]
    constants: frozenset[str]
    opaque: bool

    def compare(self, documented: Any, answered: Any, path: str) -> set[Difference]:
        key = path.rpartition(".")[2]
        if isinstance(documented, dict) and isinstance(answered, dict):
            if self.opaque and key in OPAQUE:
                return set()
            if key in MAPS:
                return self._arrays(list(documented.values()), list(answered.values()), path)
            return self._objects(documented, answered, path)
        if isinstance(documented, list) and isinstance(answered, list):
            return self._arrays(documented, answered, path)
        expected, found = kind(documented), kind(answered)
        if expected != found:
            return {Difference(path, f"is {found} for {expected}")}
        if key in self.constants and documented != answered:
            return {Difference(path, f"says {answered} for {documented}")}
        return set()

    def _objects(
        self, documented: Mapping[str, Any], answered: Mapping[str, Any], path: str
    ) -> set[Difference]:
        found = {Difference(path, f"has {key}") for key in answered if key not in documented}
        found |= {Difference(path, f"lacks {key}") for key in documented if key not in answered}
        common = [key for key in documented if key in answered]
        steps = set(path.replace("[]", "").split("."))
        in_order = common == [key for key in answered if key in documented]
        if not in_order and not steps & self.unordered:
            found.add(Difference(path, "orders its keys differently"))
        for key in common:
            below = f"{path}.{key}" if path else key
            found |= self.compare(documented[key], answered[key], below)
        return found

    def _arrays(self, documented: list[Any], answered: list[Any], path: str) -> set[Difference]:
        """Every element must look like one that is documented; the nearest is told of."""
        if documented and not answered:
            return {Difference(path, "is empty")}
        found: set[Difference] = set()
        for item in answered if documented else []:
            candidates = [self.compare(each, item, f"{path}[]") for each in documented]
            found |= min(candidates, key=len)
        return found


def kind(value: Any) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "array" if isinstance(value, list) else "object"
