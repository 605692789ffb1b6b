"""A plain Python evaluator of queries, to compare the compiled SQL with.

Knows the fields of ``FIELDS`` and documents as dictionaries. ``matches`` raises ``Misfit`` where a
value does not fit its field.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from anomalyd.query.fields import Field, FieldKind
from anomalyd.query.nodes import (
    Bool,
    Exists,
    Ids,
    Match,
    MatchAll,
    MatchNone,
    MatchPhrase,
    Nested,
    Prefix,
    Query,
    Range,
    Term,
    Terms,
    Wildcard,
)

FIELDS = (
    Field("k", "k", FieldKind.KEYWORD),
    Field("n", "n", FieldKind.LONG),
    Field("x", "x", FieldKind.DOUBLE),
    Field("b", "b", FieldKind.BOOLEAN),
    Field("t", "t", FieldKind.TEXT),
    Field("tags", "tags", FieldKind.KEYWORD, multi=True),
    Field("scores", "scores", FieldKind.LONG, multi=True),
    Field("entity.name", "e n", FieldKind.KEYWORD, multi=True, nested_path="entity"),
    Field("entity.value", "e v", FieldKind.KEYWORD, multi=True, nested_path="entity"),
)
_BY_PATH = {field.path: field for field in FIELDS}


class Misfit(Exception):
    """A value does not fit its field."""


def matches(query: Query, document: Mapping[str, Any]) -> bool:
    """Whether a document matches."""
    return _Evaluator(document, None).matches(query)


class _Evaluator:
    """One document, or one object of a nested array in it."""

    def __init__(self, document: Mapping[str, Any], position: int | None) -> None:
        self._document = document
        self._position = position

    def matches(self, query: Query) -> bool:
        return bool(getattr(self, f"_{type(query).__name__.lower()}")(query))

    def _values(self, path: str) -> tuple[FieldKind | None, list[Any]]:
        field = _BY_PATH.get(path)
        inside = None if self._position is None else "entity"
        if field is None or field.nested_path != inside:
            return None, []
        value = self._document.get(path)
        if value is None:
            return field.kind, []
        if self._position is not None:
            value = value[self._position]
        values = value if isinstance(value, list) else [value]
        return field.kind, [one for one in values if one is not None]

    def _matchall(self, query: MatchAll) -> bool:
        return True

    def _matchnone(self, query: MatchNone) -> bool:
        return False

    def _bool(self, query: Bool) -> bool:
        # all clauses are evaluated, so that each misfit shows
        required = [self.matches(one) for one in (*query.must, *query.filter)]
        excluded = [self.matches(one) for one in query.must_not]
        optional = [self.matches(one) for one in query.should]
        least = 0 if required or not optional else 1
        if query.minimum_should_match is not None and optional:
            least = max(least, _minimum(query.minimum_should_match, len(optional)))
        return all(required) and not any(excluded) and sum(optional) >= least

    def _term(self, query: Term) -> bool:
        return self._terms(Terms(field=query.field, values=(query.value,)))

    def _terms(self, query: Terms) -> bool:
        kind, values = self._values(query.field)
        if kind is None:
            return False
        if kind is FieldKind.TEXT:
            words = {word for value in values for word in _words(value)}
            return any(_text(wanted).lower() in words for wanted in query.values)
        converted = [_convert(kind, wanted) for wanted in query.values]
        return any(value in converted for value in values)

    def _range(self, query: Range) -> bool:
        kind, values = self._values(query.field)
        if kind is None:
            return False
        if kind is FieldKind.TEXT and (query.lower is not None or query.upper is not None):
            values = [word for value in values for word in _words(value)]
        lower = None if query.lower is None else _convert(kind, query.lower)
        upper = None if query.upper is None else _convert(kind, query.upper)
        return any(_within(value, lower, upper, query) for value in values)

    def _exists(self, query: Exists) -> bool:
        return bool(self._values(query.field)[1])

    def _wildcard(self, query: Wildcard) -> bool:
        folds, values = self._strings(query.field, query.case_insensitive)
        pattern = query.pattern.lower() if folds else query.pattern
        return any(fnmatch.fnmatchcase(value, pattern) for value in values)

    def _prefix(self, query: Prefix) -> bool:
        folds, values = self._strings(query.field, query.case_insensitive)
        start = query.value.lower() if folds else query.value
        return any(value.startswith(start) for value in values)

    def _strings(self, path: str, case_insensitive: bool) -> tuple[bool, list[str]]:
        kind, values = self._values(path)
        if kind is FieldKind.TEXT:
            return True, [word for value in values for word in _words(value)]
        if kind not in (FieldKind.KEYWORD, None):
            raise Misfit
        return case_insensitive, [one.lower() if case_insensitive else one for one in values]

    def _match(self, query: Match) -> bool:
        kind, values = self._values(query.field)
        if kind is not FieldKind.TEXT:
            return self._term(Term(field=query.field, value=query.query))
        there = {word for value in values for word in _words(value)}
        wanted = _words(_text(query.query))
        found = [word in there for word in wanted]
        return all(found) and bool(found) if query.operator == "AND" else any(found)

    def _matchphrase(self, query: MatchPhrase) -> bool:
        kind, values = self._values(query.field)
        if kind is not FieldKind.TEXT:
            return self._term(Term(field=query.field, value=query.query))
        wanted = _words(_text(query.query))
        return bool(wanted) and any(_contains(_words(value), wanted) for value in values)

    def _ids(self, query: Ids) -> bool:
        return self._document["_id"] in query.values

    def _nested(self, query: Nested) -> bool:
        count = len(self._document.get("entity.name") or [])
        inside = [_Evaluator(self._document, i).matches(query.query) for i in range(count)]
        if not count:
            # a misfit shows whatever the documents
            _Evaluator({"entity.name": [None], "entity.value": [None]}, 0).matches(query.query)
        return any(inside)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _contains(words: Sequence[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return any(words[i : i + size] == wanted for i in range(len(words) - size + 1))


def _convert(kind: FieldKind, value: Any) -> Any:
    if kind in (FieldKind.KEYWORD, FieldKind.TEXT):
        return _text(value)
    if kind is FieldKind.BOOLEAN:
        if _text(value) not in ("true", "false", ""):
            raise Misfit
        return _text(value) == "true"
    if isinstance(value, bool):
        raise Misfit
    try:
        return float(value)
    except ValueError:
        raise Misfit from None


def _within(value: Any, lower: Any, upper: Any, query: Range) -> bool:
    if lower is not None and (value < lower or (value == lower and not query.include_lower)):
        return False
    return upper is None or value < upper or (value == upper and query.include_upper)


def _minimum(specification: str, clauses: int) -> int:
    if specification.endswith("%"):
        return math.floor(clauses * int(specification[:-1]) / 100)
    count = int(specification)
    return max(0, clauses + count) if count < 0 else count
