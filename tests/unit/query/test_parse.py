"""Parsing the query DSL: forms that are accepted, and words that refuse the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from anomalyd.errors import ParsingError
from anomalyd.query.nodes import (
    Bool,
    Exists,
    Ids,
    Match,
    MatchAll,
    Nested,
    Prefix,
    Range,
    Term,
    Terms,
    Wildcard,
)
from anomalyd.query.parse import MAX_CLAUSES, parse_filter, parse_query
from anomalyd.query.render import render_query
from anomalyd.query.shape import MAX_DEPTH
from tests.unit.query.json_values import JSON, QUERY_WORDS, near_misses
from tests.unit.query.queries import QUERIES

SAME = [
    ({"term": {"f": 1}}, {"term": {"f": {"value": 1, "boost": 1}}}, Term(field="f", value=1)),
    (
        {"terms": {"f": ["a"]}},
        {"terms": {"f": ["a"], "boost": 1.0}},
        Terms(field="f", values=("a",)),
    ),
    (
        {"range": {"f": {"gt": 1}}},
        {"range": {"f": {"from": 1, "to": None, "include_lower": False, "include_upper": True}}},
        Range(field="f", lower=1, include_lower=False),
    ),
    (
        {"range": {"f": {"gte": 1, "lt": 2}}},
        {"range": {"f": {"from": 1, "to": 2, "include_upper": False}}},
        Range(field="f", lower=1, upper=2, include_upper=False),
    ),
    (
        {"wildcard": {"f": "a*"}},
        {"wildcard": {"f": {"wildcard": "a*", "boost": 1}}},
        Wildcard(field="f", pattern="a*"),
    ),
    ({"prefix": {"f": "a"}}, {"prefix": {"f": {"value": "a"}}}, Prefix(field="f", value="a")),
    ({"match": {"f": "a"}}, {"match": {"f": {"query": "a"}}}, Match(field="f", query="a")),
    ({"ids": {"values": "1"}}, {"ids": {"values": [1]}}, Ids(values=("1",))),
    (
        {"bool": {"filter": {"match_all": {}}}},
        {"bool": {"filter": [{"match_all": {"boost": 1}}], "adjust_pure_negative": "true"}},
        Bool(filter=(MatchAll(),)),
    ),
]


@pytest.mark.parametrize(("short", "long", "node"), SAME, ids=lambda one: str(one)[:40])
def test_short_and_long_forms_are_the_same_query(short: Any, long: Any, node: Any) -> None:
    """The short form is the long form with its defaults left out."""
    assert parse_query(short) == node
    assert parse_query(long) == node


def test_nested_keeps_path_and_query() -> None:
    """A nested query holds its path and the query about the objects there."""
    body = {"nested": {"path": "entity", "query": {"exists": {"field": "entity.name"}}}}
    assert parse_query(body) == Nested(path="entity", query=Exists(field="entity.name"))


def test_an_empty_filter_matches_everything() -> None:
    """A detector's filter may be absent or empty, a query may not."""
    assert parse_filter({}) == MatchAll()
    assert parse_filter(None) == MatchAll()
    with pytest.raises(ParsingError, match="query malformed, empty clause found"):
        parse_query({})


REFUSED = [
    ({"nosuchquery": {}}, "unknown query [nosuchquery]"),
    ({"tern": {"f": 1}}, "unknown query [tern] did you mean [term]?"),
    ({"script": {"script": {"source": "1"}}}, "unknown query [script]"),
    ([], "[_na] query malformed, must start with start_object"),
    ({"term": 5}, "[term] query malformed, no start_object after query name"),
    ({"term": {"f": [1]}}, "[term] query does not support array of values"),
    ({"term": {"f": {"value": 1, "x": 2}}}, "[term] query does not support [x]"),
    ({"term": {"f": None}}, "[term] value cannot be null"),
    (
        {"term": {"f": 1, "g": 2}},
        "[term] query doesn't support multiple fields, found [f] and [g]",
    ),
    ({"range": {"f": {"y": 1}}}, "[range] query does not support [y]"),
    ({"range": {"f": {"gt": [1]}}}, "[range] failed to parse field [gt]: expected a value"),
    (
        {"bool": {}, "term": {"f": 1}},
        "[bool] malformed query, expected [END_OBJECT] but found [FIELD_NAME]",
    ),
    ({"bool": {"musst": []}}, "[bool] query does not support [musst] did you mean"),
    ({"bool": {"must": 1}}, "[bool] failed to parse field [must]:"),
    ({"bool": {"minimum_should_match": "some"}}, 'For input string: "some"'),
    ({"match_all": {"boost": -1}}, "[boost] cannot be negative, found [-1.0]"),
    ({"exists": {}}, "[exists] must be provided with a [field]"),
    ({"terms": {"f": {"index": "i", "id": "1", "path": "p"}}}, "document lookup"),
    (
        {"match": {"f": {"query": "a", "fuzziness": 1}}},
        "[match] query does not support [fuzziness]",
    ),
    ({"match_phrase": {"f": {"query": "a", "slop": 2}}}, "does not support [slop] [2]"),
    ({"query_string": {"query": "a AND"}}, "Failed to parse query [a AND]"),
    ({"query_string": {"query": "/a.*/"}}, "regular expressions"),
    ({"query_string": {"query": "a", "fuzziness": "2"}}, "does not support [fuzziness] [2]"),
    ({"ids": {"values": ["\ud800"]}}, "not valid Unicode"),
    ({"term": {"f": 10**400}}, "numeric value is out of range"),
]


@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=lambda one: str(one)[:40])
def test_refused_by_name(body: Any, reason: str) -> None:
    """What is not understood is named in the error."""
    with pytest.raises(ParsingError) as caught:
        parse_query(body)
    assert reason in caught.value.reason


def test_depth_and_width_are_limited() -> None:
    """Neither deep nor wide queries reach the database."""
    deep: dict[str, Any] = {"match_all": {}}
    for _ in range(MAX_DEPTH):
        deep = {"bool": {"must": [deep]}}
    assert parse_query(deep)
    with pytest.raises(ParsingError, match="levels deep"):
        parse_query({"bool": {"must": [deep]}})
    for _ in range(5_000):
        deep = {"bool": {"must": [deep]}}
    with pytest.raises(ParsingError, match="levels deep"):
        parse_query(deep)
    wide = {"bool": {"should": [{"match_all": {}}] * (MAX_CLAUSES + 1)}}
    with pytest.raises(ParsingError, match="too_many_clauses"):
        parse_query(wide)


@given(JSON | near_misses(QUERY_WORDS))
def test_any_json_is_parsed_or_refused(value: object) -> None:
    """No JSON value makes the parser raise anything but its own error."""
    try:
        node = parse_query(value)
    except ParsingError:
        return
    assert parse_query(render_query(node)) == node


@given(QUERIES)
def test_rendering_and_parsing_again_gives_the_same_node(query: dict[str, Any]) -> None:
    """The normalised form means what the original meant, and is its own normal form."""
    node = parse_query(query)
    rendered = render_query(node)
    assert parse_query(rendered) == node
    assert render_query(parse_query(rendered)) == rendered
