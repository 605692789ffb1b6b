"""Names and patterns of indices."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.embedded.names import check_name, expand
from anomalyd.errors import AnomalydError, IndexNameInvalid, IndexNotFound

NAMES = ["logs-1", "logs-2", "metrics", ".hidden-1"]


@pytest.mark.parametrize(
    ("patterns", "meant"),
    [
        (["logs-1"], ("logs-1",)),
        (["logs-*"], ("logs-1", "logs-2")),
        (["*"], ("logs-1", "logs-2", "metrics")),
        (["_all"], ("logs-1", "logs-2", "metrics")),
        (["metrics,logs-1"], ("logs-1", "metrics")),
        ([".hidden*"], (".hidden-1",)),
        ([".hidden-1"], (".hidden-1",)),
        (["*", "-logs-1"], ("logs-2", "metrics")),
        (["*-1"], ("logs-1",)),
        (["nothing*"], ()),
        ([], ()),
    ],
)
def test_patterns_mean_these_indices(patterns, meant):
    """Hidden ones only by their own name or a pattern with the dot."""
    assert expand(patterns, NAMES) == meant


def test_a_name_that_is_not_there_is_an_error():
    """Also beside others that are."""
    with pytest.raises(IndexNotFound, match=r"no such index \[nope\]"):
        expand(["logs-1,nope"], NAMES)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Logs", "must be lowercase"),
        ("", "must not be empty"),
        ("..", "must not be empty"),
        ("a b", "must not contain"),
        ("a\n", "must not contain"),
        ("a,b", "must not contain"),
        ("_a", "must not start with"),
        ("-a", "must not start with"),
        ("a" * 256, "too long"),
    ],
)
def test_names_that_cannot_be(name, problem):
    """Elasticsearch's own rules."""
    with pytest.raises(IndexNameInvalid, match=problem):
        check_name(name)


def test_names_that_can_be():
    """The names of the system's indices among them."""
    for name in (".searchguard-ad-results-history-2026.11.22-1", "a", "x.y-z_1", "é"):
        check_name(name)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_pattern_gives_names_or_one_of_our_errors(patterns):
    """Whatever the text is, regular-expression characters included."""
    with contextlib.suppress(AnomalydError):
        assert set(expand(patterns, NAMES)) <= set(NAMES)
