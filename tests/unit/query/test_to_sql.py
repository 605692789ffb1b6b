"""Queries compiled to SQL: what a plain evaluator finds, and no value in the text."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anomalyd.errors import InvalidRequest
from anomalyd.query.fields import Field, FieldKind
from anomalyd.query.parse import parse_query
from anomalyd.query.to_sql import compile_query
from tests.unit.query.oracle import FIELDS, Misfit, matches
from tests.unit.query.queries import QUERIES
from tests.unit.query.table import Fields, Table

_TEXTS = ("a", "b", "ab", "3", "true", "", "red fox", "Red dog, red")


def _documents() -> list[dict[str, Any]]:
    """Documents with many combinations of present, absent and multiple values; always the same."""
    random = Random(20211004)
    documents = []
    for number in range(80):
        names = random.choices(["a", "b", "3", None], k=random.randrange(4))
        values: dict[str, Any] = {
            "k": random.choice(_TEXTS),
            "n": random.randint(-5, 5),
            "x": random.choice([0.0, 0.5, 2.5, -1.0]),
            "b": random.choice([True, False]),
            "t": random.choice(_TEXTS),
            "tags": random.choices([*_TEXTS, None], k=random.randrange(4)),
            "scores": random.choices([*range(-5, 6), None], k=random.randrange(4)),
            "entity.name": names,
            "entity.value": random.sample(names, len(names)),
        }
        kept = {key: value for key, value in values.items() if "." in key or random.random() < 0.8}
        documents.append({"_id": str(number + 1), **kept})
    return documents


DOCUMENTS = _documents()


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table(FIELDS, DOCUMENTS)
    yield table
    table.close()


@settings(max_examples=400, deadline=None)
@given(QUERIES)
def test_finds_what_a_plain_evaluator_finds(table: Table, body: dict[str, Any]) -> None:
    """The SQL of a query selects exactly the documents that match by the rules."""
    assume("query_string" not in str(body))
    query = parse_query(body)
    try:
        expected = {one["_id"] for one in DOCUMENTS if matches(query, one)}
    except Misfit:
        with pytest.raises(InvalidRequest):
            compile_query(query, table.resolver, now_ms=0)
        return
    compiled = compile_query(query, table.resolver, now_ms=0)
    sql = compiled.expression.sql(dialect="duckdb")
    found = table.rows(f"SELECT _id FROM t WHERE {sql}", compiled.parameters)
    assert {one for (one,) in found} == expected


MARK = "zq\"'`;--)$p0"
KINDS = tuple(Field(f"{kind.value}_{MARK}", f"c{i}", kind) for i, kind in enumerate(FieldKind))
INJECTIONS = [
    {"term": {"keyword_FIELD": MARK}},
    {"terms": {"keyword_FIELD": [MARK, MARK + "2"]}},
    {"terms": {"keyword_FIELD": [f"{MARK}{i}" for i in range(200)]}},
    {"range": {"keyword_FIELD": {"gt": MARK, "lt": MARK}}},
    {"range": {"text_FIELD": {"gt": MARK}}},
    {"wildcard": {"keyword_FIELD": f"*{MARK}?"}},
    {"prefix": {"keyword_FIELD": MARK}},
    {"match": {"text_FIELD": MARK}},
    {"match_phrase": {"text_FIELD": MARK}},
    {"ids": {"values": [MARK]}},
    {"query_string": {"query": 'zq\\"\\;\\-\\-'}},
    {"query_string": {"query": "zqx", "fields": ["*"]}},
    {"simple_query_string": {"query": MARK}},
    {"term": {MARK: MARK}},
    {"exists": {"field": MARK}},
    {"nested": {"path": MARK, "query": {"match_all": {}}, "ignore_unmapped": True}},
]


@pytest.mark.parametrize("body", INJECTIONS, ids=lambda one: next(iter(one)))
def test_no_value_and_no_field_name_becomes_sql_text(body: dict[str, Any]) -> None:
    """Values are parameters, and a field's column is what the resolver says, not its path."""
    name, inner = next(iter(body.items()))
    replaced = {
        key.replace("FIELD", MARK) if isinstance(key, str) else key: value
        for key, value in inner.items()
    }
    table = Table(KINDS, [{"_id": "1"}])
    compiled = compile_query(parse_query({name: replaced}), table.resolver, now_ms=0)
    sql = compiled.expression.sql(dialect="duckdb")
    assert "zq" not in sql
    assert table.rows(f"SELECT _id FROM t WHERE {sql}", compiled.parameters) == []
    table.close()


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=3, max_size=20), st.sampled_from(["term", "match", "prefix", "wildcard"]))
def test_any_text_runs(table: Table, value: str, name: str) -> None:
    """No text breaks the statement."""
    for field in ("k", "t", "tags"):
        compiled = compile_query(parse_query({name: {field: value}}), table.resolver, now_ms=0)
        sql = compiled.expression.sql(dialect="duckdb")
        found = table.rows(f"SELECT _id FROM t WHERE {sql}", compiled.parameters)
        assert len(found) <= len(DOCUMENTS)


def test_a_column_name_is_quoted() -> None:
    """Whatever the resolver calls a column, it is one identifier."""
    fields = Fields([Field("f", 'a"b; DROP', FieldKind.LONG)])
    compiled = compile_query(parse_query({"term": {"f": 1}}), fields, now_ms=0)
    assert '"a""b; DROP"' in compiled.expression.sql(dialect="duckdb")


def test_prefixes_keep_statements_apart() -> None:
    """Two expressions with different prefixes share no placeholder."""
    fields = Fields([Field("n", "n", FieldKind.LONG)])
    node = parse_query({"range": {"n": {"gte": 1, "lt": 5}}})
    first = compile_query(node, fields, now_ms=0, prefix="a")
    second = compile_query(node, fields, now_ms=0, prefix="b")
    assert not first.parameters.keys() & second.parameters.keys()


def test_the_widest_query_runs() -> None:
    """As many clauses as are allowed, and as deep as is allowed, are no trouble to the database."""
    table = Table((Field("n", "n", FieldKind.LONG),), [{"_id": "1", "n": 1}])
    clauses = [{"term": {"n": i % 3}} for i in range(1024)]
    wide = {"bool": {"should": clauses, "minimum_should_match": 300}}
    deep: dict[str, Any] = {"term": {"n": 1}}
    for _ in range(64):
        deep = {"bool": {"must_not": [deep]}}
    for body in (wide, deep):
        compiled = compile_query(parse_query(body), table.resolver, now_ms=0)
        sql = compiled.expression.sql(dialect="duckdb")
        assert len(table.rows(f"SELECT _id FROM t WHERE {sql}", compiled.parameters)) == 1
    table.close()
