"""Words of texts: the same in Python and in the database."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from anomalyd.query.fields import FieldKind
from anomalyd.query.nodes import MatchPhrase
from anomalyd.query.sql import Parameters, Reached
from anomalyd.query.text_analysis import like_pattern, words, words_sql
from anomalyd.query.text_sql import TextConditions

WORDS = [
    ("The QUICK fox", ["the", "quick", "fox"]),
    ("test-detector_1", ["test", "detector_1"]),
    ("don't pay 3.14 at example.com.", ["don't", "pay", "3.14", "at", "example.com"]),
    ("a..b 'quoted' x'", ["a", "b", "quoted", "x"]),
    ("Größe ÉTÉ Ωμέγα", ["größe", "été", "ωμέγα"]),
    ("...", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_words(text: str, expected: list[str]) -> None:
    """Words are in lower case; hyphens and spaces part them, dots and apostrophes inside do not."""
    assert words(text) == expected


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


ALPHABET = "aZ09_ .'’-,;:/ÄßéıİΣςжЖ日本\n\t\u0301"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=ALPHABET, max_size=20))
def test_the_database_has_the_same_words(database: duckdb.DuckDBPyConnection, text: str) -> None:
    """Queries are cut into words in Python, documents in SQL: both by one rule."""
    sql = words_sql(exp.Placeholder(this="text")).sql(dialect="duckdb")
    assert database.execute(f"SELECT {sql}", {"text": text}).fetchall() == [(words(text),)]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab.'_ -ß", max_size=12), st.text(alphabet="ab.'_ß", max_size=4))
def test_patterns_find_the_words(database: duckdb.DuckDBPyConnection, text: str, word: str) -> None:
    """The patterns that stand for words find exactly the words that a text is cut into."""
    parameters = Parameters("p")
    texts = TextConditions(parameters)
    values = Reached(FieldKind.TEXT, parameters.bind(text), multi=False)
    phrase = MatchPhrase(field="t", query=f"{word} a")
    expected = [word in words(text), _follow([*words(word), "a"], words(text))]
    conditions = [texts.has_any(values, [word]), texts.match_phrase(values, phrase)]
    start = texts.starts_any(values, word)
    if start is not None:
        conditions.append(start)
        expected.append(any(one.startswith(word) for one in words(text)))
    query = parameters.query(exp.Select(expressions=conditions))
    sql = query.expression.sql(dialect="duckdb")
    assert list(database.execute(sql, dict(query.parameters)).fetchall()[0]) == expected


def _follow(wanted: list[str], there: list[str]) -> bool:
    return any(there[i : i + len(wanted)] == wanted for i in range(len(there)))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab%_\\*?", max_size=6), st.text(alphabet="ab%_\\*?", max_size=6))
def test_wildcards_as_like_patterns(
    database: duckdb.DuckDBPyConnection, pattern: str, text: str
) -> None:
    """A LIKE with the translated pattern matches what the wildcards mean."""
    found = database.execute(
        "SELECT like_escape($text, $pattern, '\\')",
        {"text": text, "pattern": like_pattern(pattern)},
    ).fetchall()
    assert found == [(_wildcard(pattern, text),)]


def _wildcard(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_wildcard(pattern[1:], text[i:]) for i in range(len(text) + 1))
    if pattern[0] == "?":
        return bool(text) and _wildcard(pattern[1:], text[1:])
    skip = 2 if pattern[0] == "\\" and len(pattern) > 1 else 1
    literal = pattern[skip - 1]
    return text[:1] == literal and _wildcard(pattern[skip:], text[1:])
