"""Results and tasks as they happen: typed streams, and server-sent events through the gateway."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest

from anomalyd.client import Client
from anomalyd.config import Settings
from anomalyd.errors import DetectorNotFound, IllegalArgument, TaskNotFound, Throttled
from anomalyd.running import Addresses, RunningService
from anomalyd.v1 import task_pb2
from tests.support.documents import (
    API,
    HOSTS,
    MINUTE,
    SPIKE,
    START,
    WINDOWS,
    detector,
    finished_task,
    load,
)
from tests.support.rest import RestClient

INDEX = "watch_log"
WATCH = f"{API}/detectors/results/_watch"


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.grpc_address) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(rest: RestClient) -> tuple[str, str]:
    """A detector by host that has been run once: its id and the task's."""
    load(rest, INDEX)
    created = rest("POST", f"{API}/detectors", detector("watch", INDEX, category_field=["host"]))
    detector_id = created.json["_id"]
    return detector_id, start(rest, detector_id)


def start(rest: RestClient, detector_id: str) -> str:
    period = {"start_time": START, "end_time": START + WINDOWS * MINUTE}
    answer = rest("POST", f"{API}/detectors/{detector_id}/_start", period)
    assert answer.status == 200, answer.body
    finished_task(rest, detector_id)
    return str(answer.json["_id"])


@dataclass
class Event:
    id: str = ""
    name: str = ""
    data: str = ""


class EventStream:
    """Reads server-sent events as the HTML standard says."""

    def __init__(self, address: tuple[str, int], path: str, **headers: str) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=30)
        self._connection.request("GET", path, headers=headers)
        self.answer = self._connection.getresponse()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def events(self) -> Iterator[Event]:
        event = Event()
        while line := self.answer.readline():
            text = line.decode().rstrip("\n")
            field, _, value = text.partition(": ")
            if not text:
                yield event
                event = Event()
            elif field == "id":
                event.id = value
            elif field == "event":
                event.name = value
            elif field == "data":
                event.data = value


def test_a_watcher_is_sent_what_is_written_from_now_on(
    client: Client, rest: RestClient, run: tuple[str, str]
) -> None:
    """The first message says where the watch begins; nothing from before comes."""
    detector_id, _ = run
    # a task that is still to come cannot be named: follow all results of a second detector by it
    second = rest("POST", f"{API}/detectors", detector("watch-new", INDEX)).json["_id"]
    task = start(rest, second)
    stream = client.results.watch(second, task_id=task, timeout=30)
    first = next(stream)
    assert not first.HasField("result")
    assert first.position >= WINDOWS - 1
    assert first.behind == 0
    stream.close()
    assert detector_id != second


def test_a_reader_that_comes_back_misses_nothing_and_gets_nothing_twice(
    client: Client, rest: RestClient, run: tuple[str, str]
) -> None:
    """Read in parts from the positions, all results of the run arrive once, in order."""
    detector_id, task = run
    wanted = rest(
        "POST",
        f"{API}/detectors/results/_search",
        {"size": 0, "query": {"term": {"task_id": task}}, "track_total_hits": True},
    ).json["hits"]["total"]["value"]
    seen: list[tuple[int, str, int]] = []
    after = -1
    for part in (1, 7, 300, wanted - 308):
        stream = client.results.watch(detector_id, task_id=task, after=after, timeout=30)
        for _ in range(part):
            message = next(stream)
            assert message.HasField("result")
            entity = message.result.entity[0].value
            seen.append((message.position, entity, message.result.data_start_time))
            after = message.position
        stream.close()
    assert len(seen) == wanted == len({row[1:] for row in seen})
    assert [row[0] for row in seen] == sorted(row[0] for row in seen)


def test_a_late_reader_is_told_how_far_it_is_behind(client: Client, run: tuple[str, str]) -> None:
    """It gets one page at a time, and the number of results that still wait."""
    detector_id, task = run
    stream = client.results.watch(detector_id, task_id=task, after=-1, timeout=30)
    behind = [next(stream).behind for _ in range(2 * WINDOWS - 2)]
    stream.close()
    assert behind[0] > behind[-1] >= 0
    assert behind == sorted(behind, reverse=True)


