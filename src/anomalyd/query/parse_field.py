"""Queries on one field, ``{"term": {FIELD: value or options}}``: decoded JSON to nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from anomalyd.errors import ParsingError
from anomalyd.query import minimum_should_match
from anomalyd.query.nodes import (
    Match,
    MatchPhrase,
    Prefix,
    Query,
    Range,
    Scalar,
    Term,
    Wildcard,
)
from anomalyd.query.shape import Options, as_scalar, scalar_text, token


def field_and_body(name: str, body: Mapping[str, object]) -> tuple[str, object]:
    """The one field that the query is about, and what it says.

    Raises:
        ParsingError: there is no field, or more than one.
    """
    fields = list(body.items())
    if not fields:
        raise ParsingError(f"[{name}] query malformed, no field name found")
    if len(fields) > 1:
        raise ParsingError(
            f"[{name}] query doesn't support multiple fields, found [{fields[0][0][:256]}] and "
            f"[{fields[1][0][:256]}]"
        )
    return fields[0]


def _short_or_long(name: str, key: str, value: object) -> Options:
    """``{FIELD: value}`` read as ``{FIELD: {key: value}}``."""
    if isinstance(value, Mapping):
        return Options(name, value)
    if isinstance(value, list | tuple):
        raise ParsingError(f"[{name}] query does not support array of values")
    return Options(name, {key: value})


def _required(options: Options, *keys: str) -> Scalar:
    value = options.scalar(*keys)
    if value is None:
        raise ParsingError(f"[{options.owner}] value cannot be null")
    return value


def _term(field: str, value: object) -> Query:
    options = _short_or_long("term", "value", value)
    query = Term(
        field=field,
        value=_required(options, "value", "term"),
        case_insensitive=options.boolean("case_insensitive", False),
        boost=options.boost(),
        name=options.text("_name"),
    )
    options.finish()
    return query


def _range(field: str, value: object) -> Query:
    if not isinstance(value, Mapping):
        raise ParsingError(
            f"[range] query malformed, expected [START_OBJECT] but found [{token(value)}] "
            f"after [{field[:256]}]"
        )
    bounds: dict[str, tuple[Scalar | None, bool | None]] = {"lower": (None, None)}
    bounds["upper"] = (None, None)
    flags: dict[str, bool] = {}
    rest: dict[str, object] = {}
    # in the order of the request: where two keys set one bound, the later one wins
    for key, item in value.items():
        if key in _BOUNDS:
            side, included = _BOUNDS[key]
            what = f"[range] failed to parse field [{key}]:"
            bounds[side] = (None if item is None else as_scalar(item, what), included)
        elif key in _FLAGS:
            flags[_FLAGS[key]] = Options("range", {key: item}).boolean(key, True)
        else:
            rest[key] = item
    options = Options("range", rest)
    query = Range(
        field=field,
        lower=bounds["lower"][0],
        upper=bounds["upper"][0],
        include_lower=_included(bounds["lower"][1], flags.get("lower")),
        include_upper=_included(bounds["upper"][1], flags.get("upper")),
        format=options.text("format"),
        time_zone=options.text("time_zone"),
        relation=options.text("relation"),
        boost=options.boost(),
        name=options.text("_name"),
    )
    options.finish()
    if query.relation is not None and query.relation.upper() not in _RELATIONS:
        raise ParsingError(f"[range] query does not support relation [{query.relation[:64]}]")
    return query


_BOUNDS: Mapping[str, tuple[str, bool | None]] = {
    "gt": ("lower", False),
    "gte": ("lower", True),
    "ge": ("lower", True),
    "from": ("lower", None),
    "lt": ("upper", False),
    "lte": ("upper", True),
    "le": ("upper", True),
    "to": ("upper", None),
}
_FLAGS = {"include_lower": "lower", "include_upper": "upper"}
_RELATIONS = ("INTERSECTS", "CONTAINS", "WITHIN")


def _included(by_key: bool | None, by_flag: bool | None) -> bool:
    """``gt`` and its kin say it themselves; ``from`` and ``to`` leave it to the flag."""
    if by_key is not None:
        return by_key
    return True if by_flag is None else by_flag


def _wildcard(field: str, value: object) -> Query:
    options = _short_or_long("wildcard", "value", value)
    query = Wildcard(
        field=field,
        pattern=scalar_text(_required(options, "value", "wildcard")),
        case_insensitive=options.boolean("case_insensitive", False),
        boost=options.boost(),
        name=options.text("_name"),
    )
    options.take("rewrite")  # how Lucene executes it; no effect on what matches
    options.finish()
    return query


def _prefix(field: str, value: object) -> Query:
    options = _short_or_long("prefix", "value", value)
    query = Prefix(
        field=field,
        value=scalar_text(_required(options, "value")),
        case_insensitive=options.boolean("case_insensitive", False),
        boost=options.boost(),
        name=options.text("_name"),
    )
    options.take("rewrite")
    options.finish()
    return query


def _match(field: str, value: object) -> Query:
    options = _short_or_long("match", "query", value)
    minimum = options.text("minimum_should_match")
    query = Match(
        field=field,
        query=_required(options, "query"),
        operator=options.choice("operator", ("OR", "AND"), "OR"),
        minimum_should_match=None if minimum is None else minimum_should_match.check(minimum),
        zero_terms_query=options.choice("zero_terms_query", ("NONE", "ALL"), "NONE"),
        lenient=options.boolean("lenient", False),
        prefix_length=options.integer("prefix_length", 0),
        max_expansions=options.integer("max_expansions", 50),
        fuzzy_transpositions=options.boolean("fuzzy_transpositions", True),
        synonyms=options.boolean("auto_generate_synonyms_phrase_query", True),
        boost=options.boost(),
        name=options.text("_name"),
    )
    options.finish()
    return query


def _match_phrase(field: str, value: object) -> Query:
    options = _short_or_long("match_phrase", "query", value)
    query = MatchPhrase(
        field=field,
        query=_required(options, "query"),
        zero_terms_query=options.choice("zero_terms_query", ("NONE", "ALL"), "NONE"),
        boost=options.boost(),
        name=options.text("_name"),
    )
    options.only("slop", (0,))
    options.finish()
    return query


FIELD_PARSERS: Mapping[str, Callable[[str, object], Query]] = {
    "term": _term,
    "range": _range,
    "wildcard": _wildcard,
    "prefix": _prefix,
    "match": _match,
    "match_phrase": _match_phrase,
}
