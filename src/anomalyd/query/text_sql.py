"""Conditions on the words of text fields.

Cutting a text into its words is dear (microseconds), finding one word in it with a regular
expression is a tenth of that; so only what cannot be said as one goes the long way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from anomalyd.errors import IllegalArgument
from anomalyd.query.minimum_should_match import required_matches
from anomalyd.query.nodes import Match, MatchPhrase
from anomalyd.query.shape import scalar_text
from anomalyd.query.sql import (
    Condition,
    Parameters,
    Reached,
    both,
    call,
    compare,
    counted,
    false,
    number,
    some,
    text,
    true,
)
from anomalyd.query.text_analysis import JOINERS, WORD_CHARACTERS, words, words_sql

MAX_WORDS = 1024
_LONGEST_PATTERN = 10_000
# before a word: no part of a word, and no joiner unless nothing that it could join precedes it
_BEFORE = rf"(?:^|[^{WORD_CHARACTERS}{JOINERS}]|(?:^|[^{WORD_CHARACTERS}])[{JOINERS}])"
_AFTER = rf"(?:$|[^{WORD_CHARACTERS}{JOINERS}]|[{JOINERS}](?:$|[^{WORD_CHARACTERS}]))"


class TextConditions:
    """Compiles conditions on one text field at a time.

    Args:
        parameters: receives the words and patterns.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    def has_any(self, values: Reached, wanted: Sequence[str]) -> exp.Expression:
        """Whether one of these words is there.

        Args:
            values: the field.
            wanted: in lower case; what is no single word is nowhere.
        """
        possible = [word for word in dict.fromkeys(wanted) if words(word) == [word]]
        if not possible:
            return false()
        escaped = "|".join(re.escape(word) for word in possible)
        if len(escaped) > _LONGEST_PATTERN:
            found = self.all_words(values)
            return call("list_has_any", found, self._parameters.bind_list(possible))
        return self._finds(values, f"{_BEFORE}(?:{escaped}){_AFTER}")

    def starts_any(self, values: Reached, start: str) -> exp.Expression | None:
        """Whether a word starts with this; None where a pattern cannot tell."""
        if words(start) != [start]:
            return None
        return self._finds(values, _BEFORE + re.escape(start))

    def match(self, values: Reached, query: Match) -> exp.Expression:
        """Whether the text has words of the query, as many as it asks for.

        Raises:
            IllegalArgument: the query has too many words.
        """
        wanted = self._wanted(query)
        if not wanted:
            return true() if query.zero_terms_query == "ALL" else false()
        if query.operator == "AND":
            return both([self.has_any(values, [word]) for word in dict.fromkeys(wanted)])
        least = 1
        if query.minimum_should_match is not None:
            least = max(1, required_matches(query.minimum_should_match, len(wanted)))
        if least == 1:
            return self.has_any(values, wanted)
        found = counted([self.has_any(values, [word]) for word in wanted])
        return compare(exp.GTE, found, number(min(least, MAX_WORDS + 1)))

    def match_phrase(self, values: Reached, query: MatchPhrase) -> exp.Expression:
        """Whether the text has the words in this order without others between.

        Raises:
            IllegalArgument: the query has too many words.
        """
        wanted = self._wanted(query)
        if not wanted:
            return true() if query.zero_terms_query == "ALL" else false()
        if len(wanted) == 1:
            return self.has_any(values, wanted)
        phrase = self._parameters.bind(f" {' '.join(wanted)} ")
        # most texts do not even have the letters
        letters = [self._parameters.bind(word) for word in dict.fromkeys(wanted)]

        def has_phrase(one: exp.Expression) -> exp.Expression:
            joined = call("array_to_string", words_sql(one.copy()), text(" "))
            padded = call("concat", text(" "), joined, text(" "))
            lowered = call("lower", one)
            return both(
                [
                    *(call("contains", lowered.copy(), word.copy()) for word in letters),
                    call("contains", padded, phrase.copy()),
                ]
            )

        return values.any(has_phrase)

    def any_word(self, values: Reached, condition: Condition) -> exp.Expression:
        """Whether a word meets the condition."""
        return some(self.all_words(values), condition, "__word__")

    def all_words(self, values: Reached) -> exp.Expression:
        """All words of the field's values as one list."""
        if not values.multi:
            return words_sql(values.expression.copy())
        each = exp.Lambda(
            this=words_sql(exp.column(exp.to_identifier("__text__"))),
            expressions=[exp.to_identifier("__text__")],
        )
        return call("flatten", call("list_transform", values.expression.copy(), each))

    def _finds(self, values: Reached, pattern: str) -> exp.Expression:
        bound = self._parameters.bind(pattern)
        return values.any(lambda one: call("regexp_matches", call("lower", one), bound.copy()))

    @staticmethod
    def _wanted(query: Match | MatchPhrase) -> list[str]:
        wanted = words(scalar_text(query.query))
        if len(wanted) > MAX_WORDS:
            raise IllegalArgument(f"too_many_clauses: maxClauseCount is set to {MAX_WORDS}")
        return wanted
