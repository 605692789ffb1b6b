"""Nodes to normalised JSON: the form in which Elasticsearch 7.10 echoes a query.

Every default is spelled out and keys come in the documented order, so that equal nodes give equal
text. Sources: the examples of the API document, transcript 250 and behaviour §1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from anomalyd.query.nodes import (
    Bool,
    Exists,
    FieldBoost,
    Ids,
    Match,
    MatchAll,
    MatchNone,
    MatchPhrase,
    Nested,
    Prefix,
    Query,
    QueryString,
    Range,
    SimpleQueryString,
    Term,
    Terms,
    Wildcard,
)

JsonObject = dict[str, Any]


def render_query(query: Query) -> JsonObject:
    """The query as decoded JSON, such that ``parse_query`` gives the same node again."""
    name, render = _RENDERERS[type(query)]
    return {name: render(query)}


def _tail(query: Query) -> JsonObject:
    """What all queries end with."""
    tail: JsonObject = {"boost": query.boost}
    if query.name is not None:
        tail["_name"] = query.name
    return tail


def _given(**values: object) -> JsonObject:
    """Only what is not None."""
    return {key: value for key, value in values.items() if value is not None}


def _bool(query: Bool) -> JsonObject:
    lists = {
        "must": query.must,
        "filter": query.filter,
        "must_not": query.must_not,
        "should": query.should,
    }
    return {
        **{kind: [render_query(one) for one in given] for kind, given in lists.items() if given},
        "adjust_pure_negative": query.adjust_pure_negative,
        **_given(minimum_should_match=query.minimum_should_match),
        **_tail(query),
    }


def _term(query: Term) -> JsonObject:
    insensitive = {"case_insensitive": True} if query.case_insensitive else {}
    return {query.field: {"value": query.value, **insensitive, **_tail(query)}}


def _terms(query: Terms) -> JsonObject:
    return {query.field: list(query.values), **_tail(query)}


def _range(query: Range) -> JsonObject:
    return {
        query.field: {
            "from": query.lower,
            "to": query.upper,
            "include_lower": query.include_lower,
            "include_upper": query.include_upper,
            **_given(time_zone=query.time_zone, format=query.format, relation=query.relation),
            **_tail(query),
        }
    }


def _exists(query: Exists) -> JsonObject:
    return {"field": query.field, **_tail(query)}


def _wildcard(query: Wildcard) -> JsonObject:
    insensitive = {"case_insensitive": True} if query.case_insensitive else {}
    return {query.field: {"wildcard": query.pattern, **insensitive, **_tail(query)}}


def _prefix(query: Prefix) -> JsonObject:
    insensitive = {"case_insensitive": True} if query.case_insensitive else {}
    return {query.field: {"value": query.value, **insensitive, **_tail(query)}}


def _match(query: Match) -> JsonObject:
    return {
        query.field: {
            "query": query.query,
            "operator": query.operator,
            "prefix_length": query.prefix_length,
            "max_expansions": query.max_expansions,
            **_given(minimum_should_match=query.minimum_should_match),
            "fuzzy_transpositions": query.fuzzy_transpositions,
            "lenient": query.lenient,
            "zero_terms_query": query.zero_terms_query,
            "auto_generate_synonyms_phrase_query": query.synonyms,
            **_tail(query),
        }
    }


def _match_phrase(query: MatchPhrase) -> JsonObject:
    return {
        query.field: {
            "query": query.query,
            "slop": 0,
            "zero_terms_query": query.zero_terms_query,
            **_tail(query),
        }
    }


def _ids(query: Ids) -> JsonObject:
    return {"values": list(query.values), **_tail(query)}


def _nested(query: Nested) -> JsonObject:
    return {
        "query": render_query(query.query),
        "path": query.path,
        "ignore_unmapped": query.ignore_unmapped,
        "score_mode": query.score_mode,
        **_tail(query),
    }


def _field_boosts(fields: tuple[FieldBoost, ...]) -> list[str]:
    return [f"{field.field}^{field.boost}" for field in fields]


def _query_string(query: QueryString) -> JsonObject:
    return {
        "query": query.query,
        **_given(default_field=query.default_field),
        "fields": _field_boosts(query.fields),
        "type": "best_fields",
        "default_operator": query.default_operator,
        "max_determinized_states": 10_000,
        "enable_position_increments": True,
        "fuzziness": "AUTO",
        "fuzzy_prefix_length": 0,
        "fuzzy_max_expansions": 50,
        "phrase_slop": 0,
        **_given(
            minimum_should_match=query.minimum_should_match,
            lenient=query.lenient,
            time_zone=query.time_zone,
        ),
        "escape": False,
        "auto_generate_synonyms_phrase_query": True,
        "fuzzy_transpositions": True,
        **_tail(query),
    }


def _simple_query_string(query: SimpleQueryString) -> JsonObject:
    return {
        "query": query.query,
        "fields": _field_boosts(query.fields),
        "flags": -1,
        "default_operator": query.default_operator,
        **_given(lenient=query.lenient),
        "analyze_wildcard": False,
        **_given(minimum_should_match=query.minimum_should_match),
        "auto_generate_synonyms_phrase_query": True,
        "fuzzy_prefix_length": 0,
        "fuzzy_max_expansions": 50,
        "fuzzy_transpositions": True,
        **_tail(query),
    }


_Renderer = Callable[[Query], JsonObject]


def _table(
    *entries: tuple[type[Query], str, Callable[..., JsonObject]],
) -> Mapping[type[Query], tuple[str, _Renderer]]:
    return {node: (name, cast("_Renderer", render)) for node, name, render in entries}


_RENDERERS = _table(
    (MatchAll, "match_all", _tail),
    (MatchNone, "match_none", _tail),
    (Bool, "bool", _bool),
    (Term, "term", _term),
    (Terms, "terms", _terms),
    (Range, "range", _range),
    (Exists, "exists", _exists),
    (Wildcard, "wildcard", _wildcard),
    (Prefix, "prefix", _prefix),
    (Match, "match", _match),
    (MatchPhrase, "match_phrase", _match_phrase),
    (Ids, "ids", _ids),
    (Nested, "nested", _nested),
    (QueryString, "query_string", _query_string),
    (SimpleQueryString, "simple_query_string", _simple_query_string),
)