def test_filters(client: Client, run: tuple[str, str]) -> None:
    """By entity and by grade: only the planted spike's host, only anomalies."""
    detector_id, task = run
    stream = client.results.watch(
        detector_id,
        task_id=task,
        grade_above=0.0,
        entity={"host": HOSTS[0]},
        after=-1,
        timeout=30,
    )
    message = next(stream)
    while message.result.data_start_time != START + SPIKE * MINUTE:
        assert message.result.anomaly_grade > 0
        assert [(part.name, part.value) for part in message.result.entity] == [("host", HOSTS[0])]
        message = next(stream)
    stream.close()


def test_events_are_the_documents_of_the_search(rest: RestClient, run: tuple[str, str]) -> None:
    """Over REST each result is an event with its position as id; `Last-Event-ID` goes on."""
    detector_id, task = run
    query = {"bool": {"filter": [{"term": {"task_id": task}}]}}
    body = {"query": query, "size": 3, "sort": [{"_seq_no": "asc"}]}
    hits = rest("POST", f"{API}/detectors/results/_search", body).json["hits"]["hits"]
    path = f"{WATCH}?detector_id={detector_id}&task_id={task}&after="
    with EventStream(rest.address, f"{path}-1") as stream:
        assert stream.answer.status == 200
        assert stream.answer.headers["content-type"].startswith("text/event-stream")
        expected = hits
        got = [event for event, _ in zip(stream.events(), expected, strict=False)]
        for event, hit in zip(got, expected, strict=True):
            assert event.name == "result"
            assert (int(event.id), json.loads(event.data)) == (hit["_seq_no"], hit["_source"])
    with EventStream(rest.address, f"{path}-1", **{"Last-Event-ID": got[0].id}) as stream:
        assert next(stream.events()).id == got[1].id


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("detector_id=nosuch", 404, "Can't find detector with id: nosuch"),
        ("grade_above=2", 400, "[grade_above] must be a number from 0 to 1"),
        ("after=x", 400, "[after] must be the position that came with a result"),
        ("entity=web-1", 400, "[category_field] and [entity] belong together"),
        ("nosuch=1", 400, "contains unrecognized parameter: [nosuch]"),
    ],
)
def test_a_watch_that_cannot_be_is_an_ordinary_error(
    rest: RestClient, query: str, status: int, reason: str
) -> None:
    """Nothing of a stream has been sent then: status and body are as everywhere."""
    answer = rest("GET", f"{WATCH}?{query}")
    assert answer.status == status
    assert reason in answer.reason


def test_typed_errors(client: Client) -> None:
    """The typed calls fail with the same errors."""
    with pytest.raises(DetectorNotFound):
        next(client.results.watch("nosuch"))
    with pytest.raises(IllegalArgument, match="grade_above"):
        next(client.results.watch(grade_above=1.5))
    with pytest.raises(TaskNotFound):
        next(client.tasks.watch("nosuch"))


def test_a_task_is_followed_to_its_end(client: Client, rest: RestClient) -> None:
    """Every change of a run arrives, and the stream ends with it."""
    created = rest("POST", f"{API}/detectors", detector("watch-task", INDEX)).json["_id"]
    period = {"start_time": START, "end_time": START + WINDOWS * MINUTE}
    task = rest("POST", f"{API}/detectors/{created}/_start", period).json["_id"]
    states = [one.state for one in client.tasks.watch(task, timeout=30)]
    assert states[-1] == task_pb2.TASK_STATE_FINISHED
    assert states.count(task_pb2.TASK_STATE_FINISHED) == 1


def test_watchers_are_limited_and_end_with_the_service(rest: RestClient) -> None:
    """Beyond the limit a caller is told so; those that watch end in order at shutdown."""
    settings = Settings(max_watchers=1)
    ended = threading.Event()
    with RunningService(settings, Addresses(grpc_port=0, rest_port=None)) as small:
        client = Client(small.grpc_address)
        first = client.results.watch()
        next(first)
        with pytest.raises(Throttled, match="max_watchers"):
            next(client.results.watch())

        def read() -> None:
            try:
                for _ in first:
                    pass
            except grpc.RpcError:
                return
            ended.set()

        reader = threading.Thread(target=read)
        reader.start()
    reader.join(timeout=10)
    assert ended.is_set(), "the stream ended in an error"
    client.close()
