"""The typed services: the same answers as over REST, as messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from anomalyd.api.convert import to_document, to_message
from anomalyd.api.server import TYPED_SERVICES
from anomalyd.v1 import (
    common_pb2,
    detector_pb2,
    detector_service_pb2,
    detector_service_pb2_grpc,
    index_pb2,
    index_service_pb2,
    index_service_pb2_grpc,
    result_service_pb2,
    result_service_pb2_grpc,
    task_pb2,
    task_service_pb2,
    task_service_pb2_grpc,
)
from tests.support.documents import API, MINUTE, START, WINDOWS, detector, finished_task, load
from tests.support.rest import RestClient

INDEX = "typed_log"
DETAILS = "grpc-status-details-bin"


@pytest.fixture(scope="module", autouse=True)
def documents(rest: RestClient) -> None:
    load(rest, INDEX)


@pytest.fixture(scope="module")
def detectors(channel: grpc.Channel) -> detector_service_pb2_grpc.DetectorServiceStub:
    return detector_service_pb2_grpc.DetectorServiceStub(channel)


@pytest.fixture(scope="module")
def indices(channel: grpc.Channel) -> index_service_pb2_grpc.IndexServiceStub:
    return index_service_pb2_grpc.IndexServiceStub(channel)


@pytest.fixture(scope="module")
def created(
    detectors: detector_service_pb2_grpc.DetectorServiceStub, documents: None
) -> detector_service_pb2.CreateDetectorResponse:
    return detectors.CreateDetector(
        detector_service_pb2.CreateDetectorRequest(detector=message("typed-hc", ["host"]))
    )


@pytest.fixture(scope="module")
def task_id(
    detectors: detector_service_pb2_grpc.DetectorServiceStub,
    created: detector_service_pb2.CreateDetectorResponse,
    rest: RestClient,
) -> str:
    started = detectors.StartDetector(
        detector_service_pb2.StartDetectorRequest(
            id=created.id,
            date_range=common_pb2.DetectionDateRange(
                start_time=START, end_time=START + WINDOWS * MINUTE
            ),
        )
    )
    assert finished_task(rest, created.id)["state"] == "FINISHED"
    return str(started.id)


def message(name: str, categories: list[str] | None = None) -> detector_pb2.Detector:
    document = detector(name, INDEX, **({"category_field": categories} if categories else {}))
    built, unknown = to_message(document, detector_pb2.Detector)
    assert unknown == ()
    return built


def search_body(**body: object) -> common_pb2.SearchBody:
    built, unknown = to_message(body, common_pb2.SearchBody)
    assert unknown == ()
    return built


def without_took(document: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in document.items() if key != "took"}


def without_nulls(value: object) -> object:
    """Leave out null and empty arrays, which a message cannot tell from absent."""
    if isinstance(value, dict):
        kept = {key: without_nulls(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != []}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def test_a_detector_is_the_same_over_both_surfaces(
    detectors: detector_service_pb2_grpc.DetectorServiceStub,
    created: detector_service_pb2.CreateDetectorResponse,
    rest: RestClient,
    task_id: str,
) -> None:
    """The message holds all that the document holds, tasks included."""
    assert created.anomaly_detector.detector_type == detector_pb2.DETECTOR_TYPE_MULTI_ENTITY
    assert created.version == 1
    request = detector_service_pb2.GetDetectorRequest(id=created.id, job=True, task=True)
    typed = to_document(detectors.GetDetector(request))
    shown = rest("GET", f"{API}/detectors/{created.id}?job=true&task=true").json
    # a null inside a Struct is a value and stays; to compare, it goes on both sides
    assert without_nulls(typed) == without_nulls(shown)
    assert typed["historical_analysis_task"]["task_id"] == task_id


@pytest.mark.parametrize("resource", ["detectors", "detectors/tasks", "detectors/results"])
def test_searches_are_the_same_over_both_surfaces(
    channel: grpc.Channel,
    created: detector_service_pb2.CreateDetectorResponse,
    task_id: str,
    rest: RestClient,
    resource: str,
) -> None:
    """Every hit has every field, with sort values and aggregations."""
    field = "name.keyword" if resource == "detectors" else "detector_id"
    value = "typed-hc" if resource == "detectors" else created.id
    body = {
        "query": {"term": {field: value}},
        "sort": [{"last_update_time" if "results" not in resource else "data_start_time": "asc"}],
        "size": 5,
        "track_total_hits": True,
        "aggs": {"count": {"value_count": {"field": field}}},
    }
    stub = {
        "detectors": lambda b: detector_service_pb2_grpc.DetectorServiceStub(
            channel
        ).SearchDetectors(detector_service_pb2.SearchDetectorsRequest(body=b)),
        "detectors/tasks": lambda b: task_service_pb2_grpc.TaskServiceStub(channel).SearchTasks(
            task_service_pb2.SearchTasksRequest(body=b)
        ),
        "detectors/results": lambda b: result_service_pb2_grpc.ResultServiceStub(
            channel
        ).SearchResults(result_service_pb2.SearchResultsRequest(body=b)),
    }[resource]
    typed = to_document(stub(search_body(**body)))
    shown = rest("POST", f"{API}/{resource}/_search", body).json
    assert shown["hits"]["hits"]
    more = typed.pop("next_page_token", None)
    assert (more is not None) == (len(shown["hits"]["hits"]) == body["size"])
    assert without_nulls(without_took(typed)) == without_nulls(without_took(shown))


def test_a_task_alone(
    channel: grpc.Channel, created: detector_service_pb2.CreateDetectorResponse, task_id: str
) -> None:
    """GetTask reads one; an unknown id is NOT_FOUND."""
    tasks = task_service_pb2_grpc.TaskServiceStub(channel)
    task = tasks.GetTask(task_service_pb2.GetTaskRequest(id=task_id)).task
    assert (task.task_id, task.detector_id) == (task_id, created.id)
    assert task.state == task_pb2.TASK_STATE_FINISHED
    with pytest.raises(grpc.RpcError) as caught:
        tasks.GetTask(task_service_pb2.GetTaskRequest(id="nosuch"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_top_anomalies(
    channel: grpc.Channel,
    created: detector_service_pb2.CreateDetectorResponse,
    task_id: str,
    rest: RestClient,
) -> None:
    """The same buckets as over REST."""
    results = result_service_pb2_grpc.ResultServiceStub(channel)
    request = result_service_pb2.GetTopAnomaliesRequest(
        detector_id=created.id,
        historical=True,
        start_time_ms=START,
        end_time_ms=START + WINDOWS * MINUTE,
    )
    shown = rest(
        "GET",
        f"{API}/detectors/{created.id}/results/_topAnomalies?historical=true",
        {"start_time_ms": START, "end_time_ms": START + WINDOWS * MINUTE},
    )
    assert to_document(results.GetTopAnomalies(request)) == shown.json


def test_stop_and_delete(detectors: detector_service_pb2_grpc.DetectorServiceStub) -> None:
    """What never ran cannot be stopped; deleting tells what became of it."""
    made = detectors.CreateDetector(
        detector_service_pb2.CreateDetectorRequest(detector=message("typed-brief"))
    )
    with pytest.raises(grpc.RpcError) as caught:
        detectors.StopDetector(
            detector_service_pb2.StopDetectorRequest(id=made.id, historical=True)
        )
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    request = detector_service_pb2.DeleteDetectorRequest(id=made.id)
    assert detectors.DeleteDetector(request).result == common_pb2.WRITE_RESULT_DELETED
    assert detectors.DeleteDetector(request).result == common_pb2.WRITE_RESULT_NOT_FOUND


def error_info(error: grpc.RpcError) -> tuple[error_details_pb2.ErrorInfo, list[str]]:
    """Return the reason and the fields that a failed call names."""
    metadata = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(metadata[DETAILS])
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if not detail.Unpack(info):
            detail.Unpack(request)
    return info, [violation.field for violation in request.field_violations]


def test_errors_carry_a_reason_and_the_field(
    detectors: detector_service_pb2_grpc.DetectorServiceStub,
) -> None:
    """Programs branch on the reason; the text is the reference's."""
    with pytest.raises(grpc.RpcError) as caught:
        detectors.CreateDetector(detector_service_pb2.CreateDetectorRequest())
    info, fields = error_info(caught.value)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (info.reason, info.domain, fields) == ("DETECTOR_INVALID", "anomalyd", ["name"])
    with pytest.raises(grpc.RpcError) as caught:
        detectors.GetDetector(detector_service_pb2.GetDetectorRequest(id="nosuch"))
    info, _ = error_info(caught.value)
    assert (caught.value.code(), info.reason) == (grpc.StatusCode.NOT_FOUND, "DETECTOR_NOT_FOUND")
    with pytest.raises(grpc.RpcError) as caught:
        detectors.GetDetector(detector_service_pb2.GetDetectorRequest())
    _, fields = error_info(caught.value)
    assert fields == ["id"]


