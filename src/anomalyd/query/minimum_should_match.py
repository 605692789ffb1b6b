"""``minimum_should_match``: how many of the optional clauses must match."""

from __future__ import annotations

import re

from anomalyd.errors import ParsingError

# int and percentages that Java's int could hold; nine digits keep arithmetic exact
_SIMPLE = re.compile(r"[+-]?\d{1,9}%?")


def required_matches(specification: str, clauses: int) -> int:
    """How many of ``clauses`` must match.

    ``2`` is a count, ``-1`` all but one, ``75%`` a share rounded down, ``-25%`` all but a share
    rounded down, ``3<90%`` means all up to three clauses and 90 % beyond; several of these,
    separated by spaces, are tried in turn. The answer may exceed ``clauses``: then nothing
    matches.

    Raises:
        ParsingError: the text is none of this.
    """
    text = re.sub(r"\s*<\s*", "<", specification.strip())
    if "<" not in text:
        return _simple(text, clauses)
    result = clauses
    for condition in text.split():
        bound, separator, value = condition.partition("<")
        if not separator or not _SIMPLE.fullmatch(bound) or bound.endswith("%"):
            raise _refused(specification)
        beyond = _simple(value, clauses)
        if clauses <= int(bound):
            return result
        result = beyond
    return result


def check(specification: str) -> str:
    """The text itself.

    Raises:
        ParsingError: it is no ``minimum_should_match``.
    """
    required_matches(specification, 2**31)  # large: reads every condition
    return specification


def _simple(text: str, clauses: int) -> int:
    if not _SIMPLE.fullmatch(text):
        raise _refused(text)
    if text.endswith("%"):
        # truncated towards zero, so that -25% of 3 clauses takes none away
        share = abs(int(text[:-1])) * clauses // 100
        count = -share if text.startswith("-") else share
    else:
        count = int(text)
    return max(0, clauses + count if text.startswith("-") else count)


def _refused(text: str) -> ParsingError:
    return ParsingError(f'failed to parse [minimum_should_match]: For input string: "{text[:64]}"')
