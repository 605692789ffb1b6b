"""Serves ``anomalyd.v1.Rest``: finds the operation, runs it, renders answer or error.

The gateway hands every request over as a raw body; what the caller wrote as path and query comes in
``x-envoy-original-path``. The gateway binds path variables and query parameters to fields of
``RestRequest`` as well; they are not read, because there ``?id=x`` would replace the path's id.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus

import grpc
from google.api import httpbody_pb2
from google.protobuf.message import DecodeError

from anomalyd.api.request_ids import REQUEST_ID, RequestIds
from anomalyd.api.rest.call import JSON, Answer, Call, Operation, StreamedAnswer, parse_query
from anomalyd.api.rest.encoding import unpack
from anomalyd.api.rest.filter_path import filter_document
from anomalyd.api.rest.json_body import encode
from anomalyd.api.rest.routes import Match, RouteTable, declared_routes
from anomalyd.api.rest.yaml_body import YAML, encode_yaml
from anomalyd.api.status import RETRY_AFTER_SECONDS, error_body, unexpected_body
from anomalyd.errors import (
    AnomalydError,
    IllegalArgument,
    MethodNotAllowed,
    SourceUnavailable,
    Throttled,
)
from anomalyd.metrics import Metrics
from anomalyd.schedule.clock import Clock
from anomalyd.tracing import Tracer
from anomalyd.v1 import rest_pb2

log = logging.getLogger(__name__)

SERVICE = "anomalyd.v1.Rest"
ORIGINAL_PATH = "x-envoy-original-path"
ORIGINAL_METHOD = "x-envoy-original-method"
CONTENT_ENCODING = "x-content-encoding"
HTTP_STATUS = "x-http-status"
LAST_EVENT_ID = "last-event-id"
_COMPATIBLE = re.compile(
    r"application/vnd\.elasticsearch\+json\s*;\s*compatible-with\s*=\s*(\d{1,3})\b"
)


class Facade:
    """Answers REST requests. Thread-safe.

    Args:
        operations: one per method of ``Rest`` but ``Fallback``.
        request_ids: names the requests.
        longest_body: bytes that a request may have once it is unpacked.
        metrics: counts and measures the requests.
        clock: for durations.
        tracer: makes a span of each.

    Raises: ValueError when an operation is missing, or is none that ``rest.proto`` declares.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation],
        request_ids: RequestIds,
        *,
        longest_body: int,
        metrics: Metrics,
        clock: Clock,
        tracer: Tracer,
    ) -> None:
        routes = declared_routes()
        odd = {route.operation for route in routes} ^ set(operations)
        if odd:
            raise ValueError(f"rest.proto and the operations differ in {sorted(odd)}")
        self._operations = dict(operations)
        self._routes = RouteTable(routes)
        self._request_ids = request_ids
        self._longest_body = longest_body
        self._metrics = metrics
        self._clock = clock
        self._tracer = tracer

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a gRPC server registers: all methods of ``Rest``, answered alike."""
        service = rest_pb2.DESCRIPTOR.services_by_name["Rest"]
        serialise = httpbody_pb2.HttpBody.SerializeToString
        single = grpc.unary_unary_rpc_method_handler(self.serve, _lenient, serialise)
        streamed = grpc.unary_stream_rpc_method_handler(self.serve_stream, _lenient, serialise)
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {each.name: streamed if each.server_streaming else single for each in service.methods},
        )

    def serve(
        self, request: rest_pb2.RestRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        """Answer one request; errors are answers too."""
        answer, call, request_id = self._attempt(request, context)
        if isinstance(answer, StreamedAnswer):
            raise TypeError(f"{call.path} is no stream in rest.proto")
        return _send(answer, call, request_id, context)

    def serve_stream(
        self, request: rest_pb2.RestRequest, context: grpc.ServicerContext
    ) -> Iterator[httpbody_pb2.HttpBody]:
        """Answer one request bit by bit; an error before the first bit is an ordinary answer."""
        answer, call, request_id = self._attempt(request, context)
        if isinstance(answer, Answer):
            yield _send(answer, call, request_id, context)
            return
        headers = ((HTTP_STATUS, "200"), (REQUEST_ID, request_id), ("cache-control", "no-cache"))
        context.send_initial_metadata(headers)
        for chunk in answer.chunks:
            yield httpbody_pb2.HttpBody(content_type=answer.content_type, data=chunk)

    def _attempt(
        self, request: rest_pb2.RestRequest, context: grpc.ServicerContext
    ) -> tuple[Answer | StreamedAnswer, Call, str]:
        metadata = {key: str(value) for key, value in context.invocation_metadata()}
        request_id = self._request_ids.of(context)
        call = replace(_call(request, metadata), active=context.is_active)
        begun, operation = self._clock.monotonic(), "none"
        try:
            match = self._match(call)
            operation = match.operation
            with self._tracer.span(f"{SERVICE}/{operation}", request_id=request_id):
                answer = self._run(match, call)
            if isinstance(answer, StreamedAnswer):
                # the first bit decides whether there will be a stream at all
                first = next(answer.chunks, b"")
                answer = replace(answer, chunks=itertools.chain((first,), answer.chunks))
        except AnomalydError as error:
            answer = _refusal(error, call.method)
        except Exception:
            log.exception(
                "%s %s failed (request %s)",
                call.method,
                call.path,
                request_id,
                extra={"request_id": request_id},
            )
            status, body = unexpected_body(request_id)
            answer = Answer(document=body, status=status)
        if isinstance(answer, Answer):
            seconds = self._clock.monotonic() - begun
            self._metrics.answered("rest", operation, str(answer.status), seconds)
        else:
            self._metrics.answered("rest", operation, "200", None)
        return answer, call, request_id

    def _match(self, call: Call) -> Match:
        if not call.path:
            raise IllegalArgument(
                f"the Rest service is for the gateway, which sends {ORIGINAL_PATH}; "
                f"use the typed services"
            )
        return self._routes.match(call.method, call.path)

    def _run(self, match: Match, call: Call) -> Answer | StreamedAnswer:
        operation = self._operations[match.operation]
        if operation.parameters is not None:
            call.check_parameters(operation.parameters)
        call.check_media_type()
        body = unpack(call.body, call.encoding, longest=self._longest_body)
        return operation.handle(replace(call, variables=match.variables, body=body))


def _send(
    answer: Answer, call: Call, request_id: str, context: grpc.ServicerContext
) -> httpbody_pb2.HttpBody:
    content = b"" if call.method == "HEAD" else _content(call, answer)
    if answer.status != HTTPStatus.OK or answer.headers:
        # Not for a plain answer: sent on its own it costs as much as everything that we do for a
        # GET, and the gateway knows both without it.
        named = ((HTTP_STATUS, str(answer.status)), (REQUEST_ID, request_id))
        context.send_initial_metadata((*named, *answer.headers))
    content_type = answer.content_type if answer.content is not None else _media_type(call)
    return httpbody_pb2.HttpBody(content_type=content_type, data=content)


def _call(request: rest_pb2.RestRequest, metadata: Mapping[str, str]) -> Call:
    path, _, query = metadata.get(ORIGINAL_PATH, "").partition("?")
    return Call(
        method=metadata.get(ORIGINAL_METHOD, "").upper(),
        path=path,
        query=parse_query(query),
        body=request.body.data,
        encoding=metadata.get(CONTENT_ENCODING, ""),
        accept=metadata.get("accept", ""),
        last_event_id=metadata.get(LAST_EVENT_ID, ""),
        content_type=request.body.content_type,
    )


def _content(call: Call, answer: Answer) -> bytes:
    if answer.content is not None:
        return answer.content
    document = answer.document
    expression = call.query.get("filter_path")
    if expression and answer.status < HTTPStatus.BAD_REQUEST:
        document = filter_document(document, expression)
    if _as_yaml(call):
        return encode_yaml(document)
    return encode(document, pretty=call.query.get("pretty", "false") != "false")


def _as_yaml(call: Call) -> bool:
    return call.query.get("format") == "yaml"


def _media_type(call: Call) -> str:
    """Return the type of an answer; clients of Elasticsearch get the one that they name."""
    if _as_yaml(call):
        return YAML
    match = _COMPATIBLE.search(call.accept)
    if match is None:
        return JSON
    return f"application/vnd.elasticsearch+json;compatible-with={match.group(1)}"


def _refusal(error: AnomalydError, method: str) -> Answer:
    status, body = error_body(error)
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, MethodNotAllowed):
        headers = (("allow", str(error.details["allowed"])),)
        if method == "OPTIONS":
            return Answer(status=200, headers=headers, content=b"")
    elif isinstance(error, Throttled | SourceUnavailable):
        headers = (("retry-after", str(RETRY_AFTER_SECONDS)),)
    return Answer(document=body, status=status, headers=headers)


def _lenient(serialised: bytes) -> rest_pb2.RestRequest:
    """Parse a request; one whose bound path is not UTF-8 is refused by its original path."""
    try:
        return rest_pb2.RestRequest.FromString(serialised)
    except DecodeError:
        return rest_pb2.RestRequest()
