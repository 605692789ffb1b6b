"""Whole searches: hits, sorting, paging and what parts of a document are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anomalyd.errors import IllegalArgument, InvalidRequest
from anomalyd.query.fields import Field, FieldKind
from anomalyd.query.parse_search import parse_search
from anomalyd.query.search import search
from tests.unit.query.table import Table

DAY = 86_400_000
FIELDS = (
    Field("k", "k", FieldKind.KEYWORD),
    Field("n", "n", FieldKind.LONG),
    Field("x", "x", FieldKind.DOUBLE),
    Field("b", "b", FieldKind.BOOLEAN),
    Field("d", "d", FieldKind.DATE),
    Field("t", "t", FieldKind.TEXT),
    Field("ns", "ns", FieldKind.LONG, multi=True),
    Field("entity.name", "en", FieldKind.KEYWORD, True, "entity"),
)
DOCUMENTS = [
    {"_id": "1", "k": "b", "n": 3, "x": 0.5, "b": True, "d": DAY, "ns": [5, 1]},
    {"_id": "2", "k": "a", "n": 1, "x": 1.5, "b": False, "d": 2 * DAY, "t": "red", "ns": [3]},
    {"_id": "3", "k": "b", "n": 2},
    {"_id": "4", "k": "c", "x": -1.0, "d": 0},
]


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table(FIELDS, DOCUMENTS)
    yield table
    table.close()


def run(table: Table, body: dict[str, Any] | None) -> dict[str, Any]:
    return search(table, parse_search(body), now_ms=3 * DAY)


def ids(answer: dict[str, Any]) -> str:
    return " ".join(hit["_id"] for hit in answer["hits"]["hits"])


def test_no_body_is_the_first_ten_documents(table: Table) -> None:
    """The answer has the documented shape; the caller puts took in front."""
    answer = run(table, {"size": 1})
    assert answer == {
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": 4, "relation": "eq"},
            "max_score": 1.0,
            "hits": [
                {
                    "_index": "index",
                    "_id": "1",
                    "_score": 1.0,
                    "_source": {k: v for k, v in DOCUMENTS[0].items() if k != "_id"},
                }
            ],
        },
    }
    assert ids(run(table, None)) == "1 2 3 4"


def test_versions_are_shown_on_request(table: Table) -> None:
    """Version and sequence number stand between id and score, as in the API document."""
    hit = run(table, {"version": True, "seq_no_primary_term": True})["hits"]["hits"][1]
    assert list(hit)[:6] == ["_index", "_id", "_version", "_seq_no", "_primary_term", "_score"]
    assert (hit["_version"], hit["_seq_no"], hit["_primary_term"]) == (1, 1, 1)


SCORES = [
    ({}, 1.0),
    ({"query": {"match_all": {"boost": 2}}}, 2.0),
    ({"query": {"term": {"k": "b"}}}, 1.0),
    ({"query": {"bool": {"filter": [{"term": {"k": "b"}}]}}}, 0.0),
    ({"query": {"bool": {"must_not": [{"term": {"k": "b"}}]}}}, 0.0),
    ({"query": {"bool": {"must": [{"term": {"k": "b"}}]}}}, 1.0),
    ({"query": {"bool": {}}}, 1.0),
    ({"query": {"term": {"k": "zzz"}}}, None),
    ({"sort": ["n"]}, None),
    ({"sort": ["n"], "track_scores": True}, 1.0),
    ({"sort": ["_score"]}, 1.0),
    ({"size": 0}, None),
]


@pytest.mark.parametrize(("body", "expected"), SCORES, ids=lambda one: str(one)[:40])
def test_scores(table: Table, body: dict[str, Any], expected: float | None) -> None:
    """Filters score 0.0, all else its boost; sorting and empty pages leave null."""
    hits = run(table, body)["hits"]
    assert hits["max_score"] == expected
    assert all(hit["_score"] == expected for hit in hits["hits"])


def test_the_total_is_exact_up_to_the_limit(table: Table) -> None:
    """Beyond the limit the total is the limit, and says so."""
    assert run(table, {"track_total_hits": 2})["hits"]["total"] == {"value": 2, "relation": "gte"}
    assert run(table, {"track_total_hits": 4})["hits"]["total"] == {"value": 4, "relation": "eq"}
    assert "total" not in run(table, {"track_total_hits": False})["hits"]


SORTS = [
    (["n"], "2 3 1 4", [[1], [2], [3], [9223372036854775807]]),
    ([{"n": "desc"}], "1 3 2 4", [[3], [2], [1], [-9223372036854775808]]),
    ([{"n": {"order": "asc", "missing": "_first"}}], "4 2 3 1", None),
    ([{"n": {"order": "asc", "missing": 2.0}}], "2 3 4 1", [[1], [2], [2], [3]]),
    ([{"k": "asc"}, {"n": "desc"}], "2 1 3 4", [["a", 1], ["b", 3], ["b", 2], None]),
    ([{"x": "desc"}], "2 1 4 3", [[1.5], [0.5], [-1.0], ["-Infinity"]]),
    ([{"b": "desc"}, "_doc"], "1 2 3 4", None),
    ([{"d": {"order": "desc"}}], "2 1 4 3", None),
    (["ns"], "1 2 3 4", [[1], [3], None, None]),
    ([{"ns": "desc"}], "1 2 3 4", [[5], [3], None, None]),
    ([{"ns": {"order": "asc", "mode": "max"}}], "2 1 3 4", [[3], [5], None, None]),
    ([{"nope": {"order": "asc", "unmapped_type": "long"}}, {"n": "desc"}], "1 3 2 4", None),
    (["_id"], "1 2 3 4", [["1"], ["2"], ["3"], ["4"]]),
    ([{"_score": "desc"}, {"n": "asc"}], "2 3 1 4", [[1.0, 1], [1.0, 2], [1.0, 3], None]),
]


@pytest.mark.parametrize(("sort", "order", "values"), SORTS, ids=lambda one: str(one)[:40])
def test_sorting(table: Table, sort: list[Any], order: str, values: list[Any] | None) -> None:
    """Hits come in the order that is asked for and carry their sort values."""
    answer = run(table, {"sort": sort})
    assert ids(answer) == order
    for hit, expected in zip(answer["hits"]["hits"], values or [], strict=False):
        assert expected is None or hit["sort"] == expected


@pytest.mark.parametrize(
    "sort", [["n"], [{"n": "desc"}], [{"k": "desc"}, {"n": "asc"}], ["x", "k"]]
)
@pytest.mark.parametrize("missing", ["_first", "_last"])
def test_pages_with_search_after_join_up(table: Table, sort: list[Any], missing: str) -> None:
    """Page after page, each from the last sort values on, gives every document once."""
    field = sort[0] if isinstance(sort[0], dict) else {sort[0]: "asc"}
    (name, direction), *_ = field.items()
    criteria = [{name: {"order": direction, "missing": missing}}, *sort[1:], "_id"]
    whole = ids(run(table, {"sort": criteria}))
    page = run(table, {"sort": criteria, "size": 1})
    pages = []
    while page["hits"]["hits"]:
        pages.append(ids(page))
        after = page["hits"]["hits"][-1]["sort"]
        page = run(table, {"sort": criteria, "size": 1, "search_after": after})
    assert " ".join(pages) == whole


def test_pages(table: Table) -> None:
    """From and size cut a page out of the hits."""
    assert ids(run(table, {"from": 1, "size": 2})) == "2 3"
    assert ids(run(table, {"from": 4})) == ""
    assert ids(run(table, {"sort": [{"n": "desc"}], "from": 1, "size": 1})) == "3"


SOURCES = [
    (False, None),
    (True, {"a": 1, "o": {"x": 1, "y": [{"z": 1, "w": 2}]}, "list": [1, 2]}),
    ("a", {"a": 1}),
    (["a", "o.x"], {"a": 1, "o": {"x": 1}}),
    (["o"], {"o": {"x": 1, "y": [{"z": 1, "w": 2}]}}),
    (["o.*.z"], {"o": {"y": [{"z": 1}]}}),
    ({"excludes": ["o", "li*"]}, {"a": 1}),
    ({"includes": ["o.*"], "excludes": "*.w"}, {"o": {"x": 1, "y": [{"z": 1}]}}),
    (["nope"], {}),
]


@pytest.mark.parametrize(("wanted", "expected"), SOURCES, ids=lambda one: str(one)[:40])
def test_source_filter(wanted: Any, expected: Any) -> None:
    """A pattern takes its path and all below it; excluding wins."""
    document = {"_id": "1", "a": 1, "o": {"x": 1, "y": [{"z": 1, "w": 2}]}, "list": [1, 2]}
    table = Table((), [document])
    hit = run(table, {"_source": wanted})["hits"]["hits"][0]
    assert hit.get("_source") == expected
    table.close()


def test_a_post_filter_hides_hits_from_the_page_only(table: Table) -> None:
    """Aggregations still see what the post filter takes from the hits."""
    body = {"post_filter": {"term": {"k": "a"}}, "aggs": {"c": {"value_count": {"field": "k"}}}}
    answer = run(table, body)
    assert ids(answer) == "2"
    assert answer["hits"]["total"]["value"] == 1
    assert answer["aggregations"] == {"c": {"value": 4}}


SPREADS: dict[str, Callable[[int], int | None]] = {
    "evenly": lambda at: at // 3,
    "all the same": lambda at: 7,
    "one long ago": lambda at: -(10**12) if at == 40 else at,
    "most of them long ago": lambda at: at if at % 50 else 10**9 + at,
    "most of them at the end": lambda at: at if at < 20 else 10**9 + at % 7,
    "as far apart as can be": lambda at: (-1) ** at * (2**63 - 1 - at),
    "many without": lambda at: None if at % 3 else at,
    "none": lambda at: None,
}


MANY = 1_000


@pytest.fixture(scope="module")
def spread_out() -> Iterator[Table]:
    """Many documents with a field for each of the spreads."""
    fields = [Field(name, f"n{at}", FieldKind.LONG) for at, name in enumerate(SPREADS)]
    made = ({name: value(at) for name, value in SPREADS.items()} for at in range(MANY))
    table = Table(fields, [{"_id": str(at), **one} for at, one in enumerate(made)])
    yield table
    table.close()


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("spread", SPREADS)
def test_long_pages(spread_out: Table, spread: str, order: str) -> None:
    """Where a long page ends is guessed first; it has the right documents however they lie."""
    values = [SPREADS[spread](at) for at in range(MANY)]
    sign = 1 if order == "asc" else -1
    found = sorted(range(MANY), key=lambda at: (_nulls_last(values[at], sign), at))
    for start, size in ((0, 300), (50, 400), (0, 500), (450, 300), (900, 400)):
        body = {"sort": [{spread: order}], "from": start, "size": size, "_source": False}
        answer = run(spread_out, body)
        assert ids(answer) == " ".join(map(str, found[start : start + size]))
        assert answer["hits"]["total"] == {"value": MANY, "relation": "eq"}


def _nulls_last(value: int | None, sign: int) -> tuple[bool, int]:
    return (value is None, 0 if value is None else sign * value)


REFUSED = [
    (
        {"from": 10_000, "size": 10},
        "Result window is too large, from + size must be less than or equal to: [10000] but was "
        "[10010]. See the scroll api for a more efficient way to request large data sets. This "
        "limit can be set by changing the [index.max_result_window] index level setting.",
    ),
    ({"sort": ["nope"]}, "No mapping found for [nope] in order to sort on"),
    ({"sort": ["t"]}, "Text fields are not optimised for operations"),
    ({"search_after": [1]}, "Sort must contain at least one field."),
    ({"sort": ["n"], "search_after": [1, 2]}, "search_after has 2 value(s) but sort has 1."),
    ({"sort": ["n"], "search_after": [1], "from": 1}, "`from` parameter must be set to 0"),
    ({"sort": ["n"], "search_after": ["x"]}, 'For input string: "x"'),
    ({"query": {"term": {"n": "x"}}}, 'For input string: "x"'),
]


@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=lambda one: str(one)[:40])
def test_refused(table: Table, body: dict[str, Any], reason: str) -> None:
    """What cannot be done is refused with Elasticsearch's words."""
    with pytest.raises(InvalidRequest) as caught:
        run(table, body)
    assert reason in caught.value.reason


def test_nothing_to_search_is_empty_whatever_is_asked() -> None:
    """Without any index there are no hits, and no field is missed."""
    table = Table((), [], shards=0)
    body = {
        "query": {"nested": {"path": "entity", "query": {"term": {"entity.name": "a"}}}},
        "sort": ["nope"],
        "aggs": {"s": {"terms": {"field": "nope"}}},
    }
    answer = run(table, body)
    assert answer["_shards"]["total"] == 0
    assert answer["hits"] == {
        "total": {"value": 0, "relation": "eq"},
        "max_score": None,
        "hits": [],
    }
    assert answer["aggregations"]["s"]["buckets"] == []
    table.close()


def test_the_deepest_page_is_allowed(table: Table) -> None:
    """The limit itself is within the limit."""
    assert ids(run(table, {"from": 9_990, "size": 10})) == ""
    with pytest.raises(IllegalArgument):
        run(table, {"from": 9_991, "size": 10})
