"""Parsing aggregations and search bodies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from anomalyd.errors import IllegalArgument, InvalidRequest, ParsingError
from anomalyd.query.nodes import MatchAll
from anomalyd.query.nodes_aggregations import (
    Avg,
    DateHistogram,
    FilterAggregation,
    Missing,
    Order,
    Percentiles,
    SearchRequest,
    Sort,
    SourceFilter,
    Sum,
    TermsAggregation,
)
from anomalyd.query.parse_aggregations import parse_aggregations, parse_feature
from anomalyd.query.parse_search import parse_search
from anomalyd.query.render_aggregations import render_aggregations
from anomalyd.query.shape import MAX_DEPTH
from tests.unit.query.json_values import AGGREGATION_WORDS, JSON, SEARCH_WORDS, near_misses

ACCEPTED: list[tuple[Any, Any]] = [
    ({"sum": {"field": "a"}}, Sum(name="x", field="a")),
    ({"avg": {"field": "a", "missing": 0}}, Avg(name="x", field="a", missing=0)),
    (
        {"percentiles": {"field": "a", "percents": [95, 50]}},
        Percentiles(name="x", field="a", percents=(50.0, 95.0)),
    ),
    (
        {"filter": {"match_all": {}}, "aggs": {"y": {"sum": {"field": "a"}}}},
        FilterAggregation(name="x", query=MatchAll(), aggregations=(Sum(name="y", field="a"),)),
    ),
    (
        {"terms": {"field": "state", "size": 100}},
        TermsAggregation(name="x", field="state", size=100),
    ),
    (
        {"terms": {"field": "a", "order": {"m": "desc"}}},
        TermsAggregation(
            name="x",
            field="a",
            order=(Order(path="m", ascending=False), Order(path="_key", ascending=True)),
        ),
    ),
    (
        {"date_histogram": {"field": "t", "fixed_interval": "30m", "offset": "-1h"}},
        DateHistogram(name="x", field="t", fixed_interval="30m", offset=-3_600_000),
    ),
    (
        {"date_histogram": {"field": "t", "interval": "month"}},
        DateHistogram(name="x", field="t", calendar_interval="month"),
    ),
]


@pytest.mark.parametrize(("body", "node"), ACCEPTED, ids=lambda one: str(one)[:40])
def test_accepted_forms(body: Any, node: Any) -> None:
    """Each aggregation is read with its defaults, and its echo is read as the same."""
    assert parse_aggregations({"x": body}) == (node,)
    assert parse_aggregations(render_aggregations((node,))) == (node,)


REFUSED = [
    ({"x": {"composite": {}}}, "Unknown aggregation type [composite]"),
    ({"x": {"summ": {}}}, "Unknown aggregation type [summ] did you mean [sum]?"),
    ({"x": {"scripted_metric": {}}}, "Unknown aggregation type [scripted_metric]"),
    ({"x": {"sum": {"script": {"source": "1"}}}}, "[sum] unknown field [script], scripts are not"),
    ({"x": {"sum": {"fields": "a", "field": "a"}}}, "[sum] unknown field [fields] did you mean"),
    ({"x": {"sum": {}}}, "Required one of fields [field, script], but none were specified."),
    ({"x": {}}, "Missing definition for aggregation [x]"),
    ({"x": {"sum": {"field": "a"}, "avg": {"field": "a"}}}, "Found two aggregation type"),
    (
        {"x": {"sum": {"field": "a"}, "aggs": {"y": {"sum": {"field": "a"}}}}},
        "Aggregator [x] of type [sum] cannot accept sub-aggregations",
    ),
    ({"a>b": {"sum": {"field": "a"}}}, "Invalid aggregation name [a>b]"),
    ({"x": {"terms": {"field": "a", "size": 0}}}, "[size] must be greater than 0"),
    ({"x": {"date_histogram": {"field": "a"}}}, "Invalid interval specified"),
    (
        {"x": {"date_histogram": {"field": "a", "calendar_interval": "2d"}}},
        "The supplied interval [2d] could not be parsed as a calendar interval.",
    ),
    ({"x": {"percentiles": {"field": "a", "percents": [101]}}}, "percent must be in [0,100]"),
    ({"x": 1}, "starts with a [VALUE_NUMBER], expected a [START_OBJECT]"),
]


@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=lambda one: str(one)[:40])
def test_refused_by_name(body: Any, reason: str) -> None:
    """What is not understood is named in the error."""
    with pytest.raises(ParsingError) as caught:
        parse_aggregations(body)
    assert reason in caught.value.reason


def test_a_feature_is_the_first_aggregation() -> None:
    """Further aggregations of a feature are ignored, none at all is refused."""
    body = {"a": {"sum": {"field": "f"}}, "b": {"avg": {"field": "f"}}}
    assert parse_feature(body) == Sum(name="a", field="f")
    with pytest.raises(ParsingError, match="Feature aggregation query should be set"):
        parse_feature({})


def test_depth_is_limited() -> None:
    """Aggregations nested too deep are refused instead of exhausting the stack."""
    body: dict[str, Any] = {"x": {"sum": {"field": "a"}}}
    for _ in range(5_000):
        body = {"x": {"filter": {"match_all": {}}, "aggs": body}}
    with pytest.raises(ParsingError, match=f"more than .{MAX_DEPTH}. levels deep"):
        parse_aggregations(body)


def test_search_body() -> None:
    """Every key of a search has its place in the request."""
    request = parse_search(
        {
            "query": {"match_all": {}},
            "from": 5,
            "size": "20",
            "sort": ["a", {"b": "desc"}, {"c": {"order": "asc", "missing": "_first"}}, "_score"],
            "_source": {"includes": ["a.*"], "excludes": "b"},
            "track_total_hits": True,
            "version": True,
            "aggs": {"x": {"sum": {"field": "a"}}},
            "timeout": "10s",
        }
    )
    assert request == SearchRequest(
        query=MatchAll(),
        start=5,
        size=20,
        sort=(
            Sort(field="a", ascending=True),
            Sort(field="b", ascending=False),
            Sort(field="c", ascending=True, missing=Missing.FIRST),
            Sort(field="_score", ascending=False),
        ),
        source=SourceFilter(includes=("a.*",), excludes=("b",)),
        track_total_hits=None,
        version=True,
        aggregations=(Sum(name="x", field="a"),),
    )
    assert parse_search(None) == parse_search({}) == SearchRequest()
    assert parse_search({"_source": False}).source == SourceFilter(enabled=False)


def test_search_refusals() -> None:
    """Unknown keys are named with the token that was found; numbers have bounds."""
    with pytest.raises(ParsingError, match=r"^Unknown key for a VALUE_NUMBER in \[nosuch\]\.$"):
        parse_search({"nosuch": 1})
    with pytest.raises(ParsingError, match=r"^Unknown key for a START_OBJECT in \[size\]\.$"):
        parse_search({"size": {}})
    with pytest.raises(
        IllegalArgument, match=r"\[size\] parameter cannot be negative, found \[-2\]"
    ):
        parse_search({"size": -2})
    with pytest.raises(ParsingError, match=r"does not support \[_script\]"):
        parse_search({"sort": {"_script": {}}})


@given(JSON | near_misses(AGGREGATION_WORDS))
def test_any_json_is_parsed_or_refused_as_aggregations(value: object) -> None:
    """No JSON value makes the parser raise anything but its own error."""
    try:
        nodes = parse_aggregations({"x": value})
    except ParsingError:
        return
    assert parse_aggregations(render_aggregations(nodes)) == nodes


@given(JSON | near_misses(SEARCH_WORDS))
def test_any_json_is_parsed_or_refused_as_search(value: object) -> None:
    """No JSON value makes the parser raise anything but its own errors."""
    try:
        request = parse_search(value)
    except InvalidRequest:
        return
    assert isinstance(request, SearchRequest)
