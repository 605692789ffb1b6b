"""Settings over both surfaces."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from anomalyd.v1 import settings_service_pb2, settings_service_pb2_grpc
from tests.support.rest import RestClient

PATH = "/_cluster/settings"
NAME = "plugins.anomaly_detection.max_entities_for_preview"


@pytest.fixture(autouse=True)
def untouched(rest: RestClient) -> Iterator[None]:
    """Leave the shared service as it was."""
    yield
    assert rest("PUT", PATH, {"persistent": {NAME: None}}).status == 200


def test_changed_over_rest_and_read_over_grpc(rest: RestClient, channel: grpc.Channel) -> None:
    """Nested unless asked for flat; values as texts."""
    changed = rest("PUT", PATH, {"persistent": {NAME: 7}})
    nested = {"plugins": {"anomaly_detection": {"max_entities_for_preview": "7"}}}
    assert changed.status == 200, changed.body
    assert changed.json == {"acknowledged": True, "persistent": nested, "transient": {}}
    assert rest("GET", PATH).json == {"persistent": nested, "transient": {}}
    flat = rest("GET", f"{PATH}?flat_settings=true&include_defaults=true").json
    assert flat["persistent"] == {NAME: "7"}
    assert flat["defaults"]["plugins.anomaly_detection.max_anomaly_features"] == "5"
    stub = settings_service_pb2_grpc.SettingsServiceStub(channel)
    read = stub.GetSettings(settings_service_pb2.GetSettingsRequest(include_defaults=True))
    assert dict(read.persistent) == flat["persistent"]
    assert dict(read.defaults) == flat["defaults"]


def test_changed_over_grpc_and_read_over_rest(rest: RestClient, channel: grpc.Channel) -> None:
    """Null takes the change back."""
    stub = settings_service_pb2_grpc.SettingsServiceStub(channel)
    request = settings_service_pb2.ChangeSettingsRequest()
    request.persistent.update({NAME: 3})
    answer = stub.ChangeSettings(request)
    assert (answer.acknowledged, dict(answer.persistent)) == (True, {NAME: "3"})
    assert rest("GET", f"{PATH}?flat_settings").json["persistent"] == {NAME: "3"}
    request.persistent.update({NAME: None})
    stub.ChangeSettings(request)
    assert rest("GET", PATH).json == {"persistent": {}, "transient": {}}


def test_refusals(rest: RestClient, channel: grpc.Channel) -> None:
    """Unknown settings by name, a missing body, an empty request."""
    unknown = rest("PUT", PATH, {"persistent": {"cluster.name": "x"}})
    assert (unknown.status, unknown.json["error"]["type"]) == (400, "illegal_argument_exception")
    assert unknown.reason == "persistent setting [cluster.name], not recognized"
    assert rest("PUT", PATH).status == 400
    assert rest("POST", PATH, {}).status == 405
    stub = settings_service_pb2_grpc.SettingsServiceStub(channel)
    with pytest.raises(grpc.RpcError) as caught:
        stub.ChangeSettings(settings_service_pb2.ChangeSettingsRequest())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
