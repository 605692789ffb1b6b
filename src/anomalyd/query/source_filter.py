"""Which parts of a document a hit shows: the ``_source`` of a search."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import Any

from anomalyd.query.nodes_aggregations import SourceFilter


class SourceSelector:
    """Cuts documents to what a source filter lets through.

    A pattern names a dotted path and takes everything below it; ``*`` also stands for dots.
    """

    def __init__(self, wanted: SourceFilter) -> None:
        self._includes = _compiled(wanted.includes)
        self._excludes = _compiled(wanted.excludes)

    def cut(self, source: dict[str, Any]) -> dict[str, Any]:
        """The document, or what is left of it."""
        if not self._includes and not self._excludes:
            return source
        return self._object(source, "", included=not self._includes)

    def _object(self, value: dict[str, Any], path: str, included: bool) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, item in value.items():
            below = f"{path}{key}"
            if _matches(self._excludes, below):
                continue
            inside = included or _matches(self._includes, below)
            cut = self._value(item, below, inside)
            if inside or cut not in ({}, []):
                kept[key] = cut
        return kept

    def _value(self, item: object, path: str, included: bool) -> Any:
        """A value inside the filter; an empty container where nothing of it is let through."""
        if isinstance(item, dict):
            return self._object(item, f"{path}.", included)
        if isinstance(item, list):
            cut = [self._value(one, path, included) for one in item]
            return cut if included else [one for one in cut if one not in ({}, [])]
        return item if included else {}


def _compiled(patterns: Sequence[str]) -> list[re.Pattern[str]]:
    # of the signs that fnmatch knows, only * has a meaning here
    literal = [one.replace("[", "[[]").replace("?", "[?]") for one in patterns]
    return [re.compile(fnmatch.translate(one)) for one in literal]


def _matches(patterns: Sequence[re.Pattern[str]], path: str) -> bool:
    return any(pattern.match(path) for pattern in patterns)
