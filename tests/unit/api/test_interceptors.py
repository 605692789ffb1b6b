"""Errors on their way out: expected ones with their status, others without their text."""

from __future__ import annotations

import ast
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from anomalyd import api
from anomalyd.api.interceptors import ErrorTranslation
from anomalyd.api.request_ids import RequestIds
from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.api.rest.facade import Facade
from anomalyd.api.rest.routes import declared_routes
from anomalyd.cancellation import cancellation
from anomalyd.errors import AnomalydError, IndexNotFound, SourceUnavailable
from anomalyd.metrics import Metrics
from anomalyd.model.ids import ByteIds
from anomalyd.schedule.clock import VirtualClock
from anomalyd.tracing import NoTracer
from anomalyd.v1 import task_service_pb2
from anomalyd.v1.task_service_pb2_grpc import (
    TaskServiceServicer,
    TaskServiceStub,
    add_TaskServiceServicer_to_server,
)

SECRET = "the password is swordfish"
CLOCK = VirtualClock()
METRICS = Metrics()
IDS = RequestIds(ByteIds(lambda count: b"\x01" * count))


INTERRUPTED = threading.Event()


class Failing(TaskServiceServicer):
    """Raises what the request names; "slow" works until it is interrupted."""

    def GetTask(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.id == "slow":
            with cancellation().watching(INTERRUPTED.set):
                INTERRUPTED.wait(30)
        raise error_for(request.id)

    def WatchTask(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        yield task_service_pb2.WatchTaskResponse()
        raise error_for(request.id)


def error_for(name: str) -> Exception:
    return IndexNotFound("logs") if name == "expected" else RuntimeError(SECRET)


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Callable[[grpc.Server], None]], grpc.Channel]]:
    """Start servers that only live in this process, and give channels to them."""
    servers: list[grpc.Server] = []
    channels: list[grpc.Channel] = []

    def start(register: Callable[[grpc.Server], None]) -> grpc.Channel:
        server = grpc.server(
            ThreadPoolExecutor(2),
            interceptors=[
                ErrorTranslation(
                    "/anomalyd.v1.Task", IDS, metrics=METRICS, clock=CLOCK, tracer=NoTracer()
                )
            ],
        )
        register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        channels.append(grpc.insecure_channel(f"127.0.0.1:{port}"))
        return channels[-1]

    yield start
    for channel in channels:
        channel.close()
    for server in servers:
        server.stop(None).wait()


@pytest.fixture(scope="module")
def tasks(serve: Callable[..., grpc.Channel]) -> TaskServiceStub:
    return TaskServiceStub(
        serve(lambda server: add_TaskServiceServicer_to_server(Failing(), server))
    )


def test_expected_errors(tasks: TaskServiceStub) -> None:
    """A single answer and a stream end with the error's own status."""
    with pytest.raises(grpc.RpcError) as caught:
        tasks.GetTask(task_service_pb2.GetTaskRequest(id="expected"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "no such index [logs]"
    stream = tasks.WatchTask(task_service_pb2.WatchTaskRequest(id="expected"))
    assert next(stream) == task_service_pb2.WatchTaskResponse()
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_deadline_interrupts_the_work(tasks: TaskServiceStub) -> None:
    """The caller is told in time, and nothing goes on for nobody."""
    with pytest.raises(grpc.RpcError) as caught:
        tasks.GetTask(task_service_pb2.GetTaskRequest(id="slow"), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert INTERRUPTED.wait(10)


def test_unexpected_errors(tasks: TaskServiceStub, caplog: pytest.LogCaptureFixture) -> None:
    """The caller gets INTERNAL and the request's id; the log has id and text."""
    metadata = (("x-request-id", "r42"),)
    with caplog.at_level(logging.ERROR), pytest.raises(grpc.RpcError) as caught:
        tasks.GetTask(task_service_pb2.GetTaskRequest(id="other"), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "r42" in caught.value.details()
    assert SECRET not in caught.value.details()
    assert dict(caught.value.trailing_metadata())["x-request-id"] == "r42"
    assert "r42" in caplog.text
    assert SECRET in caplog.text
    stream = tasks.WatchTask(task_service_pb2.WatchTaskRequest(id="other"))
    with pytest.raises(grpc.RpcError) as caught:
        list(stream)
    assert caught.value.code() is grpc.StatusCode.INTERNAL


def test_an_id_that_is_no_id_is_replaced(tasks: TaskServiceStub) -> None:
    """What would not fit a log line does not get there."""
    with pytest.raises(grpc.RpcError) as caught:
        tasks.GetTask(
            task_service_pb2.GetTaskRequest(id="expected"),
            metadata=(("x-request-id", "a b"),),
        )
    assert dict(caught.value.trailing_metadata())["x-request-id"] == "AQEB" * 5


def failing(error: Exception) -> Operation:
    def handle(call: Call) -> Answer:
        raise error

    return Operation(handle=handle)


def facade_channel(serve: Callable[..., grpc.Channel], error: Exception) -> grpc.Channel:
    """Return a channel to a facade all of whose operations fail."""
    operations = {route.operation: failing(error) for route in declared_routes()}
    facade = Facade(
        operations, IDS, longest_body=1000, metrics=METRICS, clock=CLOCK, tracer=NoTracer()
    )
    return serve(lambda server: server.add_generic_rpc_handlers((facade.handler(),)))


def rest(channel: grpc.Channel, path: str) -> tuple[dict[str, str], bytes]:
    metadata = (("x-envoy-original-path", path), ("x-envoy-original-method", "GET"))
    body, call = channel.unary_unary("/anomalyd.v1.Rest/Fallback").with_call(b"", metadata=metadata)
    return dict(call.initial_metadata()), body


def test_unexpected_errors_over_rest(
    serve: Callable[..., grpc.Channel], caplog: pytest.LogCaptureFixture
) -> None:
    """500 in Elasticsearch's form, without the text."""
    channel = facade_channel(serve, RuntimeError(SECRET))
    with caplog.at_level(logging.ERROR):
        headers, body = rest(channel, "/?pretty")
    assert headers["x-http-status"] == "500"
    assert SECRET.encode() not in body
    assert headers["x-request-id"].encode() in body
    assert SECRET in caplog.text


def test_when_to_try_again_over_rest(serve: Callable[..., grpc.Channel]) -> None:
    """A source that is busy is 503 with Retry-After."""
    headers, body = rest(facade_channel(serve, SourceUnavailable("busy")), "/_search")
    assert (headers["x-http-status"], headers["retry-after"]) == ("503", "1")
    assert b'"reason":"busy"' in body


def test_operations_and_routes_are_the_same() -> None:
    """A route without an operation, or the other way round, does not start."""
    operations = {route.operation: failing(AnomalydError("x")) for route in declared_routes()}
    operations["Other"] = operations.pop("Bulk")
    with pytest.raises(ValueError, match=r"\['Bulk', 'Other'\]"):
        Facade(operations, IDS, longest_body=1000, metrics=METRICS, clock=CLOCK, tracer=NoTracer())


def test_servicers_are_short() -> None:
    """A servicer method checks, converts, calls, converts back: twelve lines at most."""
    folder = Path(api.__file__).parent
    for name in ("detectors", "tasks", "results", "indices", "influencers", "stats"):
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.FunctionDef) and node.name[0].isupper():
                body = node.body[1:]
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
                assert lines <= 12, f"{name}.{node.name}: {lines} lines"
