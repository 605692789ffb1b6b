"""The normalised form is the one that the API document and the transcripts show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anomalyd.query.parse import parse_query
from anomalyd.query.parse_aggregations import parse_aggregations
from anomalyd.query.render import render_query
from anomalyd.query.render_aggregations import render_aggregations

DOCUMENTED = [
    (
        {
            "bool": {
                "filter": [{"range": {"value": {"gt": 1}}}],
                "adjust_pure_negative": True,
                "boost": 1,
            }
        },
        '{"bool": {"filter": [{"range": {"value": {"from": 1, "to": null, "include_lower": false, '
        '"include_upper": true, "boost": 1.0}}}], "adjust_pure_negative": true, "boost": 1.0}}',
    ),
    ({"match_all": {}}, '{"match_all": {"boost": 1.0}}'),
    ({"term": {"host": "a"}}, '{"term": {"host": {"value": "a", "boost": 1.0}}}'),
    ({"terms": {"host": ["a", "b"]}}, '{"terms": {"host": ["a", "b"], "boost": 1.0}}'),
    ({"wildcard": {"a": {"value": "b*"}}}, '{"wildcard": {"a": {"wildcard": "b*", "boost": 1.0}}}'),
    (
        {"range": {"t": {"lte": "now", "format": "epoch_millis", "time_zone": "+01:00"}}},
        '{"range": {"t": {"from": null, "to": "now", "include_lower": true, "include_upper": true, '
        '"time_zone": "+01:00", "format": "epoch_millis", "boost": 1.0}}}',
    ),
    (
        {"bool": {"should": {"exists": {"field": "a"}}, "minimum_should_match": 1}},
        '{"bool": {"should": [{"exists": {"field": "a", "boost": 1.0}}], '
        '"adjust_pure_negative": true, "minimum_should_match": "1", "boost": 1.0}}',
    ),
]


@pytest.mark.parametrize(("query", "text"), DOCUMENTED, ids=lambda one: str(one)[:30])
def test_queries_are_echoed_as_documented(query: Any, text: str) -> None:
    """Defaults are explicit, keys are in the documented order, boosts are floats."""
    assert json.dumps(render_query(parse_query(query))) == text


def test_feature_aggregations_are_echoed_as_given() -> None:
    """A metric on a field has nothing to make explicit."""
    given = {"test": {"sum": {"field": "value"}}}
    assert render_aggregations(parse_aggregations(given)) == given


def test_a_filter_around_a_metric_is_echoed_as_the_parsed_builder() -> None:
    """The inner query is normalised and the sub-aggregations are spelled out."""
    given = {"f": {"filter": {"term": {"a": 1}}, "aggs": {"m": {"max": {"field": "b"}}}}}
    assert json.dumps(render_aggregations(parse_aggregations(given))) == (
        '{"f": {"filter": {"term": {"a": {"value": 1, "boost": 1.0}}}, '
        '"aggregations": {"m": {"max": {"field": "b"}}}}}'
    )
