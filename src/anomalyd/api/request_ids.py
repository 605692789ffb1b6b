"""The id of a request: the caller's or the gateway's ``x-request-id``, or a new one."""

from __future__ import annotations

import re

import grpc

from anomalyd.model.ids import IdGenerator

REQUEST_ID = "x-request-id"
_PLAIN = re.compile(r"[\x21-\x7e]{1,128}")


class RequestIds:
    """Names requests, for callers and for the log. Thread-safe.

    Args:
        ids: makes the id of a request that comes without one.
    """

    def __init__(self, ids: IdGenerator) -> None:
        self._ids = ids

    def of(self, context: grpc.ServicerContext) -> str:
        """Return an id that fits a header and a log line."""
        for key, value in context.invocation_metadata():
            if key == REQUEST_ID and isinstance(value, str) and _PLAIN.fullmatch(value):
                return value
        return self._ids.next_id()
