"""One channel to the service: calls with a deadline, errors translated in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from anomalyd.client.errors import from_rpc_error

R = TypeVar("R", bound=Message)

PACKAGE = "anomalyd.v1"
MAXIMUM_MESSAGE_BYTES = 128 * 1024 * 1024
"""A search may answer with 10,000 documents; gRPC's own limit of 4 MB is too little for that."""


class Connection:
    """Calls methods by name. Thread-safe, as the channel under it is.

    Args:
        address: ``host:port`` of the service's gRPC port.
        timeout: seconds that a call may take when it does not say otherwise.
    """

    def __init__(self, address: str, *, timeout: float) -> None:
        self._timeout = timeout
        self._channel = grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", MAXIMUM_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAXIMUM_MESSAGE_BYTES),
            ],
        )

    def call(
        self, method: str, request: Message, answer: type[R], *, timeout: float | None = None
    ) -> R:
        """Call ``Service/Method`` and return its answer.

        Raises: the service's own error (see ``anomalyd.errors``), or CallFailed.
        """
        invoke = self._channel.unary_unary(
            f"/{PACKAGE}.{method}",
            request_serializer=_serialise,
            response_deserializer=answer.FromString,
        )
        try:
            return invoke(request, timeout=timeout or self._timeout)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error

    def send(
        self,
        method: str,
        requests: Iterable[Message],
        answer: type[R],
        *,
        timeout: float | None = None,
    ) -> R:
        """Call ``Service/Method`` with a stream of requests and return its one answer.

        Args:
            method: as for ``call``.
            requests: taken one by one as the service reads them, on a thread of gRPC's.
            answer: type of the answer.
            timeout: seconds for the whole stream; no limit when None.

        Raises: as ``call``. An exception of ``requests`` itself ends the stream as CallFailed.
        """
        invoke = self._channel.stream_unary(
            f"/{PACKAGE}.{method}",
            request_serializer=_serialise,
            response_deserializer=answer.FromString,
        )
        try:
            return invoke(iter(requests), timeout=timeout)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error

    def follow(
        self, method: str, request: Message, answer: type[R], *, timeout: float | None = None
    ) -> Iterator[R]:
        """Call ``Service/Method`` and yield its answers as they come; closing it ends the call.

        Args:
            method: as for ``call``.
            request: what to follow.
            answer: type of the answers.
            timeout: seconds for the whole stream; no limit when None.

        Raises: as ``call``, from the iterator.
        """
        invoke = self._channel.unary_stream(
            f"/{PACKAGE}.{method}",
            request_serializer=_serialise,
            response_deserializer=answer.FromString,
        )
        answers = invoke(request, timeout=timeout)
        try:
            yield from answers
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
        finally:
            answers.cancel()

    def close(self) -> None:
        """End the connection and the calls that are under way."""
        self._channel.close()


def _serialise(message: Message) -> bytes:
    return message.SerializeToString()
