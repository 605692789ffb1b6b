"""The language of search boxes, as ``simple_query_string`` has it, to nodes.

``+`` and, ``|`` or, ``-`` not, ``"a phrase"``, ``prefix*``, parentheses, backslash escapes. A text
that makes no sense is read as far as it does, never refused; only ``fuzzy~1`` words and phrases
with a distance are, since ignoring the number would silently change what is found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from anomalyd.errors import ParsingError
from anomalyd.query.nodes import (
    Bool,
    Match,
    MatchAll,
    MatchNone,
    MatchPhrase,
    Prefix,
    Query,
    Scalar,
)
from anomalyd.query.query_string import MAX_CLAUSES, Expand
from anomalyd.query.shape import MAX_DEPTH

NEUTRAL_OPTIONS: Mapping[str, tuple[Scalar, ...]] = {
    "flags": (-1, "ALL"),
    "analyze_wildcard": (False, True),
    "auto_generate_synonyms_phrase_query": (True, False),
    "fuzzy_prefix_length": (0,),
    "fuzzy_max_expansions": (50,),
    "fuzzy_transpositions": (True,),
}
"""Options that are accepted with these values only, since no other would have its effect."""

_WORD = re.compile(r'(?:[^\s"|+()\\]|\\.|\\\Z)+', re.DOTALL)
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_FUZZY = re.compile(r"(?<!\\)~\d*\Z")
_DISTANCE = re.compile(r"~\d+")


def check(text: str) -> None:
    """Makes sure that the text has nothing that would be ignored.

    Raises:
        ParsingError: fuzzy words, too many clauses, parentheses too deep.
    """
    parse_text(text, "or", lambda name, make: make(name or "_"))


def parse_text(text: str, default_operator: str, expand: Expand) -> Query:
    """The query that the text stands for.

    Args:
        text: in the simple language.
        default_operator: ``or`` or ``and``, between words without an operator.
        expand: turns no field name into a query over the fields to search.

    Raises:
        ParsingError: see ``check``.
    """
    return _Parser(text, default_operator, expand).group(0)[0]


class _Group:
    """Clauses joined from left to right; a change of operator wraps what came before."""

    def __init__(self, default_operator: str) -> None:
        self._default_operator = default_operator
        self._joined_by: str | None = None
        self._clauses: list[Query] = []
        self.operator: str | None = None
        self.negations = 0

    def operate(self, operator: str) -> None:
        """Remembers an operator; it counts only after a clause, and only the first of several."""
        if self.operator is None and self._clauses:
            self.operator = operator

    def add(self, clause: Query) -> None:
        """Appends a clause with the operator and the negations before it."""
        if self.negations % 2:
            clause = Bool(must_not=(clause,), should=(MatchAll(),))
        self.negations = 0
        if self._clauses:
            operator = self.operator or self._default_operator
            if len(self._clauses) > 1 and operator != self._joined_by:
                self._clauses = [self.query()]
            self._joined_by = operator
        self._clauses.append(clause)
        self.operator = None

    def query(self) -> Query:
        """All clauses as one query."""
        if not self._clauses:
            return MatchNone()
        if len(self._clauses) == 1:
            return self._clauses[0]
        clauses = tuple(self._clauses)
        return Bool(must=clauses) if self._joined_by == "and" else Bool(should=clauses)

    @property
    def empty(self) -> bool:
        """Whether there is no clause."""
        return not self._clauses


class _Parser:
    """One pass over the characters."""

    def __init__(self, text: str, default_operator: str, expand: Expand) -> None:
        self._text = text
        self._default_operator = default_operator
        self._expand = expand
        self._position = 0
        self._count = 0

    def group(self, depth: int) -> tuple[Query, bool]:
        """Clauses up to the closing parenthesis or the end, and whether there were any."""
        if depth > MAX_DEPTH:
            raise ParsingError(f"query is nested more than [{MAX_DEPTH}] levels deep")
        group = _Group(self._default_operator)
        while self._position < len(self._text):
            character = self._text[self._position]
            if character == ")":
                self._position += 1
                if depth:
                    break
            elif character == "(":
                self._position += 1
                inner, found = self.group(depth + 1)
                if found:
                    group.add(inner)
            elif character in "+|":
                self._position += 1
                group.operate("and" if character == "+" else "or")
            elif character == "-":
                self._position += 1
                group.negations += 1
            elif character.isspace():
                self._position += 1
            else:
                self._leaf(group, character)
        return group.query(), not group.empty

    def _leaf(self, group: _Group, character: str) -> None:
        phrase = _PHRASE.match(self._text, self._position) if character == '"' else None
        if phrase is not None:
            self._position = phrase.end()
            if _DISTANCE.match(self._text, self._position):
                raise ParsingError("[simple_query_string] does not support phrases with a slop [~]")
            text = _unescape(phrase[1])
            self._add(group, self._expand(None, lambda name: MatchPhrase(field=name, query=text)))
            return
        word = _WORD.match(self._text, self._position)
        if word is None:  # a quotation mark that is never closed
            self._position += 1
            return
        self._position = word.end()
        self._word(group, word[0])

    def _word(self, group: _Group, word: str) -> None:
        if _FUZZY.search(word) and len(word) > 1:
            raise ParsingError("[simple_query_string] does not support fuzzy words [~]")
        if word == "*":
            self._add(group, MatchAll())
            return
        if word.endswith("*") and not word.endswith("\\*"):
            text = _unescape(word[:-1])
            self._add(group, self._expand(None, lambda name: Prefix(field=name, value=text)))
            return
        text = _unescape(word)
        operator = self._default_operator.upper()
        self._add(
            group,
            self._expand(None, lambda name: Match(field=name, query=text, operator=operator)),
        )

    def _add(self, group: _Group, clause: Query) -> None:
        self._count += 1
        if self._count > MAX_CLAUSES:
            raise ParsingError(f"too_many_clauses: maxClauseCount is set to {MAX_CLAUSES}")
        group.add(clause)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
