"""Requests for machine learning results, from the query or the body (reference §1).

With a body only the body counts: ``start`` and ``end`` of the query are taken and ignored then, any
other parameter is refused. The order of the checks, and their words, are Elasticsearch's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anomalyd.api.rest.call import COMMON_PARAMETERS, Call
from anomalyd.api.rest.json_body import decode
from anomalyd.api.rest.places import Member, members, place
from anomalyd.errors import AnomalydError, BodyInvalid, IllegalArgument, NumberFormatInvalid
from anomalyd.model.influencer import DEFAULT_SIZE, ResultsRequest, check_page
from anomalyd.model.reading import token

ALIKE = 0.5
"""Names that resemble each other more than this are suggested for one another."""
_BODY_PARAMETERS = ("job_id", "start", "end", "source", "source_content_type")


@dataclass(frozen=True, kw_only=True)
class ResultKind:
    """How one kind of results is asked for.

    Attributes:
        action: what its parser calls itself in messages.
        score: the parameter that is the lowest score.
        descending: the order when nothing is said.
        flags: further booleans that it takes.
        more: further texts and numbers that it takes, from the query or the body.
    """

    action: str
    score: str
    descending: bool = True
    flags: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ParsedRequest:
    """A request, and what only some kinds take.

    Attributes:
        flags: every flag of the kind.
        more: the texts that were given; numbers as texts.
    """

    results: ResultsRequest
    flags: Mapping[str, bool]
    more: Mapping[str, str]

    def whole_number(self, name: str, *, default: int) -> int:
        """Return one of ``more`` as an integer. Raises: IllegalArgument."""
        text = self.more.get(name)
        try:
            return default if text is None else int(text)
        except ValueError as error:
            raise IllegalArgument(
                f"Failed to parse int parameter [{name}] with value [{text}]", field=name
            ) from error


def parse_results(call: Call, kind: ResultKind) -> ParsedRequest:
    """Read a request for results.

    Raises:
        IllegalArgument, NumberFormatInvalid: a parameter of the query.
        BodyInvalid, MalformedJson: the body.
    """
    body = call.body.strip() or call.query.get("source", "").encode()
    if body:
        parsed = _from_body(body, kind)
        check_names(call, _BODY_PARAMETERS)
        return parsed
    parsed = _from_query(call, kind)
    names = ("exclude_interim", "from", "size", kind.score, "sort", "desc", *kind.flags, *kind.more)
    check_names(call, (*_BODY_PARAMETERS, *names))
    return parsed


def check_names(call: Call, known: tuple[str, ...]) -> None:
    """Refuse parameters of the query that are not known, with a guess what was meant.

    Raises: IllegalArgument.
    """
    unknown = sorted(set(call.query) - set(known) - COMMON_PARAMETERS)
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        named = ", ".join(f"[{name}]{_suggestion(name, known)}" for name in unknown)
        raise IllegalArgument(
            f"request [{call.path}] contains unrecognized parameter{plural}: {named}"
        )
    call.check_parameters(frozenset(known))


def number_of(value: str, field: str) -> float:
    """Return a number as Java reads it from a text. Raises: NumberFormatInvalid."""
    try:
        # Java has no underscores in numbers
        return float(value.replace("_", "x"))
    except ValueError:
        why = f'For input string: "{value}"' if value.strip() else "empty String"
        raise NumberFormatInvalid(why, field=field) from None


def _from_query(call: Call, kind: ResultKind) -> ParsedRequest:
    query = call.query
    exclude_interim = call.flag("exclude_interim")
    offset, size = call.number("from"), call.number("size")
    score = query.get(kind.score)
    return ParsedRequest(
        results=ResultsRequest(
            start=query.get("start"),
            end=query.get("end"),
            exclude_interim=exclude_interim,
            offset=0 if offset is None else offset,
            size=DEFAULT_SIZE if size is None else size,
            score=0.0 if score is None else number_of(score, kind.score),
            sort=query.get("sort"),
            descending=call.flag("desc", default=kind.descending),
        ),
        flags={name: call.flag(name) for name in kind.flags},
        more={name: query[name] for name in kind.more if name in query},
    )


def _from_body(body: bytes, kind: ResultKind) -> ParsedRequest:
    value = decode(body)
    text = body.decode()
    if not isinstance(value, dict):
        raise BodyInvalid(
            f"[1:1] [{kind.action}] Expected START_OBJECT but was: {token(value)}", field=""
        )
    reader = _BodyReader(text, kind.action)
    read: dict[str, Any] = {}
    for member in members(text):
        name = member.name
        if name in ("start", "end"):
            read[name] = reader.optional_text(member)
        elif name in kind.more:
            read[name] = reader.any_text(member)
        elif name in ("job_id", "sort"):
            read[name] = reader.text(member)
        elif name in ("desc", "exclude_interim", *kind.flags):
            read[name] = reader.flag(member)
        elif name == kind.score:
            read[name] = reader.number(member)
        elif name == "page":
            read[name] = reader.page(member)
        else:
            raise reader.problem(member.name_at, f"unknown field [{name}]", name)
    offset, size = read.get("page", (0, DEFAULT_SIZE))
    return ParsedRequest(
        results=ResultsRequest(
            start=read.get("start"),
            end=read.get("end"),
            exclude_interim=read.get("exclude_interim", False),
            offset=offset,
            size=size,
            score=read.get(kind.score, 0.0),
            sort=read.get("sort"),
            descending=read.get("desc", kind.descending),
        ),
        flags={name: read.get(name, False) for name in kind.flags},
        more={name: read[name] for name in kind.more if read.get(name) is not None},
    )


class _BodyReader:
    """Reads values of a body; says where it is when one is wrong."""

    def __init__(self, text: str, parser: str) -> None:
        self._text = text
        self._parser = parser

    def problem(
        self, at: int, what: str, field: str, cause: AnomalydError | None = None
    ) -> BodyInvalid:
        """Return the error for a place."""
        where = f"[{place(self._text, at)}] [{self._parser}]"
        return BodyInvalid(f"{where} {what}", field=field, cause=cause)

    def optional_text(self, member: Member) -> str | None:
        """Return a text or null."""
        return None if member.value is None else self.text(member)

    def text(self, member: Member) -> str:
        """Return a text; numbers are none."""
        if not isinstance(member.value, str):
            raise self._unsupported(member)
        return member.value

    def any_text(self, member: Member) -> str | None:
        """Return a text, a number as one, or null."""
        if isinstance(member.value, int | float) and not isinstance(member.value, bool):
            return str(member.value)
        return self.optional_text(member)

    def flag(self, member: Member) -> bool:
        """Return a boolean, also from "true" and "false"."""
        match member.value:
            case bool():
                return member.value
            case "true" | "false":
                return member.value == "true"
            case str():
                reason = (
                    f"Failed to parse value [{member.value}] as only [true] or [false] are allowed."
                )
                raise self._failed(member, IllegalArgument(reason, field=member.name))
            case _:
                raise self._unsupported(member)

    def number(self, member: Member) -> float:
        """Return a number, also from a text."""
        return self._numeric(member, float)

    def page(self, member: Member) -> tuple[int, int]:
        """Return offset and size of a page."""
        if not isinstance(member.value, dict):
            raise self._unsupported(member)
        read = {"from": 0, "size": DEFAULT_SIZE}
        within = _BodyReader(self._text, "page")
        try:
            for part in members(self._text, member.value_at):
                if part.name not in read:
                    raise within.problem(part.name_at, f"unknown field [{part.name}]", part.name)
                read[part.name] = int(within._numeric(part, int))
            check_page(read["from"], read["size"])
        except (BodyInvalid, IllegalArgument) as problem:
            raise self._failed(member, problem) from problem
        return read["from"], read["size"]

    def _numeric(self, member: Member, kind: Callable[[float], float]) -> float:
        value = member.value
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self._unsupported(member)
        try:
            number = number_of(value, member.name) if isinstance(value, str) else float(value)
            return kind(number)
        except (NumberFormatInvalid, OverflowError, ValueError) as problem:
            cause = NumberFormatInvalid(f'For input string: "{value}"', field=member.name)
            raise self._failed(member, cause) from problem

    def _unsupported(self, member: Member) -> BodyInvalid:
        what = f"{member.name} doesn't support values of type: {token(member.value)}"
        return self.problem(member.value_at, what, member.name)

    def _failed(self, member: Member, cause: AnomalydError) -> BodyInvalid:
        what = f"failed to parse field [{member.name}]"
        return self.problem(member.end - 1, what, member.name, cause)


def _suggestion(name: str, known: tuple[str, ...]) -> str:
    scored = sorted((-_likeness(name, each), each) for each in known)
    alike = [each for likeness, each in scored if -likeness > ALIKE]
    if not alike:
        return ""
    return f" -> did you mean {'any of ' if len(alike) > 1 else ''}[{', '.join(alike)}]?"


def _likeness(one: str, other: str) -> float:
    """Return 1 less the Levenshtein distance as a share of the longer name."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(other, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return 1 - row[-1] / max(len(one), len(other), 1)
