"""One REST request, decoded, and the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from anomalyd.api.rest.json_body import decode_object
from anomalyd.errors import IllegalArgument, MediaTypeNotSupported, MissingBody
from anomalyd.query.shape import suggestion

COMMON_PARAMETERS = frozenset({"pretty", "human", "filter_path", "format", "error_trace"})
"""What every path takes, as in Elasticsearch."""

JSON = "application/json; charset=UTF-8"
# What curl and plain HTTP libraries send when nobody tells them otherwise is taken for JSON.
_UNSAID = frozenset({"", "application/x-www-form-urlencoded"})
_READ = frozenset(
    {
        "application/json",
        "application/x-ndjson",
        "application/vnd.elasticsearch+json",
        "application/vnd.elasticsearch+x-ndjson",
    }
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A REST request.

    Attributes:
        method: HTTP method in capitals.
        path: as sent, percent-encoded, without the query.
        query: parameters of the query, decoded; the last of equal names counts.
        variables: variables of the path, decoded.
        body: as sent; empty when there is none.
        content_type: as sent; empty when there is none.
        encoding: content encoding of the body as sent; handlers see the body unpacked.
        accept: media types that the caller wants, as sent.
        last_event_id: of the last server-sent event that a caller who comes back has seen.
        active: whether the caller is still there.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    encoding: str = ""
    accept: str = ""
    last_event_id: str = ""
    active: Callable[[], bool] = field(default=lambda: True)

    @property
    def compact(self) -> bool:
        """Whether the answer is written as JSON as it is: nothing left out, nothing for the eye."""
        return self.query.keys().isdisjoint({"filter_path", "format", "pretty"})

    def check_parameters(self, known: frozenset[str]) -> None:
        """Refuse parameters that the operation does not know. Raises: IllegalArgument."""
        unknown = sorted(set(self.query) - known - COMMON_PARAMETERS)
        if unknown:
            plural = "s" if len(unknown) > 1 else ""
            named = ", ".join(f"[{name}]{_meant(name, known)}" for name in unknown)
            raise IllegalArgument(
                f"request [{self.path}] contains unrecognized parameter{plural}: {named}"
            )
        self.flag("pretty")
        if self.query.get("format", "json") not in ("json", "yaml", ""):
            raise IllegalArgument("[format] can only be [json] or [yaml]", field="format")

    def check_media_type(self) -> None:
        """Refuse a body that is not said to be JSON. Raises: MediaTypeNotSupported."""
        media_type = self.content_type.partition(";")[0].strip().lower()
        if self.body and media_type not in _READ | _UNSAID:
            raise MediaTypeNotSupported(
                f"Content-Type header [{self.content_type}] is not supported"
            )

    def json(self) -> dict[str, Any] | None:
        """Return the body's JSON object; None without a body.

        Raises: MalformedJson, ParsingError when it is no object.
        """
        return decode_object(self.body) if self.body.strip() else None

    def required_json(self) -> dict[str, Any]:
        """Return the body's JSON object. Raises: MissingBody, and what ``json`` raises."""
        document = self.json()
        if document is None:
            raise MissingBody("request body is required")
        return document

    def search_json(self) -> dict[str, Any] | None:
        """Return a search: the body, or the parameter ``source``. Raises: what ``json`` raises."""
        source = self.query.get("source")
        if source and not self.body:
            return decode_object(source.encode())
        return self.json()

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean parameter; ``?name`` alone is true. Raises: IllegalArgument."""
        value = self.query.get(name)
        if value is None:
            return default
        if value in ("", "true"):
            return True
        if value == "false":
            return False
        raise IllegalArgument(
            f"Failed to parse value [{value}] as only [true] or [false] are allowed.", field=name
        )

    def number(self, name: str) -> int | None:
        """Return an integer parameter. Raises: IllegalArgument."""
        value = self.query.get(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError as error:
            raise IllegalArgument(
                f"Failed to parse int parameter [{name}] with value [{value}]", field=name
            ) from error


SEARCH_PARAMETERS = frozenset({"source", "source_content_type"})


def _meant(name: str, known: frozenset[str]) -> str:
    """Return Elasticsearch's hint where a known parameter is close."""
    hint = suggestion(name, known | COMMON_PARAMETERS)
    return f" ->{hint}" if hint else ""


def parse_query(text: str) -> dict[str, str]:
    """Decode the query of a URL; ``?a`` is ``a`` with an empty value."""
    return dict(parse_qsl(text, keep_blank_values=True, errors="replace"))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a REST caller gets.

    Attributes:
        document: the JSON body; None when ``content`` is the body.
        status: HTTP status.
        headers: further headers, names in lower case.
        content: body that is not JSON, with ``content_type``.
    """

    document: object = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None
    content_type: str = JSON


@dataclass(frozen=True, kw_only=True)
class StreamedAnswer:
    """What a REST caller gets bit by bit.

    Attributes:
        chunks: the body's parts, sent as they come. The first one is made before anything is sent,
            so that an error that comes with it is an ordinary answer.
        content_type: of the body.
    """

    chunks: Iterator[bytes]
    content_type: str


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What a route does.

    Attributes:
        handle: answers the call, or raises one of our errors. Only methods that ``rest.proto``
            declares as streams may return a ``StreamedAnswer``, and they always do.
        parameters: names of the query that it knows beside the common ones; None = whatever.
    """

    handle: Callable[[Call], Answer | StreamedAnswer]
    parameters: frozenset[str] | None = frozenset()
