"""Exactly what later work brings: each of these answers UNIMPLEMENTED, or 501, and nothing else."""

from __future__ import annotations

import grpc
from google.protobuf.message_factory import GetMessageClass

from anomalyd.api.rest.routes import declared_routes
from anomalyd.v1 import (
    detector_service_pb2,
    index_service_pb2,
    influencer_service_pb2,
    result_service_pb2,
    settings_service_pb2,
    stats_service_pb2,
    task_service_pb2,
)
from tests.support.rest import RestClient

FILES = (
    detector_service_pb2,
    task_service_pb2,
    result_service_pb2,
    influencer_service_pb2,
    stats_service_pb2,
    settings_service_pb2,
    index_service_pb2,
)

UNIMPLEMENTED: set[str] = set()

NOT_IMPLEMENTED: set[str] = set()


def code_of(channel: grpc.Channel, method: object) -> grpc.StatusCode:
    """Call a method with an empty request and return the status."""
    request = GetMessageClass(method.input_type)()
    path = f"/{method.containing_service.full_name}/{method.name}"
    try:
        if method.client_streaming:
            channel.stream_unary(path)(iter([request.SerializeToString()]))
        elif method.server_streaming:
            # some of these last as long as the caller wants; their first message is enough
            stream = channel.unary_stream(path)(request.SerializeToString())
            next(stream)
            stream.cancel()
        else:
            channel.unary_unary(path)(request.SerializeToString())
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_which_rpcs_are_unimplemented(channel: grpc.Channel) -> None:
    """The list is complete, and no other method forgot its implementation."""
    codes = {
        f"{service.name}/{method.name}": code_of(channel, method)
        for file in FILES
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    found = {name for name, code in codes.items() if code is grpc.StatusCode.UNIMPLEMENTED}
    assert found == UNIMPLEMENTED
    failed = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}
    assert not {name for name, code in codes.items() if code in failed}


def test_which_routes_are_not_implemented(rest: RestClient) -> None:
    """The list is complete for both prefixes, and no other route answers 501 or 500."""
    statuses: dict[str, int] = {}
    for route in declared_routes():
        path = route.template
        for name in (
            "detector_id",
            "type",
            "stat",
            "node_id",
            "job_id",
            "timestamp",
            "result_index",
            "id",
        ):
            path = path.replace(f"{{{name}}}", "x")
        path = path.replace("{index}", "nosuchindex").replace("{file}", "nosuchfile")
        if path.endswith("/_watch"):
            path += "?detector_id=x"  # refused at once, where a watch would last
        answer = rest(route.method, path)
        shown = route.template.replace("/_plugins/_anomaly_detection", "/_anomaly_detection/api")
        assert statuses.setdefault(f"{route.method} {shown}", answer.status) == answer.status
        if answer.status == 501:
            assert answer.json["status"] == 501
            assert answer.json["error"]["type"] == "not_implemented_exception"
    found = {name for name, status in statuses.items() if status == 501}
    assert found == NOT_IMPLEMENTED
    assert not {name for name, status in statuses.items() if status in (500, 502, 503)}
