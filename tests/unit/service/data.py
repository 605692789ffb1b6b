"""Documents and requests for tests of the use cases."""

import math
import random
import time

import orjson

from anomalyd.application import Application
from anomalyd.model.task import TaskState

NOW = 1_795_313_820_000
MINUTE = 60_000
MINUTES = 600
HOSTS = ("host-1", "host-2", "host-3")
FIRST = NOW - MINUTES * MINUTE
INCIDENT = 450

MAPPING = {
    "mappings": {
        "properties": {
            "timestamp": {"type": "date"},
            "value": {"type": "double"},
            "latency": {"type": "double"},
            "host": {"type": "keyword"},
            "service": {"type": "keyword"},
            "ip": {"type": "ip"},
            "message": {"type": "text"},
        }
    }
}


def server_log() -> list[dict]:
    """One document per minute and host; host-2 has an incident late in the range."""
    noise = random.Random(3)
    documents = []
    for minute in range(MINUTES):
        for number, host in enumerate(HOSTS):
            value = 100 + 20 * math.sin(minute / 15) + noise.random() * 2 + number
            if number == 1 and INCIDENT <= minute < INCIDENT + 5:
                value += 400
            # host-1 has most documents, host-3 fewest: the order of the top entities.
            if minute % 60 < number:
                continue
            documents.append(
                {
                    "timestamp": FIRST + minute * MINUTE + number,
                    "value": value,
                    "host": host,
                    "service": "db" if minute % 2 else "web",
                    "ip": f"10.0.0.{number}",
                    "message": "an ordinary line",
                }
            )
    return documents


def bulk(documents: list[dict]) -> bytes:
    """An NDJSON bulk body."""
    lines = (b'{"index":{}}\n' + orjson.dumps(document) + b"\n" for document in documents)
    return b"".join(lines)


def fill(application: Application) -> None:
    """Make the indices that the tests ask about."""
    indices = application.indices
    indices.create_index("server_log", MAPPING)
    assert not indices.bulk(bulk(server_log()), default_index="server_log").errors
    indices.create_index("empty_log", MAPPING)
    indices.create_index(
        "nodate_log", {"mappings": {"properties": {"timestamp": {"type": "keyword"}}}}
    )
    nodate = [{"timestamp": "yesterday", "value": 1.5}]
    assert not indices.bulk(bulk(nodate), default_index="nodate_log").errors


def feature(
    name: str = "test", function: str = "sum", field: str = "value", **more: object
) -> dict:
    """A feature's document."""
    return {"feature_name": name, "aggregation_query": {name: {function: {"field": field}}}, **more}


def detector(**changes: object) -> dict:
    """A detector's document: the sum of value per minute."""
    body = {
        "name": "test-detector",
        "description": "Test detector",
        "time_field": "timestamp",
        "indices": ["server_log*"],
        "feature_attributes": [feature()],
        "filter_query": {"bool": {"filter": [{"range": {"value": {"gt": 1}}}]}},
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": 1, "unit": "Minutes"}},
    }
    return {key: value for key, value in (body | changes).items() if value is not ...}


def create(application: Application, **changes: object) -> str:
    """Create a detector and return its id."""
    written = application.detectors.create(detector(**changes), caller=application.caller)
    return written.stored.id


def start(application: Application, detector_id: str, **changes: object) -> str:
    """Start historical analysis of everything and return the task's id."""
    body = {"start_time": FIRST, "end_time": NOW} | changes
    return application.detectors.start_historical(detector_id, body, caller=application.caller).id


def end_of(application: Application, task_id: str, *, seconds: float = 20) -> dict:
    """Wait for a task's end and return its document."""
    deadline = time.monotonic() + seconds
    while True:
        task = application.tasks.get(task_id)
        if TaskState(task["state"]).ended:
            return task
        assert time.monotonic() < deadline, f"still {task['state']}: {task['task_progress']}"
        time.sleep(0.01)


def analyse(application: Application, detector_id: str, **changes: object) -> dict:
    """Run historical analysis to its end and return its task's document."""
    return end_of(application, start(application, detector_id, **changes))


def results(application: Application, task_id: str, *more: dict, size: int = 5_000) -> list[dict]:
    """The results of a run in the order of time."""
    body = {
        "query": {"bool": {"filter": [{"term": {"task_id": task_id}}, *more]}},
        "sort": [{"data_start_time": "asc"}],
        "size": size,
    }
    hits = application.results.search(body, custom_index="searchguard-ad-result-*")["hits"]["hits"]
    return [hit["_source"] for hit in hits]
