"""Aggregations of searches, in Elasticsearch's shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.errors import InvalidRequest
from anomalyd.query.fields import Field, FieldKind
from anomalyd.query.parse_search import parse_search
from anomalyd.query.search import search
from tests.unit.query.table import Table

HOUR = 3_600_000
DAY = 24 * HOUR
FIELDS = (
    Field("k", "k", FieldKind.KEYWORD),
    Field("n", "n", FieldKind.LONG),
    Field("x", "x", FieldKind.DOUBLE),
    Field("b", "b", FieldKind.BOOLEAN),
    Field("d", "d", FieldKind.DATE),
    Field("t", "t", FieldKind.TEXT),
    Field("tags", "tags", FieldKind.KEYWORD, multi=True),
    Field("ds", "ds", FieldKind.DATE, multi=True),
)
DOCUMENTS = [
    {"_id": "1", "k": "a", "n": 1, "x": 0.5, "b": True, "d": DAY, "tags": ["r", "g"]},
    {"_id": "2", "k": "a", "n": 5, "x": 1.5, "b": False, "d": DAY + HOUR, "tags": ["r", "r"]},
    {"_id": "3", "k": "b", "n": 2, "b": True, "d": 3 * DAY, "ds": [DAY, DAY + 1, 2 * DAY]},
    {"_id": "4", "k": "c", "n": 2, "tags": []},
    {"_id": "5"},
]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table(FIELDS, DOCUMENTS)
    yield table
    table.close()


def run(table: Table, aggregation: dict[str, Any], **body: Any) -> Any:
    request = parse_search({"size": 0, "aggs": {"x": aggregation}, **body})
    return search(table, request, now_ms=0)["aggregations"]["x"]


def counts(result: dict[str, Any]) -> dict[Any, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in result["buckets"]}


METRICS = [
    ({"sum": {"field": "n"}}, {"value": 10.0}),
    ({"avg": {"field": "x"}}, {"value": 1.0}),
    ({"value_count": {"field": "k"}}, {"value": 4}),
    ({"cardinality": {"field": "tags"}}, {"value": 2}),
    ({"max": {"field": "d"}}, {"value": 3.0 * DAY, "value_as_string": "1970-01-04T00:00:00.000Z"}),
    ({"sum": {"field": "nope"}}, {"value": 0.0}),
    ({"avg": {"field": "nope"}}, {"value": None}),
    (
        {"percentiles": {"field": "n", "percents": [50, 99.9]}},
        {"values": {"50.0": 2.0, "99.9": pytest.approx(4.991)}},
    ),
    (
        {"percentiles": {"field": "n", "percents": [0], "keyed": False}},
        {"values": [{"key": 0.0, "value": 1.0}]},
    ),
    ({"median_absolute_deviation": {"field": "n"}}, {"value": 0.5}),
]


@pytest.mark.parametrize(("aggregation", "expected"), METRICS, ids=lambda one: str(one)[:40])
def test_metrics(table: Table, aggregation: Any, expected: Any) -> None:
    """Counts are integers, all else floats; sums over nothing are 0, the rest null."""
    assert run(table, aggregation) == expected


def test_terms_as_documented(table: Table) -> None:
    """The shape of the API document's example: bounds, rest, buckets by size."""
    assert run(table, {"terms": {"field": "k", "size": 2}}) == {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": 1,
        "buckets": [{"key": "a", "doc_count": 2}, {"key": "b", "doc_count": 1}],
    }


TERMS = [
    ({"field": "tags"}, {"r": 2, "g": 1}),
    ({"field": "n"}, {2: 2, 1: 1, 5: 1}),
    ({"field": "n", "order": {"_key": "desc"}}, {5: 1, 2: 2, 1: 1}),
    ({"field": "k", "min_doc_count": 2}, {"a": 2}),
    ({"field": "k", "missing": "none"}, {"a": 2, "b": 1, "c": 1, "none": 1}),
    ({"field": "tags", "missing": "none"}, {"none": 3, "r": 2, "g": 1}),
    ({"field": "k", "include": ["a", "c"]}, {"a": 2, "c": 1}),
    ({"field": "k", "exclude": ["a"]}, {"b": 1, "c": 1}),
    ({"field": "nope"}, {}),
    ({"field": "x"}, {0.5: 1, 1.5: 1}),
]


@pytest.mark.parametrize(("body", "expected"), TERMS, ids=lambda one: str(one)[:40])
def test_terms(table: Table, body: Any, expected: dict[Any, int]) -> None:
    """One bucket per value, each document once in each of its values' buckets."""
    found = counts(run(table, {"terms": body}))
    assert found == expected
    assert list(found) == list(expected)


