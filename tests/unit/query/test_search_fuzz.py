"""Searches put together at random: answered, or refused with our own error, never anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.errors import InvalidRequest
from anomalyd.query.fields import Field, FieldKind
from anomalyd.query.parse_search import parse_search
from anomalyd.query.search import search
from tests.unit.query.queries import QUERIES
from tests.unit.query.table import Table

FIELDS = (
    *(Field(kind.value, f"c{kind.value}", kind) for kind in FieldKind),
    *(Field(f"{kind.value}s", f"l{kind.value}", kind, multi=True) for kind in FieldKind),
    Field("entity.value", "ev", FieldKind.KEYWORD, True, "entity"),
)
VALUES: dict[FieldKind, list[Any]] = {
    FieldKind.KEYWORD: ["a", ""],
    FieldKind.TEXT: ["Red fox", "..."],
    FieldKind.IP: ["10.0.0.1", "::1"],
    FieldKind.LONG: [-3, 2**62],
    FieldKind.DOUBLE: [0.5, -1e300],
    FieldKind.BOOLEAN: [True, False],
    FieldKind.DATE: [0, 1_633_392_680_364],
}
DOCUMENTS = [
    {"_id": "1", **{kind.value: values[0] for kind, values in VALUES.items()}},
    {"_id": "2", **{f"{kind.value}s": [*values, None] for kind, values in VALUES.items()}},
    {"_id": "3", **{kind.value: values[1] for kind, values in VALUES.items()}, "longs": []},
]
NAMES = st.sampled_from([*(field.path for field in FIELDS), "text.keyword", "_id", "nope"])
SCALARS = (
    st.sampled_from(["", "a", "1", "-2.5", "true", "now-1d/d", "2021-01-01", "::1", "10.0.0.0/8"])
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.text(max_size=5)
)
OPTIONAL = {"missing": SCALARS}
METRICS = st.builds(
    lambda name, field, options: {name: {"field": field, **options}},
    st.sampled_from(["sum", "avg", "min", "max", "value_count", "cardinality", "percentiles"])
    | st.just("median_absolute_deviation"),
    NAMES,
    st.fixed_dictionaries({}, optional=OPTIONAL),
)
TERMS = st.fixed_dictionaries(
    {"field": NAMES},
    optional={
        **OPTIONAL,
        "size": st.integers(1, 3),
        "order": st.sampled_from([{"_key": "desc"}, {"m": "asc"}, {"m.50": "desc"}]),
        "include": st.lists(SCALARS, max_size=3),
        "exclude": st.lists(SCALARS, max_size=3),
    },
).map(lambda body: {"terms": body})
HISTOGRAMS = st.builds(
    lambda field, interval, options: {"date_histogram": {"field": field, **interval, **options}},
    NAMES,
    st.sampled_from(
        [{"calendar_interval": "month"}, {"fixed_interval": "7d"}, {"calendar_interval": "1d"}]
    ),
    st.fixed_dictionaries(
        {},
        optional={
            **OPTIONAL,
            "time_zone": st.sampled_from(["UTC", "+05:45", "Europe/Berlin", "nowhere"]),
            "offset": st.sampled_from(["-1h", "1d", 5]),
            "min_doc_count": st.integers(0, 2),
            "order": st.sampled_from([{"_key": "desc"}, {"_count": "asc"}, {"m": "asc"}]),
            "extended_bounds": st.fixed_dictionaries({"min": SCALARS, "max": SCALARS}),
        },
    ),
)
FILTERS = st.builds(lambda query: {"filter": query}, QUERIES) | st.builds(
    lambda queries, other: {"filters": {"filters": queries, "other_bucket": other}},
    st.lists(QUERIES, min_size=1, max_size=2),
    st.booleans(),
)


def _below(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda bucket, below: {**bucket, "aggs": below},
        TERMS | HISTOGRAMS | FILTERS,
        st.dictionaries(st.sampled_from(["m", "y"]), inner, max_size=2),
    )


AGGREGATIONS = st.recursive(METRICS | TERMS | HISTOGRAMS | FILTERS, _below, max_leaves=4)
SORTS = st.lists(
    st.builds(
        lambda field, order, missing, mode: {field: {"order": order, **missing, **mode}},
        NAMES | st.sampled_from(["_score", "_doc"]),
        st.sampled_from(["asc", "desc"]),
        st.fixed_dictionaries({}, optional={"missing": st.just("_first") | SCALARS}),
        st.fixed_dictionaries({}, optional={"mode": st.sampled_from(["min", "max"])}),
    ),
    max_size=2,
)
SEARCHES = st.fixed_dictionaries(
    {},
    optional={
        "query": QUERIES
        | st.builds(lambda f, v: {"term": {f: v}}, NAMES, SCALARS)
        | st.builds(lambda f, v, w: {"range": {f: {"gt": v, "lte": w}}}, NAMES, SCALARS, SCALARS)
        | st.builds(lambda f, v: {"match_phrase": {f: v}}, NAMES, SCALARS)
        | st.builds(lambda f, v: {"terms": {f: v}}, NAMES, st.lists(SCALARS, max_size=30)),
        "aggs": st.dictionaries(st.sampled_from("ab"), AGGREGATIONS, max_size=2),
        "sort": SORTS,
        "search_after": st.lists(SCALARS | st.none(), min_size=2, max_size=2),
        "_source": st.sampled_from([True, False, "a*"]),
    },
).map(lambda body: _aligned(body))


def _aligned(body: dict[str, Any]) -> dict[str, Any]:
    """As many values to search after as there are sort criteria."""
    after, sort = body.pop("search_after", []), body.get("sort", [])
    return {**body, "search_after": after[: len(sort)]} if after and sort else body


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table(FIELDS, DOCUMENTS)
    yield table
    table.close()


@settings(max_examples=200, deadline=None)
@given(SEARCHES)
def test_any_search_is_answered_or_refused(table: Table, body: dict[str, Any]) -> None:
    """No search that parses makes the database stumble, and every answer is JSON."""
    try:
        answer = search(table, parse_search(body), now_ms=1_633_392_680_364)
    except InvalidRequest:
        return
    assert orjson.loads(orjson.dumps(answer))["timed_out"] is False
