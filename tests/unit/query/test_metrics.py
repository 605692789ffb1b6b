"""Feature metrics against Python's own arithmetic."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.query.fields import Field, FieldKind
from anomalyd.query.parse_aggregations import parse_feature
from anomalyd.query.to_sql_aggregations import compile_metric
from tests.unit.query.table import Table

FIELDS = (
    Field("n", "n", FieldKind.LONG),
    Field("x", "x", FieldKind.DOUBLE),
    Field("ns", "ns", FieldKind.LONG, multi=True),
    Field("xs", "xs", FieldKind.DOUBLE, multi=True),
)
EXPECTED: dict[str, Callable[[Sequence[float]], float | None]] = {
    "sum": math.fsum,
    "avg": lambda values: math.fsum(values) / len(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "value_count": len,
    "cardinality": lambda values: len(set(values)),
    "median_absolute_deviation": lambda values: (
        statistics.median([abs(one - statistics.median(values)) for one in values])
        if values
        else None
    ),
    "percentiles": lambda values: statistics.median(values) if values else None,
}
LONGS = st.integers(-(2**40), 2**40)
DOUBLES = st.floats(-1e9, 1e9, allow_nan=False).map(lambda one: one + 0.0)  # no minus zero


def _value(table: Table, name: str, field: str) -> float | None:
    body = {"field": field, **({"percents": [50]} if name == "percentiles" else {})}
    compiled = compile_metric(parse_feature({"f": {name: body}}), table.resolver, now_ms=0)
    sql = compiled.expression.sql(dialect="duckdb")
    return table.rows(f"SELECT {sql} FROM t", compiled.parameters)[0][0]  # type: ignore[return-value]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "n": LONGS,
                "x": DOUBLES,
                "ns": st.lists(LONGS, max_size=3),
                "xs": st.lists(DOUBLES, max_size=3),
            },
        ),
        max_size=12,
    )
)
def test_the_same_as_python(rows: list[dict[str, Any]]) -> None:
    """Every metric over every kind of field, with values absent and several at once."""
    table = Table(FIELDS, [{"_id": str(i), **row} for i, row in enumerate(rows)])
    for field in ("n", "x", "ns", "xs"):
        found = [row[field] for row in rows if field in row]
        values = [one for value in found for one in (value if field.endswith("s") else [value])]
        for name, expected in EXPECTED.items():
            answer, wanted = _value(table, name, field), expected(values)
            if wanted is None:
                assert answer is None
            else:
                assert answer == pytest.approx(wanted, rel=1e-12, abs=1e-6), (name, field)
    table.close()


def test_the_same_bits_in_any_order() -> None:
    """A sum or mean of doubles does not depend on how the rows are stored or shared out."""
    random = Random(7)
    values = [random.uniform(-1, 1) * 10 ** random.randint(-8, 8) for _ in range(2_000)]
    found = set()
    for _ in range(3):
        random.shuffle(values)
        table = Table(FIELDS, [])
        table.rows("INSERT INTO t (x) SELECT unnest($values)", {"values": values})
        found.add((_value(table, "sum", "x"), _value(table, "avg", "x")))
        table.close()
    assert len(found) == 1


def test_the_sum_of_an_unknown_field_is_absent() -> None:
    """Documents without a value sum to 0; a field that nobody knows has no sum."""
    table = Table(FIELDS, [{"_id": "1", "n": 1}])
    assert _value(table, "sum", "x") == 0.0
    assert _value(table, "sum", "misspelt") is None
    table.close()


def test_groups_are_computed_apart() -> None:
    """The expression works in a GROUP BY, beside others with other prefixes."""
    documents = [{"_id": str(i), "n": i, "x": i / 2} for i in range(10)]
    table = Table(FIELDS, documents)
    total = compile_metric(
        parse_feature({"a": {"sum": {"field": "x"}}}), table.resolver, now_ms=0, prefix="a"
    )
    large = compile_metric(
        parse_feature(
            {"b": {"filter": {"range": {"n": {"gte": 6}}}, "aggs": {"c": {"max": {"field": "n"}}}}}
        ),
        table.resolver,
        now_ms=0,
        prefix="b",
    )
    columns = ", ".join(one.expression.sql(dialect="duckdb") for one in (total, large))
    rows = table.rows(
        f"SELECT n % 2, {columns} FROM t GROUP BY 1 ORDER BY 1",
        {**total.parameters, **large.parameters},
    )
    assert rows == [(0, 10.0, 8.0), (1, 12.5, 9.0)]
    table.close()