def test_terms_of_booleans_and_dates(table: Table) -> None:
    """Keys that are no text or number are also shown as text."""
    assert run(table, {"terms": {"field": "b"}})["buckets"][0] == {
        "key": 1,
        "key_as_string": "true",
        "doc_count": 2,
    }
    assert run(table, {"terms": {"field": "d", "size": 1}})["buckets"] == [
        {"key": DAY, "key_as_string": "1970-01-02T00:00:00.000Z", "doc_count": 1}
    ]


def test_terms_sorted_by_a_metric_below(table: Table) -> None:
    """Buckets may be chosen and sorted by a metric; those without a value come last."""
    below = {"m": {"max": {"field": "x"}}, "p": {"percentiles": {"field": "n", "percents": [50]}}}
    terms = {"field": "k", "order": {"m": "asc"}}
    assert list(counts(run(table, {"terms": terms, "aggs": below}))) == ["a", "b", "c"]
    terms = {"field": "k", "order": [{"p.50": "desc"}, {"_key": "desc"}]}
    assert list(counts(run(table, {"terms": terms, "aggs": below}))) == ["a", "c", "b"]


def test_buckets_inside_buckets(table: Table) -> None:
    """Each bucket has the results over its own documents, in the order of the request."""
    result = run(
        table,
        {
            "terms": {"field": "k", "size": 2},
            "aggs": {
                "days": {
                    "date_histogram": {"field": "d", "calendar_interval": "day"},
                    "aggs": {"s": {"sum": {"field": "n"}}},
                },
                "big": {
                    "filter": {"range": {"n": {"gt": 1}}},
                    "aggs": {"tags": {"terms": {"field": "tags"}}, "c": {"sum": {"field": "x"}}},
                },
            },
        },
    )
    first, second = result["buckets"]
    assert first["days"]["buckets"] == [
        {
            "key_as_string": "1970-01-02T00:00:00.000Z",
            "key": DAY,
            "doc_count": 2,
            "s": {"value": 6.0},
        }
    ]
    assert first["big"]["doc_count"] == 1
    assert counts(first["big"]["tags"]) == {"r": 1}
    assert first["big"]["c"] == {"value": 1.5}
    assert second["big"] == {
        "doc_count": 1,
        "tags": {"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": []},
        "c": {"value": 0.0},
    }


def test_filter_without_documents(table: Table) -> None:
    """An empty bucket has empty results."""
    below = {"h": {"date_histogram": {"field": "d", "fixed_interval": "1d"}}}
    result = run(table, {"filter": {"term": {"k": "zzz"}}, "aggs": below})
    assert result == {"doc_count": 0, "h": {"buckets": []}}


def test_filters(table: Table) -> None:
    """Named filters give named buckets, anonymous ones a list; the rest has a bucket on request."""
    named = {"a": {"term": {"k": "a"}}, "two": {"term": {"n": 2}}}
    result = run(table, {"filters": {"filters": named, "other_bucket_key": "rest"}})
    assert result == {
        "buckets": {"a": {"doc_count": 2}, "two": {"doc_count": 2}, "rest": {"doc_count": 1}}
    }
    result = run(table, {"filters": {"filters": list(named.values())}})
    assert result == {"buckets": [{"doc_count": 2}, {"doc_count": 2}]}


def test_date_histogram_shows_empty_intervals(table: Table) -> None:
    """From the first to the last interval with documents none is left out."""
    histogram = {"field": "d", "fixed_interval": "1d", "format": "yyyy-MM-dd"}
    result = run(table, {"date_histogram": histogram, "aggs": {"s": {"sum": {"field": "n"}}}})
    assert [(one["key_as_string"], one["doc_count"], one["s"]) for one in result["buckets"]] == [
        ("1970-01-02", 2, {"value": 6.0}),
        ("1970-01-03", 0, {"value": 0.0}),
        ("1970-01-04", 1, {"value": 2.0}),
    ]
    only_full = {**histogram, "min_doc_count": 1, "order": {"_key": "desc"}}
    assert counts(run(table, {"date_histogram": only_full})) == {3 * DAY: 1, DAY: 2}


def test_date_histogram_options(table: Table) -> None:
    """Bounds widen it, keyed makes an object of it, missing and arrays add to it."""
    histogram = {
        "field": "d",
        "fixed_interval": "1d",
        "format": "yyyy-MM-dd",
        "keyed": True,
        "extended_bounds": {"min": "1970-01-01", "max": 4 * DAY},
    }
    buckets = run(table, {"date_histogram": histogram})["buckets"]
    assert [buckets[f"1970-01-0{day}"]["doc_count"] for day in range(1, 6)] == [0, 2, 0, 1, 0]
    by_missing = {"field": "d", "calendar_interval": "month", "missing": "1970-02-03"}
    assert counts(run(table, {"date_histogram": by_missing})) == {0: 3, 31 * DAY: 2}
    of_arrays = {"field": "ds", "calendar_interval": "1d"}
    assert counts(run(table, {"date_histogram": of_arrays})) == {DAY: 1, 2 * DAY: 1}
    zoned = {"field": "d", "calendar_interval": "day", "time_zone": "+02:00", "min_doc_count": 1}
    first = run(table, {"date_histogram": zoned})["buckets"][0]
    assert (first["key"], first["key_as_string"]) == (
        DAY - 2 * HOUR,
        "1970-01-02T00:00:00.000+02:00",
    )


