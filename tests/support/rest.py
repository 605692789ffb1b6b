"""A REST client that hides nothing: status, headers and the exact bytes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class RestAnswer:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; keys are in the order in which they came."""
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """The reason of an error in Elasticsearch's form."""
        return str(self.json["error"]["reason"])


class RestClient:
    """One connection, opened again when the other side has closed it."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.address = (parts.hostname or "", parts.port or 80)
        self._connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> RestClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> RestAnswer:
        """Send a request. A body that is not bytes goes as JSON."""
        sent = dict(headers or {})
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("content-type", "application/json")
        self._connection.request(method, path, content, sent)
        response = self._connection.getresponse()
        received = response.read()
        named = {name.lower(): value for name, value in response.getheaders()}
        return RestAnswer(response.status, named, received)
