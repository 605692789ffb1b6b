"""Errors of use cases become gRPC statuses in one place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

import grpc

from anomalyd.api.request_ids import REQUEST_ID, RequestIds
from anomalyd.api.status import UNEXPECTED_REASON, RichStatus, rich_status
from anomalyd.cancellation import Cancellation, working_for
from anomalyd.errors import AnomalydError
from anomalyd.metrics import Metrics
from anomalyd.schedule.clock import Clock
from anomalyd.tracing import Tracer

log = logging.getLogger(__name__)

Behaviour = Callable[[Any, grpc.ServicerContext], Any]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

# by the attribute of a handler that holds its behaviour
_MAKERS: Mapping[str, Callable[..., Handler]] = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "unary_stream": grpc.unary_stream_rpc_method_handler,
    "stream_unary": grpc.stream_unary_rpc_method_handler,
    "stream_stream": grpc.stream_stream_rpc_method_handler,
}


class ErrorTranslation(grpc.ServerInterceptor):
    """Ends a failed typed RPC with the status of its error, and names every request.

    An error that nobody expected is logged with the request's id and answered as INTERNAL without
    its text. The id travels back in the trailing metadata ``x-request-id``. What is done for a
    single answer is interrupted when its caller goes.

    Args:
        prefix: paths of the services to look after.
        request_ids: names the requests.
        metrics: counts and measures them.
        clock: for durations.
        tracer: makes a span of each.
    """

    def __init__(
        self,
        prefix: str,
        request_ids: RequestIds,
        *,
        metrics: Metrics,
        clock: Clock,
        tracer: Tracer,
    ) -> None:
        self._prefix = prefix
        self._request_ids = request_ids
        self._metrics = metrics
        self._clock = clock
        self._tracer = tracer

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Return the method's handler with the translation around it."""
        handler: Any = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(self._prefix):
            return cast("Handler | None", handler)
        kind = next(kind for kind in _MAKERS if getattr(handler, kind))
        wrap = self._streaming if handler.response_streaming else self._single
        behaviour = wrap(getattr(handler, kind), method)
        return _MAKERS[kind](behaviour, handler.request_deserializer, handler.response_serializer)

    def _single(self, behaviour: Behaviour, method: str) -> Behaviour:
        def translated(request: Any, context: grpc.ServicerContext) -> Any:
            request_id, begun = self._name(context), self._clock.monotonic()
            code, status = grpc.StatusCode.OK, None
            try:
                with self._tracer.span(method, request_id=request_id), _until_gone(context):
                    return behaviour(request, context)
            except Exception as error:  # noqa: BLE001 - all are translated, and logged in _status
                status = _status(error, context, method, request_id)
                code = status.code
            finally:
                self._count(method, code, self._clock.monotonic() - begun)
            return context.abort_with_status(status)

        return translated

    def _streaming(self, behaviour: Behaviour, method: str) -> Behaviour:
        def translated(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            request_id, code = self._name(context), grpc.StatusCode.OK
            try:
                yield from behaviour(request, context)
                return
            except GeneratorExit:
                code = grpc.StatusCode.CANCELLED
                raise
            except Exception as error:  # noqa: BLE001 - all are translated, and logged in _status
                status = _status(error, context, method, request_id)
                code = status.code
            finally:
                self._count(method, code, None)
            context.abort_with_status(status)

        return translated

    def _count(self, method: str, code: grpc.StatusCode, seconds: float | None) -> None:
        self._metrics.answered("grpc", method.removeprefix(self._prefix), code.name, seconds)

    def _name(self, context: grpc.ServicerContext) -> str:
        request_id = self._request_ids.of(context)
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        return request_id


@contextmanager
def _until_gone(context: grpc.ServicerContext) -> Iterator[None]:
    """Interrupt what is done inside when the caller hangs up or its deadline passes."""
    cancellation = Cancellation()
    if not context.add_callback(cancellation.cancel):
        cancellation.cancel()
    with working_for(cancellation):
        yield


def _status(
    error: Exception, context: grpc.ServicerContext, method: str, request_id: str
) -> RichStatus:
    metadata = ((REQUEST_ID, request_id),)
    if isinstance(error, AnomalydError):
        return rich_status(error, metadata)
    if not context.is_active():
        # the caller has gone; reading from it or writing to it failed for that reason alone
        return RichStatus(grpc.StatusCode.CANCELLED, "the caller has gone", metadata)
    log.error(
        "%s failed (request %s)",
        method,
        request_id,
        exc_info=error,
        extra={"request_id": request_id},
    )
    return RichStatus(grpc.StatusCode.INTERNAL, UNEXPECTED_REASON % request_id, metadata)