def test_requests_have_names(detectors: detector_service_pb2_grpc.DetectorServiceStub) -> None:
    """The caller's request id comes back; without one there is a new one."""
    request = detector_service_pb2.SearchDetectorsRequest()
    _, call = detectors.SearchDetectors.with_call(request, metadata=(("x-request-id", "mine"),))
    assert dict(call.trailing_metadata())["x-request-id"] == "mine"
    _, call = detectors.SearchDetectors.with_call(request)
    assert len(dict(call.trailing_metadata())["x-request-id"]) == 20


def test_bulk(indices: index_service_pb2_grpc.IndexServiceStub) -> None:
    """Typed documents in, an item for each out, and they can be searched and counted."""
    good = index_pb2.BulkOperation(id="1", json=b'{"n": 1, "host": "a"}')
    structured = index_pb2.BulkOperation(action=index_pb2.BULK_ACTION_CREATE, id="2")
    structured.document.update({"n": 2, "host": "b"})
    bad = index_pb2.BulkOperation(id="3", json=b'{"n": "many"}')
    batch = index_pb2.BulkBatch(index="typed_bulk", operations=[good, structured, bad])
    answer = indices.Bulk(index_service_pb2.BulkRequest(batch=batch))
    assert answer.errors
    assert [item.status for item in answer.items] == [201, 201, 400]
    assert answer.items[2].error.type == "mapper_parsing_exception"
    found = indices.Search(
        index_service_pb2.SearchRequest(
            indices=["typed_bulk"], body=search_body(query={"term": {"n": 2}})
        )
    )
    assert [to_document(hit)["_source"] for hit in found.hits.hits] == [{"n": 2, "host": "b"}]
    counted = indices.Count(index_service_pb2.CountRequest(indices=["typed_bulk"]))
    assert counted.count == 2
    mapping = indices.GetMapping(index_service_pb2.GetMappingRequest(indices=["typed_bulk"]))
    assert to_document(mapping)["indices"]["typed_bulk"]["mappings"]["properties"]["n"] == {
        "type": "long"
    }
    indices.DeleteIndex(index_service_pb2.DeleteIndexRequest(indices=["typed_bulk"]))
    with pytest.raises(grpc.RpcError) as caught:
        indices.Count(index_service_pb2.CountRequest(indices=["typed_bulk"]))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_create_index(indices: index_service_pb2_grpc.IndexServiceStub) -> None:
    """With a mapping; a second time it exists; deleting nothing is refused."""
    request = index_service_pb2.CreateIndexRequest(index="typed_made")
    request.mappings.update({"properties": {"t": {"type": "date"}}})
    assert indices.CreateIndex(request).acknowledged
    with pytest.raises(grpc.RpcError) as caught:
        indices.CreateIndex(request)
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    with pytest.raises(grpc.RpcError) as caught:
        indices.DeleteIndex(index_service_pb2.DeleteIndexRequest())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def batches(count: int) -> Iterator[index_service_pb2.BulkStreamRequest]:
    """Yield batches of ten documents, one of which cannot be written."""
    for number in range(count):
        rows = [{"n": number * 10 + i} for i in range(9)] + [{"n": "many"}]
        ndjson = "".join('{"index":{}}\n' + json.dumps(row) + "\n" for row in rows)
        batch = index_pb2.BulkBatch(index="typed_stream", ndjson=ndjson.encode())
        yield index_service_pb2.BulkStreamRequest(batch=batch)


