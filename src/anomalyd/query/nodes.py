"""The queries that anomalyd understands, as frozen values.

A node says what a query means with every default filled in, the way Elasticsearch's own builders
do, so that two spellings of one query are equal nodes. ``parse`` makes them from JSON, ``render``
turns them back into JSON, ``to_sql`` compiles them.

Nodes hold the values of the request untouched (a date stays the text that the caller wrote):
what a value means depends on the field that it meets, which only the compiler knows.
"""

from __future__ import annotations

from dataclasses import dataclass

Scalar = str | int | float | bool
"""A JSON value that can be compared with the value of a field."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What all queries have.

    Attributes:
        boost: factor of the score, at least 0. Scores here are constant, so it only shows there.
        name: ``_name`` of the request, echoed and otherwise without effect.
    """

    boost: float = 1.0
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class MatchAll(Query):
    """Every document."""


@dataclass(frozen=True, kw_only=True)
class MatchNone(Query):
    """No document."""


@dataclass(frozen=True, kw_only=True)
class Bool(Query):
    """Queries combined.

    Attributes:
        must, filter: all of these match (``filter`` without a score).
        must_not: none of these matches.
        should: as many of these match as ``minimum_should_match`` says; without it at least one
            where there is no ``must`` and no ``filter``, else any number.
        minimum_should_match: ``"2"``, ``"-1"``, ``"75%"``, ``"-25%"`` or ``"3<90% 9<-2"``.
        adjust_pure_negative: a bool with nothing but ``must_not`` matches all other documents
            (true) or nothing (false).
    """

    must: tuple[Query, ...] = ()
    filter: tuple[Query, ...] = ()
    must_not: tuple[Query, ...] = ()
    should: tuple[Query, ...] = ()
    minimum_should_match: str | None = None
    adjust_pure_negative: bool = True


@dataclass(frozen=True, kw_only=True)
class Term(Query):
    """The field has this value."""

    field: str
    value: Scalar
    case_insensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class Terms(Query):
    """The field has one of these values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, kw_only=True)
class Range(Query):
    """The field has a value between two bounds.

    Attributes:
        lower, upper: the bounds; None is unbounded. Dates may use date math (``now-1d/d``).
        format: how dates are written (``yyyy-MM-dd||epoch_millis``); None takes the field's own.
        time_zone: of dates without one: an offset (``+01:00``) or a name (``Europe/Berlin``).
        relation: for range fields, which anomalyd has none of; kept for the echo.
    """

    field: str
    lower: Scalar | None = None
    upper: Scalar | None = None
    include_lower: bool = True
    include_upper: bool = True
    format: str | None = None
    time_zone: str | None = None
    relation: str | None = None


@dataclass(frozen=True, kw_only=True)
class Exists(Query):
    """The field, or a field below it, has any value."""

    field: str


@dataclass(frozen=True, kw_only=True)
class Wildcard(Query):
    """The field has a value of this pattern: ``*`` any characters, ``?`` one, ``\\`` escapes."""

    field: str
    pattern: str
    case_insensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class Prefix(Query):
    """The field has a value that starts with this text."""

    field: str
    value: str
    case_insensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class Match(Query):
    """The field has words of this text; on fields that are not text, this value.

    Attributes:
        operator: ``OR`` (any word) or ``AND`` (all words).
        minimum_should_match: how many words with ``OR``; spelled as in ``Bool``.
        zero_terms_query: what a text without words matches, ``NONE`` or ``ALL``.
        lenient: a value that does not fit the field matches nothing instead of being refused.
        prefix_length, max_expansions, fuzzy_transpositions, synonyms: settings of fuzzy and
            synonym matching, which anomalyd does not do; kept for the echo.
    """

    field: str
    query: Scalar
    operator: str = "OR"
    minimum_should_match: str | None = None
    zero_terms_query: str = "NONE"
    lenient: bool = False
    prefix_length: int = 0
    max_expansions: int = 50
    fuzzy_transpositions: bool = True
    synonyms: bool = True


@dataclass(frozen=True, kw_only=True)
class MatchPhrase(Query):
    """The field has the words of this text one after another."""

    field: str
    query: Scalar
    zero_terms_query: str = "NONE"


@dataclass(frozen=True, kw_only=True)
class Ids(Query):
    """The document has one of these ids."""

    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Nested(Query):
    """One and the same object of the array at ``path`` matches the query.

    Attributes:
        query: names its fields in full (``entity.value``).
        ignore_unmapped: an unknown path matches nothing instead of being refused.
        score_mode: ``avg``, ``max``, ``min``, ``none`` or ``sum``; kept for the echo.
    """

    path: str
    query: Query
    ignore_unmapped: bool = False
    score_mode: str = "avg"


@dataclass(frozen=True, kw_only=True)
class FieldBoost:
    """A field of a query string, with the factor of its score."""

    field: str
    boost: float = 1.0


@dataclass(frozen=True, kw_only=True)
class QueryString(Query):
    """A query in Lucene's query language.

    Attributes:
        fields: searched where the text names no field; patterns allowed; empty: all fields.
        default_field: the same for a single field.
        default_operator: ``or`` or ``and``, between clauses without an operator.
        lenient: values that do not fit a field match nothing. None: only where all fields are
            searched.
        time_zone: of dates without one.
    """

    query: str
    default_field: str | None = None
    fields: tuple[FieldBoost, ...] = ()
    default_operator: str = "or"
    minimum_should_match: str | None = None
    lenient: bool | None = None
    time_zone: str | None = None


@dataclass(frozen=True, kw_only=True)
class SimpleQueryString(Query):
    """A query in the forgiving language for search boxes: ``+ | - "" * ( )``."""

    query: str
    fields: tuple[FieldBoost, ...] = ()
    default_operator: str = "or"
    minimum_should_match: str | None = None
    lenient: bool | None = None