REFUSED = [
    ({"terms": {"field": "t"}}, "Text fields are not optimised for operations"),
    ({"sum": {"field": "k"}}, "Field [k] of type [keyword] is not supported for aggregation [sum]"),
    ({"date_histogram": {"field": "k", "fixed_interval": "1d"}}, "Field [k] of type [keyword]"),
    ({"terms": {"field": "k", "order": {"nope": "asc"}}}, "Invalid aggregator order path [nope]"),
    (
        {"date_histogram": {"field": "d", "fixed_interval": "1ms"}},
        "Trying to create too many buckets. Must be less than or equal to: [65535] but was [65536]",
    ),
    (
        {"date_histogram": {"field": "d", "fixed_interval": "1d", "time_zone": "X/Y"}},
        "Unknown time-zone ID: X/Y",
    ),
    ({"terms": {"field": "n", "missing": "x"}}, 'For input string: "x"'),
]


@pytest.mark.parametrize(("aggregation", "reason"), REFUSED, ids=lambda one: str(one)[:40])
def test_refused(table: Table, aggregation: Any, reason: str) -> None:
    """What cannot be computed is refused with Elasticsearch's words."""
    with pytest.raises(InvalidRequest) as caught:
        run(table, aggregation)
    assert reason in caught.value.reason


def test_no_value_and_no_name_becomes_sql_text() -> None:
    """Names of aggregations, fields, keys and values stay out of the statements."""
    mark = "zq\"'`;--)$p0"
    fields = (Field(f"{mark}k", "k", FieldKind.KEYWORD), Field(f"{mark}d", "d", FieldKind.DATE))
    table = Table(fields, [{"_id": "1", f"{mark}k": mark, f"{mark}d": 0}])
    histogram = {
        "field": f"{mark}d",
        "calendar_interval": "day",
        "format": "'zq'yyyy",
        "time_zone": "Europe/Berlin",
    }
    body = {
        "query": {"term": {f"{mark}k": mark}},
        "sort": [{f"{mark}k": {"order": "asc", "missing": mark}}],
        "search_after": ["zq"],
        "aggs": {
            mark.replace(">", ""): {
                "terms": {
                    "field": f"{mark}k",
                    "missing": mark,
                    "include": [mark],
                    "order": {"zq": "asc"},
                },
                "aggs": {
                    "zq": {"value_count": {"field": f"{mark}k", "missing": mark}},
                    "h": {"date_histogram": histogram},
                    "f": {"filters": {"filters": {mark: {"term": {f"{mark}k": mark}}}}},
                },
            }
        },
    }
    answer = search(table, parse_search(body), now_ms=0)
    assert answer["aggregations"][mark]["buckets"][0]["key"] == mark
    assert table.statements
    assert not [one for one in table.statements if "zq" in one or "Berlin" in one]
    table.close()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 5), st.lists(st.sampled_from("xyz"))),
        max_size=20,
    ),
    st.integers(1, 3),
)
def test_nested_terms_count_as_python_does(rows: list[Any], size: int) -> None:
    """Terms inside terms: the same buckets, counts and rest as a plain count gives."""
    documents = [
        {"_id": str(i), "k": k, "n": n, "tags": tags} for i, (k, n, tags) in enumerate(rows)
    ]
    table = Table(FIELDS, documents)
    below = {
        "tags": {"terms": {"field": "tags", "size": size}, "aggs": {"s": {"sum": {"field": "n"}}}}
    }
    result = run(table, {"terms": {"field": "k", "size": size}, "aggs": below})
    table.close()
    expected = sorted(Counter(k for k, _, _ in rows).items(), key=lambda one: (-one[1], one[0]))
    assert list(counts(result).items()) == expected[:size]
    assert result["sum_other_doc_count"] == sum(count for _, count in expected[size:])
    for bucket in result["buckets"]:
        inside = [(n, set(tags)) for k, n, tags in rows if k == bucket["key"]]
        tags = Counter(tag for _, several in inside for tag in several)
        wanted = sorted(tags.items(), key=lambda one: (-one[1], one[0]))[:size]
        assert list(counts(bucket["tags"]).items()) == wanted
        for one in bucket["tags"]["buckets"]:
            assert one["s"]["value"] == sum(n for n, several in inside if one["key"] in several)