def test_bulk_stream(indices: index_service_pb2_grpc.IndexServiceStub) -> None:
    """One report at the end: how many succeeded, how many failed, and why."""
    answer = indices.BulkStream(batches(5))
    assert (answer.succeeded, answer.failed, answer.errors) == (45, 5, True)
    assert {item.error.type for item in answer.failures} == {"mapper_parsing_exception"}
    counted = indices.Count(index_service_pb2.CountRequest(indices=["typed_stream"]))
    assert counted.count == 45


def test_bulk_stream_of_plain_lines(indices: index_service_pb2_grpc.IndexServiceStub) -> None:
    """The fastest form; a failure says at which line of the whole call it is."""
    good = index_pb2.BulkBatch(index="typed_lines", documents=b'{"n":1}\n{"n":2}\n')
    bad = index_pb2.BulkBatch(index="typed_lines", documents=b'{"n":3}\n{"n":"many"}\n')
    requests = [index_service_pb2.BulkStreamRequest(batch=batch) for batch in (good, bad)]
    answer = indices.BulkStream(iter(requests))
    assert (answer.succeeded, answer.failed) == (3, 1)
    assert [item.position for item in answer.failures] == [3]


def test_bulk_stream_keeps_whole_batches(
    indices: index_service_pb2_grpc.IndexServiceStub,
) -> None:
    """A batch of the wrong form ends the call; those before it are written."""

    def broken() -> Iterator[index_service_pb2.BulkStreamRequest]:
        yield from batches(1)
        yield index_service_pb2.BulkStreamRequest()

    indices.CreateIndex(index_service_pb2.CreateIndexRequest(index="typed_broken"))
    before = indices.Count(index_service_pb2.CountRequest(indices=["typed_stream"])).count
    with pytest.raises(grpc.RpcError) as caught:
        indices.BulkStream(broken())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    after = indices.Count(index_service_pb2.CountRequest(indices=["typed_stream"])).count
    assert after == before + 9


def test_health(channel: grpc.Channel) -> None:
    """The service as a whole and each of its services say SERVING."""
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", *TYPED_SERVICES, "anomalyd.v1.Rest"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection(channel: grpc.Channel) -> None:
    """Tools find the services without the protos."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = next(iter(stub.ServerReflectionInfo(iter([request]))))
    names = {service.name for service in answer.list_services_response.service}
    assert set(TYPED_SERVICES) < names


def test_channelz(channel: grpc.Channel) -> None:
    """On loopback the server tells about its sockets and calls."""
    stub = channelz_pb2_grpc.ChannelzStub(channel)
    assert stub.GetServers(channelz_pb2.GetServersRequest()).server


def test_the_facade_is_for_the_gateway(channel: grpc.Channel) -> None:
    """A gRPC client that calls Rest without the original path is told to use typed services."""
    call = channel.unary_unary("/anomalyd.v1.Rest/GetInfo")
    response, info = call.with_call(b"")
    assert dict(info.initial_metadata())["x-http-status"] == "400"
    assert b"use the typed services" in response
