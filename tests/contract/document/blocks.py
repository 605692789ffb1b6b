"""The API document as data: its requests and responses, in the order in which they stand.

A block begins at a line ``copy``. In it stand request lines, a body right below them, or, after an
empty line or alone, a response.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.document.lenient import end_of_object, read

_REQUEST = re.compile(r"\s*(GET|POST|PUT|DELETE|HEAD) +(_anomaly_detection/\S+)\s*$")
_COPY = re.compile(r"\s*copy\s*$")


@dataclass(frozen=True)
class Request:
    """A request of the document: one line of it, with the body that stands below.

    Attributes:
        line: number of its line in the document, from 1; its identity.
        section: heading under which it stands.
        method: HTTP method.
        path: as written, with ``{detectorId}`` and the like.
        body: JSON object; None without one.
    """

    line: int
    section: str
    method: str
    path: str
    body: dict[str, Any] | None

    @property
    def name(self) -> str:
        """Short text that names the request: line, method, path."""
        return f"{self.line} {self.method} {self.path.removeprefix('_anomaly_detection/api')}"


@dataclass(frozen=True)
class Response:
    """A response of the document.

    Attributes:
        line: number of its first line, from 1.
        section: heading under which it stands.
        requests: what stands before it since the last response but for other blocks: its requests.
        body: JSON object.
    """

    line: int
    section: str
    requests: tuple[Request, ...]
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """Short text that names the response: line and the first keys."""
        keys = ", ".join(list(self.body)[:3]) or "{}"
        return f"{self.line} response {keys}"


@dataclass(frozen=True)
class Document:
    """Everything that can be sent or compared, and lines of blocks that are neither."""

    requests: tuple[Request, ...]
    responses: tuple[Response, ...]
    fragments: tuple[int, ...]


def read_document(path: Path, sections: tuple[str, ...]) -> Document:
    """Read the document. Raises: ValueError when a body is no JSON even leniently read."""
    reader = _Reader(path.read_text(), frozenset(sections))
    return reader.document()


class _Reader:
    def __init__(self, text: str, sections: frozenset[str]) -> None:
        self._lines = text.splitlines()
        self._sections = sections
        self._requests: list[Request] = []
        self._responses: list[Response] = []
        self._fragments: list[int] = []
        self._section = ""
        self._at = 0

    def document(self) -> Document:
        while self._at < len(self._lines):
            line = self._lines[self._at].strip()
            if line in self._sections:
                self._section = line
            self._at += 1
            if _COPY.match(line):
                self._block()
        return Document(tuple(self._requests), tuple(self._responses), tuple(self._fragments))

    def _block(self) -> None:
        """Read from below a ``copy`` up to the first line that is no part of the block."""
        pending: list[tuple[int, str, str]] = []
        latest: list[Request] = []
        alone = True
        while self._at < len(self._lines):
            line = self._lines[self._at]
            found = _REQUEST.match(line)
            if found:
                pending.append((self._at + 1, found.group(1), found.group(2)))
                alone = False
            elif line.startswith("{"):
                number = self._at + 1
                body = self._object()
                if pending:
                    latest = self._add(pending, body)
                    pending = []
                else:
                    since = tuple(latest) or self._latest_requests()
                    self._responses.append(Response(number, self._section, since, body))
                alone = False
                continue
            elif not line.strip():
                if pending:
                    latest = self._add(pending, None)
                    pending = []
            else:
                if alone:
                    self._fragments.append(self._at + 1)
                break
            self._at += 1
        if pending:
            self._add(pending, None)

    def _object(self) -> dict[str, Any]:
        text = "\n".join(self._lines[self._at :])
        end = end_of_object(text, 0)
        self._at += text.count("\n", 0, end) + 1
        body = read(text[:end])
        assert isinstance(body, dict)
        return body

    def _add(
        self, pending: list[tuple[int, str, str]], body: dict[str, Any] | None
    ) -> list[Request]:
        added = [Request(line, self._section, method, path, body) for line, method, path in pending]
        self._requests += added
        return added

    def _latest_requests(self) -> tuple[Request, ...]:
        """Return the group of requests on adjoining lines that stands last before here."""
        group: list[Request] = []
        for request in reversed(self._requests):
            if group and request.line != group[-1].line - 1:
                break
            group.append(request)
        return tuple(reversed(group))
