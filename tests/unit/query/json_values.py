"""Hypothesis strategies: any JSON at all, and JSON that is nearly a query."""

from __future__ import annotations

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats()
    | st.text(max_size=12)
)

JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)

QUERY_WORDS = st.sampled_from(
    [
        "match_all", "match_none", "bool", "term", "terms", "range", "exists", "wildcard", "prefix",
        "match", "match_phrase", "ids", "nested", "query_string", "simple_query_string", "must",
        "filter", "should", "must_not", "minimum_should_match", "adjust_pure_negative", "boost",
        "_name", "value", "values", "query", "field", "fields", "path", "gt", "gte", "lt", "lte",
        "from", "to", "include_lower", "include_upper", "format", "time_zone", "operator", "slop",
        "case_insensitive", "default_field", "default_operator", "lenient", "score_mode", "script",
    ]
)  # fmt: skip

AGGREGATION_WORDS = QUERY_WORDS | st.sampled_from(
    [
        "sum", "avg", "min", "max", "value_count", "cardinality", "median_absolute_deviation",
        "percentiles", "percents", "filters", "date_histogram", "fixed_interval", "offset", "aggs",
        "calendar_interval", "interval", "order", "size", "aggregations", "missing", "include",
        "min_doc_count", "extended_bounds", "keyed", "tdigest", "other_bucket_key", "_count",
    ]
)  # fmt: skip

SEARCH_WORDS = AGGREGATION_WORDS | st.sampled_from(
    ["sort", "_source", "track_total_hits", "search_after", "includes", "excludes", "version"]
)

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["1m", "month", "now-1d/d", "2", "75%", "-1", "3<90%", "a AND (b OR c:[1 TO 2]", "asc", "true"]
)


def near_misses(words: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    """JSON built from the words of the language, so that it gets past the first check."""
    leaves = SCALARS | TEXTS
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(words | TEXTS, inner, max_size=3)
        ),
        max_leaves=10,
    )
