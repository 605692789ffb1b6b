"""Query DSL: decoded JSON to nodes.

Accepts the short and the long forms of Elasticsearch 7.10, and refuses everything else by name
with its wording. The only error raised, for any JSON value whatsoever, is ``ParsingError``.
Whether a value fits its field is not known here; the compiler says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from anomalyd.errors import ParsingError
from anomalyd.query import minimum_should_match, query_string, simple_query_string
from anomalyd.query.nodes import (
    Bool,
    Exists,
    FieldBoost,
    Ids,
    MatchAll,
    MatchNone,
    Nested,
    Query,
    QueryString,
    SimpleQueryString,
    Terms,
)
from anomalyd.query.parse_field import FIELD_PARSERS, field_and_body
from anomalyd.query.shape import (
    MAX_DEPTH,
    Options,
    as_array,
    as_number,
    as_scalar,
    as_text,
    suggestion,
)

MAX_CLAUSES = 1024
"""Clauses of one bool query (Elasticsearch's ``indices.query.bool.max_clause_count``)."""

MAX_TERMS = 65_536
"""Values of one terms query (Elasticsearch's ``index.max_terms_count``)."""


def parse_query(value: object, depth: int = 0) -> Query:
    """A query of the query DSL.

    Args:
        value: decoded JSON.
        depth: how many queries this one is inside of.

    Raises:
        ParsingError: it is no query that anomalyd knows, or nested deeper than ``MAX_DEPTH``.
    """
    if depth > MAX_DEPTH:
        raise ParsingError(f"query is nested more than [{MAX_DEPTH}] levels deep")
    if not isinstance(value, Mapping):
        raise ParsingError("[_na] query malformed, must start with start_object")
    if not value:
        raise ParsingError("query malformed, empty clause found")
    name, body = next(iter(value.items()))
    if not isinstance(body, Mapping):
        raise ParsingError(f"[{name[:256]}] query malformed, no start_object after query name")
    parser = _PARSERS.get(name)
    if parser is None:
        raise ParsingError(f"unknown query [{name[:256]}]{suggestion(name, _PARSERS)}")
    query = parser(body, depth)
    if len(value) > 1:
        raise ParsingError(
            f"[{name}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"
        )
    return query


def parse_filter(value: object) -> Query:
    """The data filter of a detector: as a query, but ``{}`` and nothing at all match everything.

    Source: transcript 083 (an empty filter validates).

    Raises:
        ParsingError: as ``parse_query``.
    """
    if value is None or value == {}:
        return MatchAll()
    return parse_query(value)


def _match_all(body: Mapping[str, object], depth: int) -> Query:
    options = Options("match_all", body)
    query = MatchAll(boost=options.boost(), name=options.text("_name"))
    options.finish()
    return query


def _match_none(body: Mapping[str, object], depth: int) -> Query:
    options = Options("match_none", body)
    query = MatchNone(boost=options.boost(), name=options.text("_name"))
    options.finish()
    return query


def _bool(body: Mapping[str, object], depth: int) -> Query:
    options = Options("bool", body)
    query = Bool(
        must=_clauses(options.take("must"), "must", depth),
        filter=_clauses(options.take("filter"), "filter", depth),
        must_not=_clauses(options.take("must_not", "mustNot"), "must_not", depth),
        should=_clauses(options.take("should"), "should", depth),
        minimum_should_match=_minimum(options),
        adjust_pure_negative=options.boolean("adjust_pure_negative", True),
        boost=options.boost(),
        name=options.text("_name"),
    )
    options.finish()
    clauses = len(query.must) + len(query.filter) + len(query.must_not) + len(query.should)
    if clauses > MAX_CLAUSES:
        raise ParsingError(f"too_many_clauses: maxClauseCount is set to {MAX_CLAUSES}")
    return query


def _clauses(value: object, kind: str, depth: int) -> tuple[Query, ...]:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return (parse_query(value, depth + 1),)
    clauses = as_array(value, f"[bool] failed to parse field [{kind}]:")
    if len(clauses) > MAX_CLAUSES:
        raise ParsingError(f"too_many_clauses: maxClauseCount is set to {MAX_CLAUSES}")
    return tuple(parse_query(clause, depth + 1) for clause in clauses)


def _minimum(options: Options) -> str | None:
    text = options.text("minimum_should_match", "minimumShouldMatch")
    return None if text is None else minimum_should_match.check(text)


def _terms(body: Mapping[str, object], depth: int) -> Query:
    options = Options("terms", body)
    boost, name = options.boost(), options.text("_name")
    fields = options.rest()
    if not fields:
        raise ParsingError(
            "[terms] query requires a field name, followed by array of terms or a document lookup "
            "specification"
        )
    if len(fields) > 1:
        raise ParsingError("[terms] query does not support multiple fields")
    values = options.take(fields[0])
    if isinstance(values, Mapping):
        raise ParsingError(
            f"[terms] query does not support a document lookup for [{fields[0][:256]}]"
        )
    what = f"[terms] failed to parse field [{fields[0][:256]}]:"
    given = as_array(values, what)
    if len(given) > MAX_TERMS:
        raise ParsingError(
            f"The number of terms [{len(given)}] used in the Terms Query request has exceeded the "
            f"allowed maximum of [{MAX_TERMS}]."
        )
    return Terms(
        field=fields[0],
        values=tuple(as_scalar(value, what) for value in given),
        boost=boost,
        name=name,
    )


def _exists(body: Mapping[str, object], depth: int) -> Query:
    options = Options("exists", body)
    field = options.text("field")
    if not field:
        raise ParsingError("[exists] must be provided with a [field]")
    query = Exists(field=field, boost=options.boost(), name=options.text("_name"))
    options.finish()
    return query


def _ids(body: Mapping[str, object], depth: int) -> Query:
    options = Options("ids", body)
    what = options.what("values")
    values = options.take("values")
    if values is None:
        raise ParsingError("[ids] requires providing a non-null [values]")
    given = values if isinstance(values, list | tuple) else [values]
    query = Ids(
        values=tuple(as_text(value, what) for value in given),
        boost=options.boost(),
        name=options.text("_name"),
    )
    options.finish()
    return query


def _nested(body: Mapping[str, object], depth: int) -> Query:
    options = Options("nested", body)
    path = options.required_text("path")
    inner = options.take("query")
    if inner is None:
        raise ParsingError("[nested] requires 'query' field")
    query = Nested(
        path=path,
        query=parse_query(inner, depth + 1),
        ignore_unmapped=options.boolean("ignore_unmapped", False),
        score_mode=options.choice("score_mode", ("avg", "max", "min", "none", "sum"), "avg"),
        boost=options.boost(),
        name=options.text("_name"),
    )
    options.finish()
    return query


def _query_string(body: Mapping[str, object], depth: int) -> Query:
    options = Options("query_string", body)
    text = options.text("query")
    if text is None:
        raise ParsingError("[query_string] must be provided with a [query]")
    query = QueryString(
        query=text,
        default_field=options.text("default_field"),
        fields=_field_boosts(options),
        default_operator=options.choice("default_operator", ("or", "and"), "or"),
        minimum_should_match=_minimum(options),
        lenient=_optional_boolean(options, "lenient"),
        time_zone=options.text("time_zone"),
        boost=options.boost(),
        name=options.text("_name"),
    )
    for key, values in query_string.NEUTRAL_OPTIONS.items():
        options.only(key, values)
    options.finish()
    if query.default_field is not None and query.fields:
        raise ParsingError(
            "addition of [field] to [query_string] is not allowed when [default_field] is set"
        )
    query_string.check(text)
    return query


def _simple_query_string(body: Mapping[str, object], depth: int) -> Query:
    options = Options("simple_query_string", body)
    text = options.text("query")
    if text is None:
        raise ParsingError("[simple_query_string] query text missing")
    query = SimpleQueryString(
        query=text,
        fields=_field_boosts(options),
        default_operator=options.choice("default_operator", ("or", "and"), "or"),
        minimum_should_match=_minimum(options),
        lenient=_optional_boolean(options, "lenient"),
        boost=options.boost(),
        name=options.text("_name"),
    )
    for key, values in simple_query_string.NEUTRAL_OPTIONS.items():
        options.only(key, values)
    options.finish()
    simple_query_string.check(text)
    return query


def _optional_boolean(options: Options, key: str) -> bool | None:
    value = options.take(key)
    return None if value is None else Options(options.owner, {key: value}).boolean(key, False)


def _field_boosts(options: Options) -> tuple[FieldBoost, ...]:
    """``["name^2", "host"]`` as fields with their boosts."""
    value = options.take("fields")
    if value is None:
        return ()
    what = options.what("fields")
    fields = []
    for item in as_array(value, what):
        field, caret, boost = as_text(item, what).rpartition("^")
        if not caret:
            fields.append(FieldBoost(field=boost))
            continue
        number = as_number(boost, what)
        if number < 0:
            raise ParsingError(f"[boost] cannot be negative, found [{number}] for [{field[:256]}]")
        fields.append(FieldBoost(field=field, boost=number))
    return tuple(fields)


_Parser = Callable[[Mapping[str, object], int], Query]


def _of_field(name: str) -> _Parser:
    """A parser for queries of the form ``{name: {field: value or options}}``."""
    parser = FIELD_PARSERS[name]

    def parse(body: Mapping[str, object], depth: int) -> Query:
        field, value = field_and_body(name, body)
        return parser(field, value)

    return parse


_PARSERS: Mapping[str, _Parser] = {
    "match_all": _match_all,
    "match_none": _match_none,
    "bool": _bool,
    "terms": _terms,
    "exists": _exists,
    "ids": _ids,
    "nested": _nested,
    "query_string": _query_string,
    "simple_query_string": _simple_query_string,
    **{name: _of_field(name) for name in FIELD_PARSERS},
}
