"""What a query says about all that it matches."""

import pytest

from anomalyd.query.parse import parse_query
from anomalyd.query.subset import only_above_zero


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"range": {"grade": {"gt": 0}}}, True),
        ({"range": {"grade": {"gte": 0.7, "lte": 1}}}, True),
        ({"range": {"grade": {"gte": 0}}}, False),
        ({"range": {"grade": {"gt": -1}}}, False),
        ({"range": {"grade": {"lt": 1}}}, False),
        ({"range": {"grade": {"gt": "0"}}}, False),
        ({"range": {"score": {"gt": 0}}}, False),
        ({"bool": {"filter": [{"term": {"a": "b"}}, {"range": {"grade": {"gt": 0}}}]}}, True),
        ({"bool": {"must": [{"bool": {"filter": {"range": {"grade": {"gt": 0}}}}}]}}, True),
        ({"bool": {"should": [{"range": {"grade": {"gt": 0}}}]}}, False),
        ({"bool": {"must_not": [{"range": {"grade": {"gt": 0}}}]}}, False),
        ({"match_all": {}}, False),
    ],
)
def test_a_lower_bound_above_zero_is_seen_where_everything_must_meet_it(query, expected):
    """A bound at zero itself, in an alternative or in a negation says nothing."""
    assert only_above_zero(parse_query(query), "grade") is expected


def test_no_query_says_nothing():
    """Without a query everything matches."""
    assert not only_above_zero(None, "grade")
