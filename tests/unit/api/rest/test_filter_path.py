"""``filter_path``."""

from __future__ import annotations

from typing import Any

import pytest

from anomalyd.api.rest.filter_path import filter_document

ANSWER: dict[str, Any] = {
    "took": 2,
    "hits": {
        "total": {"value": 2, "relation": "eq"},
        "max_score": None,
        "hits": [
            {"_id": "a", "_source": {"name": "x", "nature": 1}},
            {"_id": "b", "_source": {"name": "y"}},
        ],
    },
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("took", {"took": 2}),
        ("took,hits.total.value", {"took": 2, "hits": {"total": {"value": 2}}}),
        ("hits.hits._id", {"hits": {"hits": [{"_id": "a"}, {"_id": "b"}]}}),
        (
            "hits.hits._source.na*",
            {
                "hits": {
                    "hits": [{"_source": {"name": "x", "nature": 1}}, {"_source": {"name": "y"}}]
                }
            },
        ),
        ("**.relation", {"hits": {"total": {"relation": "eq"}}}),
        ("h*s.m*e", {"hits": {"max_score": None}}),
        ("hits.max_score", {"hits": {"max_score": None}}),
        ("nothing.here", {}),
        ("-hits", {"took": 2}),
        ("hits.total,-**.value", {"hits": {"total": {"relation": "eq"}}}),
        (
            "-hits.hits._source,-hits.total",
            {"took": 2, "hits": {"max_score": None, "hits": [{"_id": "a"}, {"_id": "b"}]}},
        ),
        ("", ANSWER),
    ],
)
def test_parts_are_kept_or_left_out(expression: str, expected: object) -> None:
    """Paths select, ``*`` matches part of a key, ``**`` any keys, ``-`` leaves out."""
    assert filter_document(ANSWER, expression) == expected


def test_many_stars_take_no_time() -> None:
    """A hostile pattern is matched in one pass over the key."""
    assert filter_document({"a" * 5000: 1}, "*a" * 2000 + "b") == {}
