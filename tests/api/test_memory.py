"""Memory before a start, over both surfaces: the estimate, and the refusal."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from anomalyd.api.convert import to_document, to_message
from anomalyd.config import Settings
from anomalyd.running import Addresses, RunningService
from anomalyd.v1 import detector_pb2, detector_service_pb2, detector_service_pb2_grpc
from tests.support.documents import API, HOSTS, detector, load
from tests.support.rest import RestClient

INDEX = "memory_log"
BUDGET = 1_000_000


@pytest.fixture(scope="module")
def small() -> Iterator[tuple[RestClient, detector_service_pb2_grpc.DetectorServiceStub]]:
    """A service with room for hardly any model, over both surfaces."""
    settings = Settings(model_memory_budget=BUDGET)
    with RunningService(settings, Addresses(grpc_port=0, rest_port=0)) as service:
        assert service.rest_address is not None
        with (
            RestClient(service.rest_address) as rest,
            grpc.insecure_channel(service.grpc_address) as channel,
        ):
            load(rest, INDEX, windows=60)
            yield rest, detector_service_pb2_grpc.DetectorServiceStub(channel)


def test_the_estimate_is_the_same_on_both_surfaces(small) -> None:
    """Where it is asked for; a plain validation stays as it is."""
    rest, stub = small
    body = detector("estimated", INDEX) | {"category_field": ["host"]}
    answer = rest("POST", f"{API}/detectors/_validate/memory", body)
    assert answer.status == 200
    shown = answer.json["memory"]
    assert list(shown) == [
        "entities",
        "model_size_in_bytes",
        "needed_in_bytes",
        "least_in_bytes",
        "reserved_in_bytes",
        "room_in_bytes",
        "startable",
    ]
    assert shown["entities"] == len(HOSTS)
    assert shown["needed_in_bytes"] == len(HOSTS) * shown["model_size_in_bytes"]
    assert shown["least_in_bytes"] == 10 * shown["model_size_in_bytes"]
    assert (shown["reserved_in_bytes"], shown["startable"]) == (0, False)
    assert rest("POST", f"{API}/detectors/_suggest/memory", body).json == {"memory": shown}
    assert rest("POST", f"{API}/detectors/_validate", body).json == {}
    definition, _ = to_message(body, detector_pb2.Detector)
    validated = stub.ValidateDetector(
        detector_service_pb2.ValidateDetectorRequest(detector=definition, memory=True)
    )
    assert to_document(validated) == {"memory": shown}
    suggested = stub.SuggestParameters(
        detector_service_pb2.SuggestParametersRequest(detector=definition)
    )
    assert to_document(suggested)["memory"] == shown


def test_a_start_without_room_is_refused_on_both_surfaces(small) -> None:
    """429 and RESOURCE_EXHAUSTED with the documented words; a detector that fits starts."""
    rest, stub = small
    body = detector("too-large", INDEX) | {"category_field": ["host"]}
    id = rest("POST", f"{API}/detectors", body).json["_id"]
    answer = rest("POST", f"{API}/detectors/{id}/_start")
    assert answer.status == answer.json["status"] == 429
    assert answer.json["error"]["type"] == "circuit_breaking_exception"
    assert answer.json["error"]["bytes_wanted"] > answer.json["error"]["bytes_limit"]
    assert answer.reason.startswith("AD models memory usage exceeds our limit. ")
    with pytest.raises(grpc.RpcError) as refused:
        stub.StartDetector(detector_service_pb2.StartDetectorRequest(id=id))
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused.value.details() == answer.reason
    info = error_details_pb2.ErrorInfo()
    rpc_status.from_call(refused.value).details[0].Unpack(info)
    assert info.reason == "MEMORY_EXCEEDED"
    single = rest("POST", f"{API}/detectors", detector("small", INDEX)).json["_id"]
    assert rest("POST", f"{API}/detectors/{single}/_start").status == 200
    assert rest("POST", f"{API}/detectors/{single}/_stop").status == 200
