"""Lucene's query language, as ``query_string`` has it, to nodes.

Known: words, ``"phrases"``, ``field:word``, ``field:(a OR b)``, ``AND OR NOT && || ! + -``,
parentheses, ``*`` and ``?``, ``field:[a TO b}``, ``field:>=5``, ``field:*``, ``_exists_:field``,
``*:*``, ``^boost`` and backslash escapes. Refused by name: ``/regular expressions/`` and
``fuzzy~`` words. As in Lucene, ``a AND b OR c`` requires a and b and leaves c optional.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from anomalyd.errors import ParsingError
from anomalyd.query.nodes import (
    Bool,
    Exists,
    Match,
    MatchAll,
    MatchNone,
    MatchPhrase,
    Prefix,
    Query,
    Range,
    Scalar,
    Wildcard,
)
from anomalyd.query.shape import MAX_DEPTH

NEUTRAL_OPTIONS: Mapping[str, tuple[Scalar, ...]] = {
    "type": ("best_fields",),
    "analyze_wildcard": (False, True),
    "allow_leading_wildcard": (True,),
    "max_determinized_states": (10_000,),
    "enable_position_increments": (True,),
    "fuzziness": ("AUTO",),
    "fuzzy_prefix_length": (0,),
    "fuzzy_max_expansions": (50,),
    "phrase_slop": (0,),
    "escape": (False,),
    "auto_generate_synonyms_phrase_query": (True, False),
    "fuzzy_transpositions": (True,),
}
"""Options that are accepted with these values only, since no other would have its effect."""

MakeLeaf = Callable[[str], Query]
Expand = Callable[[str | None, MakeLeaf], Query]
"""Makes the query for the named field or, for None, for the fields that are searched by default."""

MAX_CLAUSES = 1024

_ESCAPED = r"\\."
_START = r"[^\s+\-!():^\[\]\"{}~\\/]"
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<phrase>"(?:[^"\\]|{_ESCAPED})*")(?P<slop>~\d*(?:\.\d+)?)?
    | (?P<range>[\[{{]\s*(?P<low>"(?:[^"\\]|{_ESCAPED})*"|[^\s\]}}]+)\s+(?:TO\s+)?
        (?P<high>"(?:[^"\\]|{_ESCAPED})*"|[^\s\]}}]+)\s*[\]}}])
    | (?P<conjunction>(?:&&|\|\|)(?=[\s(+\-!"]|$))
    | (?P<word>(?:{_START}|{_ESCAPED})(?:{_START}|{_ESCAPED}|[-+])*)(?P<fuzzy>~\d*(?:\.\d+)?)?
    | (?P<boost>\^\d+(?:\.\d+)?)
    | (?P<regexp>/(?:[^/\\]|{_ESCAPED})*/)
    | (?P<symbol>[-+!():])
    )""",
    re.VERBOSE | re.DOTALL,
)
_END = re.compile(r"\s*\Z")
_CONJUNCTIONS = {"AND": "and", "&&": "and", "OR": "or", "||": "or"}
_COMPARISON = re.compile(r"(>=|<=|>|<)(.+)", re.DOTALL)


def check(text: str) -> None:
    """Makes sure that the text can be parsed.

    Raises:
        ParsingError: it cannot.
    """
    parse_text(text, "or", lambda name, make: make(name or "_"))


def parse_text(
    text: str, default_operator: str, expand: Expand, time_zone: str | None = None
) -> Query:
    """The query that the text stands for.

    Args:
        text: in Lucene's language.
        default_operator: ``or`` or ``and``.
        expand: turns a field name, or none, into a query over fields.
        time_zone: for dates in ranges.

    Raises:
        ParsingError: ``Failed to parse query [...]``, or a named part that is not supported.
    """
    parser = _Parser(text, default_operator, expand, time_zone)
    query = parser.group(None, 0)
    if parser.kind:
        raise parser.failed()
    return query


