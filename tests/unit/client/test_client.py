"""The client against the real service: every call once, as a program would use it."""

from __future__ import annotations

import inspect
import math

import orjson
import pytest

from anomalyd import errors
from anomalyd.client import Client
from anomalyd.client.detectors import Detectors
from anomalyd.client.indices import Indices
from anomalyd.client.influencers import Influencers
from anomalyd.client.results import Results
from anomalyd.client.settings import RuntimeSettings
from anomalyd.client.stats import Stats
from anomalyd.client.tasks import Tasks
from anomalyd.v1 import (
    common_pb2,
    detector_service_pb2,
    index_service_pb2,
    influencer_service_pb2,
    profile_pb2,
    result_service_pb2,
    settings_service_pb2,
    stats_service_pb2,
    task_pb2,
    task_service_pb2,
)

MINUTE = 60_000
START = 1_767_225_600_000
SPIKE = 400


def series(name: str, minutes: int = 500) -> bytes:
    """One document a minute; a wave with one spike."""
    documents = (
        {
            "t": START + at * MINUTE,
            "host": "a",
            "value": 100 + 10 * math.sin(at / 20) + (500 if at == SPIKE else 0),
        }
        for at in range(minutes)
    )
    action = orjson.dumps({"index": {"_index": name}})
    return b"".join(action + b"\n" + orjson.dumps(each) + b"\n" for each in documents)


def detector(name: str, index: str) -> dict[str, object]:
    return {
        "name": name,
        "description": "test",
        "time_field": "t",
        "indices": [index],
        "feature_attributes": [
            {
                "feature_name": "total",
                "feature_enabled": True,
                "aggregation_query": {"total": {"sum": {"field": "value"}}},
            }
        ],
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "category_field": ["host"],
    }


@pytest.fixture(scope="module")
def analysed(connected: Client) -> tuple[str, str]:
    """The ids of a detector and of its finished task."""
    fields = {"t": {"type": "date"}, "host": {"type": "keyword"}}
    connected.indices.create("client-series", mappings={"properties": fields})
    assert not connected.indices.bulk(series("client-series")).errors
    created = connected.detectors.create(detector("client-detector", "client-series"))
    task_id = connected.detectors.start(created.id, start=START, end=START + 500 * MINUTE)
    seen: list[float] = []
    task = connected.tasks.wait(task_id, on_progress=lambda task: seen.append(task.task_progress))
    assert task.state == task_pb2.TASK_STATE_FINISHED
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    return created.id, task_id


def test_the_spike_is_found(connected: Client, analysed: tuple[str, str]) -> None:
    """A detector made from a document finds the anomaly of the series, and names the entity."""
    detector_id, task_id = analysed
    answer = connected.results.anomalies(detector_id, task_id=task_id)
    assert answer.hits.total.value == len(answer.hits.hits) >= 1
    best = max(answer.hits.hits, key=lambda hit: hit.source.anomaly_grade).source
    assert best.data_start_time == START + SPIKE * MINUTE
    assert [(each.name, each.value) for each in best.entity] == [("host", "a")]


def test_top_anomalies_rank_the_entity(connected: Client, analysed: tuple[str, str]) -> None:
    """The only entity leads the ranking of the latest task."""
    detector_id, _ = analysed
    end = START + 1000 * MINUTE
    answer = connected.results.top_anomalies(detector_id, start=START, end=end)
    (bucket,) = answer.buckets
    assert dict(bucket.key) == {"host": "a"}


def test_a_preview_is_what_the_analysis_found(connected: Client, analysed: tuple[str, str]) -> None:
    """By id or by definition; a range too short is refused."""
    detector_id, _ = analysed
    end = START + 500 * MINUTE
    stored = connected.detectors.preview(detector_id, start=START, end=end)
    best = max(stored.anomaly_result, key=lambda result: result.anomaly_grade)
    assert best.data_start_time == START + SPIKE * MINUTE
    inline = detector("client-preview", "client-series")
    found = connected.detectors.preview(inline, start=START, end=end)
    assert len(found.anomaly_result) == len(stored.anomaly_result) == 499
    with pytest.raises(errors.IllegalArgument, match="needs 32 detection intervals"):
        connected.detectors.preview(inline, start=START, end=START + 5 * MINUTE)


def test_profiles_and_figures(connected: Client, analysed: tuple[str, str]) -> None:
    """Of the detector, of its only entity, and of the service."""
    detector_id, task_id = analysed
    assert connected.detectors.profile(detector_id).state == profile_pb2.PROFILE_STATE_DISABLED
    profile = connected.detectors.profile(detector_id, "ad_task")
    assert profile.ad_task.ad_task.task_id == task_id
    assert connected.detectors.profile(detector_id, all=True) == profile
    entity = connected.detectors.profile_entity(detector_id, {"host": "a"})
    assert entity.state == profile_pb2.PROFILE_STATE_UNKNOWN
    with pytest.raises(errors.InvalidRequest, match="Cannot find entity"):
        connected.detectors.profile_entity(detector_id, {"host": "nosuch"})
    (node,) = connected.stats.read("ad_total_batch_task_execution_count").nodes.values()
    assert node.ad_total_batch_task_execution_count >= 1
    assert connected.stats.read("detector_count").detector_count >= 1


