"""Queries on one field, compiled by the kind of the field."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from anomalyd.errors import IllegalArgument
from anomalyd.query.date_formats import date_format, time_zone
from anomalyd.query.date_math import parse_date
from anomalyd.query.fields import FieldKind
from anomalyd.query.ip_sql import address_key_sql
from anomalyd.query.nodes import Match, MatchPhrase, Prefix, Range, Scalar, Wildcard
from anomalyd.query.shape import scalar_text
from anomalyd.query.sql import (
    Condition,
    Parameters,
    Reached,
    both,
    call,
    compare,
    either,
    false,
    text,
)
from anomalyd.query.text_analysis import like_pattern, lower
from anomalyd.query.text_sql import TextConditions
from anomalyd.query.values import (
    long_bounds,
    to_addresses,
    to_boolean,
    to_double,
    to_ipv4,
    to_long,
)

_FEW = 16
"""Up to so many values are compared one by one, more are looked up in a set."""


class Leaf:
    """Compiles conditions on the values of one field at a time.

    Args:
        parameters: receives the values.
        now_ms: what ``now`` is in dates.
    """

    def __init__(self, parameters: Parameters, now_ms: int) -> None:
        self._parameters = parameters
        self._now_ms = now_ms
        self._texts = TextConditions(parameters)

    def term(
        self, values: Reached, field: str, value: Scalar, case_insensitive: bool = False
    ) -> exp.Expression:
        """Whether a value equals; on texts, whether a word equals whatever its case.

        Raises:
            InvalidRequest: the value does not fit the field.
        """
        if case_insensitive and values.kind is FieldKind.KEYWORD:
            wanted = self._bind(lower(scalar_text(value)))
            return values.any(lambda one: compare(exp.EQ, call("lower", one), wanted.copy()))
        return self.terms(values, field, (value,))

    def terms(self, values: Reached, field: str, wanted: Sequence[Scalar]) -> exp.Expression:
        """Whether a value equals one of these.

        Raises:
            InvalidRequest: one of these does not fit the field.
        """
        if values.kind is FieldKind.TEXT:
            return self._texts.has_any(values, [lower(scalar_text(one)) for one in wanted])
        if values.kind is FieldKind.KEYWORD:
            return self._equals(values, [scalar_text(one) for one in wanted])
        if values.kind is FieldKind.IP:
            return either([self._in_network(values, one) for one in dict.fromkeys(wanted)])
        if values.kind is FieldKind.DATE:
            return self._is_date(values, field, wanted)
        if values.kind is FieldKind.BOOLEAN:
            return self._equals(values, [to_boolean(one) for one in wanted])
        if values.kind is FieldKind.DOUBLE:
            return self._equals(values, [to_double(one) for one in wanted])
        longs = [to_long(one) for one in wanted]
        return self._equals(values, [one for one in longs if one is not None])

    def range(self, values: Reached, query: Range) -> exp.Expression:
        """Whether a value lies between two bounds.

        Raises:
            InvalidRequest: a bound does not fit the field.
        """
        if query.lower is None and query.upper is None:
            return values.exists()
        if values.kind is FieldKind.DATE:
            return self._date_range(values, query)
        if values.kind is FieldKind.LONG:
            longs = long_bounds(query.lower, query.upper, query.include_lower, query.include_upper)
            if longs.low > longs.high:
                return false()
            return self._between(values, longs.low, longs.high)
        if values.kind is FieldKind.DOUBLE:
            return values.any(self._bounds(query, to_double))
        if values.kind is FieldKind.BOOLEAN:
            return values.any(self._bounds(query, to_boolean))
        if values.kind is FieldKind.IP:
            return values.any(self._address_bounds(query))
        within = self._bounds(query, scalar_text)
        if values.kind is FieldKind.TEXT:
            return self._texts.any_word(values, within)
        return values.any(within)

    def wildcard(self, values: Reached, query: Wildcard) -> exp.Expression:
        """Whether a value (on texts, a word) has the pattern.

        Raises:
            IllegalArgument: the field holds no text.
        """
        return self._like(
            values, query.field, "wildcard", like_pattern(query.pattern), query.case_insensitive
        )

    def prefix(self, values: Reached, query: Prefix) -> exp.Expression:
        """Whether a value (on texts, a word) starts with the text.

        Raises:
            IllegalArgument: the field holds no text.
        """
        if values.kind is FieldKind.KEYWORD and not query.case_insensitive:
            start = self._bind(query.value)
            return values.any(lambda one: call("starts_with", one, start.copy()))
        if values.kind is FieldKind.TEXT:
            found = self._texts.starts_any(values, lower(query.value))
            if found is not None:
                return found
        pattern = like_pattern(_literal(query.value)) + "%"
        return self._like(values, query.field, "prefix", pattern, query.case_insensitive)

    def match(self, values: Reached, query: Match) -> exp.Expression:
        """Whether a text has words of the query; other fields are compared as a whole.

        Raises:
            InvalidRequest: the value does not fit the field.
        """
        if values.kind is not FieldKind.TEXT:
            return self.term(values, query.field, query.query)
        return self._texts.match(values, query)

    def match_phrase(self, values: Reached, query: MatchPhrase) -> exp.Expression:
        """Whether a text has the words in this order without others between.

        Raises:
            InvalidRequest: the value does not fit the field.
        """
        if values.kind is not FieldKind.TEXT:
            return self.term(values, query.field, query.query)
        return self._texts.match_phrase(values, query)

    def _bind(self, value: object) -> exp.Expression:
        return self._parameters.bind(value)

    def _bind_list(self, values: Sequence[object]) -> exp.Expression:
        return self._parameters.bind_list(values)

    def _equals(self, values: Reached, wanted: Sequence[object]) -> exp.Expression:
        different = list(dict.fromkeys(wanted))
        if not different:
            return false()
        if len(different) == 1:
            return values.equals(self._bind(different[0]))
        if values.multi:
            return call("list_has_any", values.expression.copy(), self._bind_list(different))
        if len(different) <= _FEW:
            listed = [self._bind(one) for one in different]
            return exp.Paren(this=exp.In(this=values.expression.copy(), expressions=listed))
        if values.in_lambda:
            return call("list_contains", self._bind_list(different), values.expression.copy())
        unnested = exp.Select(expressions=[call("unnest", self._bind_list(different))])
        return exp.Paren(
            this=exp.In(this=values.expression.copy(), query=exp.Subquery(this=unnested))
        )

    def _in_network(self, values: Reached, value: Scalar) -> exp.Expression:
        single = to_ipv4(value)
        if single is not None:
            return values.equals(self._bind(single))
        first, last = to_addresses(value)
        low, high = self._bind(first), self._bind(last)
        return values.any(
            lambda one: exp.Between(this=address_key_sql(one), low=low.copy(), high=high.copy())
        )

    def _is_date(self, values: Reached, field: str, wanted: Sequence[Scalar]) -> exp.Expression:
        """Dates without a time of day stand for all of the day."""
        how, zone = date_format(None), time_zone(None)
        spans = []
        for one in wanted:
            written = scalar_text(one)
            spans.append(
                tuple(
                    parse_date(written, field, how, zone, self._now_ms, round_up=up)
                    for up in (False, True)
                )
            )
        moments = [low for low, high in spans if low == high]
        longer = [self._between(values, low, high) for low, high in spans if low != high]
        return either([*([self._equals(values, moments)] if moments else []), *longer])

    def _date_range(self, values: Reached, query: Range) -> exp.Expression:
        how, zone = date_format(query.format), time_zone(query.time_zone)

        def moment(value: Scalar, round_up: bool) -> int:
            written = scalar_text(value)
            return parse_date(written, query.field, how, zone, self._now_ms, round_up=round_up)

        low = high = None
        if query.lower is not None:
            low = moment(query.lower, not query.include_lower) + (not query.include_lower)
        if query.upper is not None:
            high = moment(query.upper, query.include_upper) - (not query.include_upper)
        return self._between(values, low, high)

    def _between(self, values: Reached, low: int | None, high: int | None) -> exp.Expression:
        lowest = None if low is None else self._bind(low)
        highest = None if high is None else self._bind(high)
        return values.any(_within(lowest, highest, exp.GTE, exp.LTE))

    def _bounds(self, query: Range, convert: Callable[[Scalar], object]) -> Condition:
        low = None if query.lower is None else self._bind(convert(query.lower))
        high = None if query.upper is None else self._bind(convert(query.upper))
        return _within(
            low,
            high,
            exp.GTE if query.include_lower else exp.GT,
            exp.LTE if query.include_upper else exp.LT,
        )

    def _address_bounds(self, query: Range) -> Condition:
        within = self._bounds(query, lambda value: to_addresses(value)[0])
        return lambda one: within(address_key_sql(one))

    def _like(
        self, values: Reached, field: str, query: str, pattern: str, case_insensitive: bool
    ) -> exp.Expression:
        if values.kind not in (FieldKind.KEYWORD, FieldKind.TEXT):
            raise IllegalArgument(
                f"Can only use {query} queries on keyword, text and wildcard fields - not on "
                f"[{field[:256]}] which is of type [{values.kind.value}]"
            )
        is_text = values.kind is FieldKind.TEXT
        folds = case_insensitive or is_text
        wanted = self._bind(lower(pattern) if folds else pattern)

        def like(one: exp.Expression) -> exp.Expression:
            subject = call("lower", one) if case_insensitive and not is_text else one
            return call("like_escape", subject, wanted.copy(), text("\\"))

        if is_text:
            return self._texts.any_word(values, like)
        return values.any(like)


def _literal(value: str) -> str:
    """The text as a wildcard pattern without wildcards."""
    return "".join("\\" + one if one in "*?\\" else one for one in value)


def _within(
    low: exp.Expression | None,
    high: exp.Expression | None,
    above: type[exp.Binary],
    below: type[exp.Binary],
) -> Condition:
    def within(one: exp.Expression) -> exp.Expression:
        conditions = []
        if low is not None:
            conditions.append(compare(above, one.copy(), low.copy()))
        if high is not None:
            conditions.append(compare(below, one.copy(), high.copy()))
        return both(conditions)

    return within