@dataclass
class _Clauses:
    """The clauses of one group, joined by Lucene's rules."""

    default_operator: str
    items: list[tuple[str, Query]] = field(default_factory=list)

    def add(self, conjunction: str | None, modifier: str | None, query: Query) -> None:
        """Appends a clause; an operator between two clauses also changes the one before."""
        if self.items and conjunction is not None:
            occur, before = self.items[-1]
            if conjunction == "and" and occur == "should":
                self.items[-1] = ("must", before)
            elif conjunction == "or" and self.default_operator == "and" and occur == "must":
                self.items[-1] = ("should", before)
        if modifier == "not":
            occur = "must_not"
        elif (
            modifier == "required"
            or conjunction == "and"
            or (self.default_operator == "and" and conjunction != "or")
        ):
            occur = "must"
        else:
            occur = "should"
        self.items.append((occur, query))

    def query(self) -> Query:
        """The clauses as one query."""
        if len(self.items) == 1 and self.items[0][0] != "must_not":
            return self.items[0][1]
        return Bool(must=self._of("must"), should=self._of("should"), must_not=self._of("must_not"))

    def _of(self, wanted: str) -> tuple[Query, ...]:
        return tuple(query for occur, query in self.items if occur == wanted)


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(
        self, text: str, default_operator: str, expand: Expand, time_zone: str | None
    ) -> None:
        self._text = text
        self._default_operator = default_operator
        self._expand = expand
        self._time_zone = time_zone
        self._position = 0
        self._clauses = 0
        self.kind = ""
        self._match: re.Match[str] | None = None
        self._advance()

    def failed(self) -> ParsingError:
        """The error for a text that has another form."""
        return ParsingError(f"Failed to parse query [{self._text[:256]}]")

    def group(self, field_name: str | None, depth: int) -> Query:
        """Clauses up to a closing parenthesis or the end."""
        if depth > MAX_DEPTH:
            raise self.failed()
        clauses = _Clauses(self._default_operator)
        while self.kind and not self._is_symbol(")"):
            conjunction = self._conjunction()
            if conjunction is not None and not clauses.items:
                raise self.failed()
            modifier = self._modifier()
            clauses.add(conjunction, modifier, self._clause(field_name, depth))
            self._clauses += 1
            if self._clauses > MAX_CLAUSES:
                raise ParsingError(f"too_many_clauses: maxClauseCount is set to {MAX_CLAUSES}")
        if not clauses.items:
            if depth == 0 and not self.kind:
                # an empty text matches nothing, an empty pair of parentheses is an error
                return MatchNone()
            raise self.failed()
        return clauses.query()

    def _clause(self, field_name: str | None, depth: int) -> Query:
        if self.kind == "word" and self._text[self._position : self._position + 1] == ":":
            field_name = _unescape(self._value("word"))
            if self._has("fuzzy"):
                raise self.failed()
            self._advance()
            self._advance()
        if self._is_symbol("("):
            self._advance()
            query = self.group(field_name, depth + 1)
            if not self._is_symbol(")"):
                raise self.failed()
        else:
            query = self._leaf(field_name)
        self._advance()
        if self.kind == "boost":
            query = replace(query, boost=float(self._value("boost")[1:]))
            self._advance()
        return query

    def _leaf(self, field_name: str | None) -> Query:
        if self.kind == "phrase":
            if self._has("slop") and self._value("slop") not in ("~", "~0"):
                raise ParsingError("[query_string] does not support the slop of a phrase [~]")
            text = _unescape(self._value("phrase")[1:-1])
            if field_name == "_exists_":
                return Exists(field=text)
            return self._expand(field_name, lambda name: MatchPhrase(field=name, query=text))
        if self.kind == "range":
            return self._range(field_name)
        if self.kind == "regexp":
            raise ParsingError("[query_string] does not support regular expressions [/.../]")
        if self.kind != "word":
            raise self.failed()
        if self._has("fuzzy"):
            raise ParsingError("[query_string] does not support fuzzy words [~]")
        return self._word(field_name, self._value("word"))

    def _word(self, field_name: str | None, word: str) -> Query:
        if field_name == "_exists_":
            return Exists(field=_unescape(word))
        if word == "*":
            return self._everything(field_name)
        comparison = _COMPARISON.fullmatch(word)
        if comparison is not None:
            return self._comparison(field_name, comparison[1], _unescape(comparison[2]))
        if _has_wildcard(word):
            body = word[:-1]
            if word.endswith("*") and not _has_wildcard(body) and not body.endswith("\\"):
                text = _unescape(body)
                return self._expand(field_name, lambda name: Prefix(field=name, value=text))
            return self._expand(field_name, lambda name: Wildcard(field=name, pattern=word))
        text = _unescape(word)
        operator = self._default_operator.upper()
        return self._expand(
            field_name, lambda name: Match(field=name, query=text, operator=operator)
        )

    def _everything(self, field_name: str | None) -> Query:
        if field_name in (None, "*"):
            return MatchAll()
        return self._expand(field_name, lambda name: Exists(field=name))

    def _comparison(self, field_name: str | None, operator: str, text: str) -> Query:
        lower = text if operator.startswith(">") else None
        upper = text if operator.startswith("<") else None
        return self._bounds(field_name, lower, upper, operator != ">", operator != "<")

    def _range(self, field_name: str | None) -> Query:
        text = self._value("range")
        return self._bounds(
            field_name,
            _bound(self._value("low")),
            _bound(self._value("high")),
            text.startswith("["),
            text.endswith("]"),
        )

    def _bounds(
        self,
        field_name: str | None,
        lower: str | None,
        upper: str | None,
        include_lower: bool,
        include_upper: bool,
    ) -> Query:
        return self._expand(
            field_name,
            lambda name: Range(
                field=name,
                lower=lower,
                upper=upper,
                include_lower=include_lower,
                include_upper=include_upper,
                time_zone=self._time_zone,
            ),
        )

    def _conjunction(self) -> str | None:
        word = self._operator_word()
        if word not in _CONJUNCTIONS:
            return None
        self._advance()
        return _CONJUNCTIONS[word]

    def _modifier(self) -> str | None:
        if self._is_symbol("+"):
            modifier = "required"
        elif self._is_symbol("-") or self._is_symbol("!") or self._operator_word() == "NOT":
            modifier = "not"
        else:
            return None
        self._advance()
        return modifier

    def _operator_word(self) -> str:
        """The token if it may be an operator written as a word, else nothing."""
        if self.kind == "conjunction" or (self.kind == "word" and not self._has("fuzzy")):
            return self._value(self.kind)
        return ""

    def _is_symbol(self, symbol: str) -> bool:
        return self.kind == "symbol" and self._value("symbol") == symbol

    def _has(self, group: str) -> bool:
        return self._match is not None and self._match[group] is not None

    def _value(self, group: str) -> str:
        return "" if self._match is None else self._match[group]

    def _advance(self) -> None:
        """Reads the next token; ``kind`` is empty at the end of the text."""
        if _END.match(self._text, self._position):
            self.kind, self._match = "", None
            return
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            raise self.failed()
        self._match = match
        self._position = match.end()
        self.kind = next(kind for kind in _KINDS if match[kind] is not None)


_KINDS = ("phrase", "range", "conjunction", "word", "boost", "regexp", "symbol")


def _bound(text: str) -> str | None:
    if text == "*":
        return None
    return _unescape(text[1:-1] if text.startswith('"') else text)


def _unescape(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})|\\(.)", _escaped_character, text, flags=re.DOTALL)


def _escaped_character(match: re.Match[str]) -> str:
    if match[2] is not None:
        return match[2]
    character = chr(int(match[1], 16))
    # half of a surrogate pair is no character
    return "\ufffd" if "\ud800" <= character <= "\udfff" else character


def _has_wildcard(word: str) -> bool:
    return re.search(r"(?<!\\)(?:\\\\)*[*?]", word) is not None
