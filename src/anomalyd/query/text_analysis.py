"""Words of texts, in Python for queries and in SQL for documents, by the same rule.

The rule is a plain version of Elasticsearch's standard analyser: a word is a run of letters,
digits, marks and underscores, in lower case; ``.``, ``'`` and ``’`` between two of them join
(``don't``, ``3.14``, ``example.com``). Not done: splitting Chinese, Japanese and Thai into words or
characters, and the 255 character limit.
"""

from __future__ import annotations

import unicodedata

from sqlglot import exp

from anomalyd.query.sql import call, text

# in the syntax of DuckDB's regular expressions (RE2), inside brackets
WORD_CHARACTERS = r"\p{L}\p{N}\p{M}_"
JOINERS = "'.’"
_WORD_SQL = f"[{WORD_CHARACTERS}]+(?:[{JOINERS}][{WORD_CHARACTERS}]+)*"


def words(value: str) -> list[str]:
    """The words of a text, in order, in lower case."""
    found: list[str] = []
    current = ""
    for character in lower(value):
        is_part = character == "_" or unicodedata.category(character)[0] in "LNM"
        joins = current != "" and character in JOINERS and current[-1] not in JOINERS
        if is_part or joins:
            current += character
        else:
            found.append(current)
            current = ""
    found.append(current)
    # a joiner counts only between two parts
    return [word for one in found if (word := one.rstrip(JOINERS))]


def lower(value: str) -> str:
    """The text in lower case as DuckDB has it: one character for each, whatever stands around."""
    return "".join(character.lower()[0] for character in value)


def words_sql(value: exp.Expression) -> exp.Expression:
    """The list of words of a VARCHAR expression."""
    return call("regexp_extract_all", call("lower", value), text(_WORD_SQL))


def like_pattern(pattern: str) -> str:
    """A wildcard pattern as a LIKE pattern with the escape character ``\\``."""
    out = []
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            out.append("%")
        elif character == "?":
            out.append("_")
        else:
            literal = next(characters, "\\") if character == "\\" else character
            out.append("\\" + literal if literal in "%_\\" else literal)
    return "".join(out)
