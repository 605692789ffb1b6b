"""Hypothesis strategies for valid queries in the short and long forms of the DSL."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

FIELDS = st.sampled_from(["k", "n", "d", "b", "t", "x", "tags", "scores", "unknown"])
SCALARS = (
    st.integers(-5, 5)
    | st.sampled_from([0.5, 2.5, -1.0])
    | st.booleans()
    | st.sampled_from(["a", "b", "ab", "3", "true", "2021-01-02", "red fox", ""])
)


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    """A query without queries inside."""
    field, value = draw(FIELDS), draw(SCALARS)
    low = draw(SCALARS)
    return draw(
        st.sampled_from(
            [
                {"match_all": {}},
                {"match_all": {"boost": 2}},
                {"match_none": {}},
                {"term": {field: value}},
                {"term": {field: {"value": value, "boost": 1.5}}},
                {"terms": {field: [value, low]}},
                {"range": {field: {"gt": low}}},
                {"range": {field: {"gte": low, "lt": value}}},
                {"range": {field: {"from": low, "to": None, "include_lower": False}}},
                {"exists": {"field": field}},
                {"wildcard": {field: "a*"}},
                {"wildcard": {field: {"value": "?b", "case_insensitive": True}}},
                {"prefix": {field: {"value": "a"}}},
                {"match": {field: value}},
                {"match": {field: {"query": "red dog", "operator": "and"}}},
                {"match_phrase": {field: "red fox"}},
                {"ids": {"values": ["1", "2"]}},
                {"query_string": {"query": "k:a OR n:>1"}},
                {"simple_query_string": {"query": "red + fox", "fields": ["t^2"]}},
                {"nested": {"path": "entity", "query": {"term": {"entity.value": value}}}},
            ]
        )
    )


def bools(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """A bool query around others."""
    clauses = inner | st.lists(inner, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "must": clauses,
            "filter": clauses,
            "must_not": clauses,
            "should": clauses,
            "minimum_should_match": st.sampled_from([0, 1, 2, "50%", "-1"]),
        },
    ).map(lambda body: {"bool": body})


QUERIES = st.recursive(leaves(), bools, max_leaves=8)
