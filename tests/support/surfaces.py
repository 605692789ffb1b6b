"""The detector API spoken over REST and over typed gRPC; both answer with documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import grpc

from anomalyd.api.convert import to_document, to_message
from anomalyd.v1 import (
    detector_service_pb2,
    detector_service_pb2_grpc,
    index_service_pb2,
    index_service_pb2_grpc,
    result_service_pb2,
    result_service_pb2_grpc,
    stats_service_pb2,
    stats_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
)
from tests.support.documents import API
from tests.support.rest import RestClient

Document = dict[str, Any]


class Surface(Protocol):
    """One operation by the name of its RPC: arguments in, the answer's document out."""

    def __call__(
        self, operation: str, body: Mapping[str, Any] | None = None, **arguments: Any
    ) -> Document:
        """Ask; fail the test for an error."""
        ...


ROUTES: Mapping[str, tuple[str, str]] = {
    "CreateIndex": ("PUT", "/{index}"),
    "Bulk": ("POST", "/{index}/_bulk"),
    "CreateDetector": ("POST", f"{API}/detectors"),
    "ValidateDetector": ("POST", f"{API}/detectors/_validate/{{aspect}}"),
    "SuggestParameters": (
        "POST",
        f"{API}/detectors/_suggest/detection_interval,history,window_delay,memory",
    ),
    "PreviewDetector": ("POST", f"{API}/detectors/_preview"),
    "GetDetector": ("GET", f"{API}/detectors/{{id}}?job=true&task=true"),
    "SearchDetectors": ("POST", f"{API}/detectors/_search"),
    "UpdateDetector": ("PUT", f"{API}/detectors/{{id}}"),
    "DeleteDetector": ("DELETE", f"{API}/detectors/{{id}}"),
    "StartDetector": ("POST", f"{API}/detectors/{{id}}/_start"),
    "StopDetector": ("POST", f"{API}/detectors/{{id}}/_stop?historical=true"),
    "GetProfile": ("GET", f"{API}/detectors/{{id}}/_profile?_all=true"),
    "SearchTasks": ("POST", f"{API}/detectors/tasks/_search"),
    "SearchResults": ("POST", f"{API}/detectors/results/_search"),
    "GetTopAnomalies": ("POST", f"{API}/detectors/{{id}}/results/_topAnomalies?historical=true"),
    "DeleteResults": ("DELETE", f"{API}/detectors/results"),
    "GetStats": ("GET", f"{API}/stats"),
}
"""Method and path of an operation; its other arguments go into the path."""


class RestSurface:
    """Over the gateway."""

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def __call__(
        self, operation: str, body: Mapping[str, Any] | None = None, **arguments: Any
    ) -> Document:
        """Send the request of an operation."""
        method, path = ROUTES[operation]
        answer = self._rest(method, path.format(**arguments), arguments.get("raw", body))
        assert answer.status in (200, 201), (operation, answer.body)
        document: Document = answer.json
        return document


DETECTORS = (detector_service_pb2, detector_service_pb2_grpc.DetectorServiceStub)
RESULTS = (result_service_pb2, result_service_pb2_grpc.ResultServiceStub)
TASKS = (task_service_pb2, task_service_pb2_grpc.TaskServiceStub)
STATS = (stats_service_pb2, stats_service_pb2_grpc.StatsServiceStub)
INDICES = (index_service_pb2, index_service_pb2_grpc.IndexServiceStub)


CALLS: Mapping[str, tuple[tuple[Any, Any], Callable[[Any, Document], Document]]] = {
    "CreateIndex": (INDICES, lambda body, more: {**more, **body}),
    "CreateDetector": (DETECTORS, lambda body, more: {"detector": body}),
    "ValidateDetector": (DETECTORS, lambda body, more: {**more, "detector": body}),
    "SuggestParameters": (DETECTORS, lambda body, more: {"detector": body}),
    "PreviewDetector": (DETECTORS, lambda body, more: body),
    "GetDetector": (DETECTORS, lambda body, more: {**more, "job": True, "task": True}),
    "SearchDetectors": (DETECTORS, lambda body, more: {"body": body}),
    "UpdateDetector": (DETECTORS, lambda body, more: {**more, "detector": body}),
    "DeleteDetector": (DETECTORS, lambda body, more: more),
    "StartDetector": (DETECTORS, lambda body, more: {**more, "date_range": body}),
    "StopDetector": (DETECTORS, lambda body, more: {**more, "historical": True}),
    "GetProfile": (DETECTORS, lambda body, more: {**more, "all": True}),
    "SearchTasks": (TASKS, lambda body, more: {"body": body}),
    "SearchResults": (RESULTS, lambda body, more: {"body": body}),
    "GetTopAnomalies": (
        RESULTS,
        lambda body, more: {"detector_id": more["id"], "historical": True, **body},
    ),
    "DeleteResults": (RESULTS, lambda body, more: body),
    "GetStats": (STATS, lambda body, more: {}),
}
"""Service of an operation, and its request from a body and the other arguments."""


class TypedSurface:
    """Over gRPC, in typed messages that are built from the documents."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def __call__(
        self, operation: str, body: Mapping[str, Any] | None = None, **arguments: Any
    ) -> Document:
        """Call the RPC of an operation."""
        if operation == "Bulk":
            return self._bulk(arguments["index"], arguments["raw"])
        (messages, stub), build = CALLS[operation]
        document = build(body, arguments)
        request, unknown = to_message(document, getattr(messages, f"{operation}Request"))
        assert unknown == (), (operation, unknown)
        answer = to_document(getattr(stub(self._channel), operation)(request))
        profile: Document = answer["detector"] if operation == "GetProfile" else answer
        return profile

    def _bulk(self, index: str, ndjson: bytes) -> Document:
        messages, stub = INDICES
        request = messages.BulkRequest()
        request.batch.index, request.batch.ndjson = index, ndjson
        return to_document(stub(self._channel).Bulk(request))


def without_nulls(value: Any) -> Any:
    """Leave out null and empty arrays, which a message cannot tell from absent."""
    if isinstance(value, dict):
        kept = {key: without_nulls(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != []}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def lines(documents: list[Document]) -> bytes:
    """Return a bulk body that writes documents under new ids."""
    return "".join('{"index":{}}\n' + json.dumps(one) + "\n" for one in documents).encode()