def test_settings_are_changed_and_taken_back(connected: Client) -> None:
    """By full name; a wrong one is refused."""
    name = "plugins.anomaly_detection.max_concurrent_preview"
    assert dict(connected.settings.change({name: 4}).persistent) == {name: "4"}
    assert dict(connected.settings.read().persistent) == {name: "4"}
    connected.settings.change({name: None})
    assert connected.settings.read(defaults=True).defaults[name] == "2"
    with pytest.raises(errors.IllegalArgument, match="nosuch"):
        connected.settings.change({"nosuch": 1})


def test_results_are_deleted(connected: Client, analysed: tuple[str, str]) -> None:
    """Those that the query matches."""
    assert analysed
    definition = detector("client-results", "client-series")
    id = connected.detectors.create(definition).id
    connected.tasks.wait(connected.detectors.start(id, start=START, end=START + 100 * MINUTE))
    assert connected.results.delete({"term": {"detector_id": id}}).deleted == 100
    assert connected.results.delete({"term": {"detector_id": id}}).deleted == 0


def test_detectors_and_tasks_are_read_and_searched(
    connected: Client, analysed: tuple[str, str]
) -> None:
    """By id, and by a search body given as a document or as a message."""
    detector_id, task_id = analysed
    read = connected.detectors.get(detector_id, task=True)
    assert read.anomaly_detector.name == "client-detector"
    assert read.historical_analysis_task.task_id == task_id
    body = {"query": {"term": {"name.keyword": "client-detector"}}}
    found = connected.detectors.search(body)
    assert [hit.id for hit in found.hits.hits] == [detector_id]
    message = common_pb2.SearchBody(size=1)
    message.query.update({"ids": {"values": [task_id]}})
    tasks = connected.tasks.search(message)
    assert [hit.id for hit in tasks.hits.hits] == [task_id]


def test_a_detector_is_deleted_once(connected: Client, analysed: tuple[str, str]) -> None:
    """The first time it is deleted; later it is not found, which is no error."""
    assert analysed
    definition = detector("client-deleted", "client-series")
    with pytest.raises(errors.DetectorInvalid, match="when") as caught:
        connected.detectors.create(definition | {"time_field": "when"})
    assert caught.value.aspect == "time_field"
    created = connected.detectors.create(definition)
    assert connected.detectors.delete(created.id).result == common_pb2.WRITE_RESULT_DELETED
    assert connected.detectors.delete(created.id).result == common_pb2.WRITE_RESULT_NOT_FOUND
    with pytest.raises(errors.DetectorNotFound):
        connected.detectors.get(created.id)


def test_what_is_not_running_cannot_be_stopped(
    connected: Client, analysed: tuple[str, str]
) -> None:
    """A finished task is no running one."""
    with pytest.raises(errors.StateConflict):
        connected.detectors.stop(analysed[0])


def test_documents_are_streamed_counted_searched_and_deleted(connected: Client) -> None:
    """Several bulk bodies in one call; a search and a count see them all."""
    name = "client-streamed"
    answer = connected.indices.bulk_stream([series(name, 30), series(name, 12)])
    assert (answer.succeeded, answer.failed) == (42, 0)
    assert connected.indices.count([name]) == 42
    at_start = {"term": {"t": START}}
    assert connected.indices.count([name], at_start) == 2
    found = connected.indices.search([name], {"query": at_start, "size": 1})
    assert found.hits.total.value == 2
    connected.indices.delete([name])
    with pytest.raises(errors.IndexNotFound) as caught:
        connected.indices.mapping([name])
    assert caught.value.index == name


def test_failures_of_a_stream_carry_their_place(connected: Client) -> None:
    """Positions count over all bodies of the call."""
    name = "client-failures"
    good, bad = b'{"index":{}}\n{"v":1}\n', b'{"index":{}}\n{"v":"x"}\n'
    answer = connected.indices.bulk_stream([good + good, good + bad], index=name)
    assert (answer.succeeded, answer.failed) == (3, 1)
    assert [each.position for each in answer.failures] == [3]
    answer = connected.indices.append_lines(name, b'{"v":2}\n\n{"v":"y"}\nno json\n')
    assert (answer.succeeded, answer.failed) == (1, 2)
    assert [each.position for each in answer.failures] == [2, 3]
    assert connected.indices.count([name]) == 4


@pytest.mark.parametrize(
    ("service", "calls"),
    [
        (detector_service_pb2.DESCRIPTOR, Detectors),
        (task_service_pb2.DESCRIPTOR, Tasks),
        (result_service_pb2.DESCRIPTOR, Results),
        (influencer_service_pb2.DESCRIPTOR, Influencers),
        (stats_service_pb2.DESCRIPTOR, Stats),
        (settings_service_pb2.DESCRIPTOR, RuntimeSettings),
        (index_service_pb2.DESCRIPTOR, Indices),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else "",
)
def test_every_method_that_is_served_has_a_call(service: object, calls: type) -> None:
    """What the client lacks is what the service itself answers UNIMPLEMENTED to."""
    (described,) = service.services_by_name.values()  # type: ignore[attr-defined]
    source = inspect.getsource(calls)
    missing = {method.name for method in described.methods if f"/{method.name}" not in source}
    assert not missing
