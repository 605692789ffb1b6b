"""Statements are remembered by their shape."""

import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.query.written import written

NAMES = st.sampled_from(["a", "A", "b", '"a"', '"A"', "$p0", "$p1", "1", "'a'", "'A'", "NULL"])
OPERATORS = st.sampled_from(["=", "<", "<=", "AND", "OR", "IS DISTINCT FROM"])
CONDITIONS = st.recursive(
    NAMES,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("(NOT {})".format, inner),
        st.builds("f({}, {})".format, inner, inner),
    ),
    max_leaves=8,
)
ORDERS = st.sampled_from(["", " ORDER BY a", " ORDER BY a DESC", " ORDER BY a DESC NULLS FIRST"])


@given(CONDITIONS, ORDERS, st.integers(1, 3))
def test_a_remembered_text_is_the_one_that_sqlglot_writes(condition, order, limit):
    """Whatever was written before: case, quotes, operators, orders and limits tell trees apart."""
    sql = f"SELECT a FROM t WHERE {condition}{order} LIMIT {limit}"
    plain = sqlglot.parse_one(sql, dialect="duckdb").sql(dialect="duckdb")
    for _ in range(2):
        text, names = written(sqlglot.parse_one(sql, dialect="duckdb"))
        assert text == plain
        assert names == {name for name in ("p0", "p1") if f"${name}" in sql}
