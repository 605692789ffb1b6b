"""One story over both surfaces, each on a fresh service with the same ids: equal documents."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from anomalyd.config import Settings
from anomalyd.running import Addresses, RunningService
from tests.support.documents import HOSTS, MINUTE, SPIKE, START, WINDOWS, detector
from tests.support.rest import RestClient
from tests.support.surfaces import (
    Document,
    RestSurface,
    Surface,
    TypedSurface,
    lines,
    without_nulls,
)

INDEX = "story"
PAST = {"start_time": START, "end_time": START + WINDOWS * MINUTE}
PREVIEWED = {"period_start": START, "period_end": START + WINDOWS * MINUTE}
TOP = {"start_time_ms": START, "end_time_ms": START + WINDOWS * MINUTE, "size": 3}
ENDED = ("FINISHED", "FAILED", "STOPPED")

# of the moment of the request, not of its data
MOMENTARY = frozenset(
    {
        "took",
        "last_update_time",
        "execution_start_time",
        "execution_end_time",
        "estimated_minutes_left",
        # of the process
        "coordinating_node",
        "worker_node",
        # how often a task was written while it ran depends on how fast it ran
        "_seq_no",
        "_version",
    }
)


def tell(ask: Surface) -> dict[str, Document]:
    """Run the story and return the answer of each step."""
    told: dict[str, Document] = {}
    fields = {"timestamp": "date", "value": "double", "host": "keyword"}
    mappings = {"properties": {name: {"type": kind} for name, kind in fields.items()}}
    told["index"] = ask("CreateIndex", {"mappings": mappings}, index=INDEX)
    ask("Bulk", index=INDEX, raw=lines(_documents()))
    definition = detector("story", INDEX, category_field=["host"])
    told["validate before"] = ask("ValidateDetector", definition, aspect="model")
    told["create"] = ask("CreateDetector", definition)
    id = told["create"]["_id"]
    told["validate the same name"] = ask("ValidateDetector", definition, aspect="detector")
    told["suggest"] = {
        key: value for key, value in ask("SuggestParameters", definition).items()
        if key != "windowDelay"  # how far the data are behind now
    }  # fmt: skip
    told["preview"] = ask("PreviewDetector", {**PREVIEWED, "detector_id": id})
    told["start"] = ask("StartDetector", PAST, id=id)
    told["detector with its task"] = _when_ended(ask, id)
    of_task = {"term": {"task_id": told["start"]["_id"]}}
    anomalies = {"bool": {"filter": [of_task, {"range": {"anomaly_grade": {"gt": 0}}}]}}
    by_time = [{"data_start_time": "asc"}, {"model_id": "asc"}]
    told["results"] = ask("SearchResults", {"query": of_task, "sort": by_time, "size": 2000})
    told["anomalies"] = ask("SearchResults", {"query": anomalies, "sort": by_time, "size": 100})
    told["top anomalies"] = ask("GetTopAnomalies", TOP, id=id)
    entities = [{"entity.value": "asc"}]
    told["tasks"] = ask("SearchTasks", {"query": {"match_all": {}}, "sort": entities})
    told["profile"] = ask("GetProfile", id=id)
    stats = ask("GetStats")
    told["stats"] = {**stats, "nodes": list(stats["nodes"].values())}  # without the process's id
    told["update"] = ask("UpdateDetector", {**definition, "description": "changed"}, id=id)
    told["search"] = ask("SearchDetectors", {"query": {"term": {"description": "changed"}}})
    told["delete results"] = ask("DeleteResults", {"query": anomalies})
    told["results that are left"] = ask(
        "SearchResults", {"query": of_task, "size": 0, "track_total_hits": True}
    )
    told["delete"] = ask("DeleteDetector", id=id)
    told["search after"] = ask("SearchDetectors", {"query": {"match_all": {}}})
    return told


STEPS = (
    "index", "validate before", "create", "validate the same name", "suggest", "preview", "start",
    "detector with its task", "results", "anomalies", "top anomalies", "tasks", "profile", "stats",
    "update", "search", "delete results", "results that are left", "delete", "search after",
)  # fmt: skip


def _documents() -> list[Document]:
    return [
        {
            "timestamp": START + window * MINUTE + 1000,
            "value": 10.0 + window % 30 + position + (500.0 * (window == SPIKE and position == 0)),
            "host": host,
        }
        for window in range(WINDOWS + 1)
        for position, host in enumerate(HOSTS)
    ]


def _when_ended(ask: Surface, id: str) -> Document:
    deadline = time.monotonic() + 60
    while True:
        found = ask("GetDetector", id=id)
        if found["historical_analysis_task"]["state"] in ENDED:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def over_rest(service: RunningService) -> dict[str, Document]:
    """Tell the story through the gateway."""
    assert service.rest_address is not None
    with RestClient(service.rest_address) as rest:
        return tell(RestSurface(rest))


def over_grpc(service: RunningService) -> dict[str, Document]:
    """Tell the story in typed messages."""
    with grpc.insecure_channel(service.grpc_address) as channel:
        return tell(TypedSurface(channel))


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Document]]:
    """Return what was told over REST and over gRPC."""

    def on_a_fresh_service(
        telling: Callable[[RunningService], dict[str, Document]], folder: Path
    ) -> dict[str, Document]:
        same_ids = random.Random(7).randbytes
        addresses = Addresses(grpc_port=0, rest_port=0)
        with RunningService(Settings(data_dir=folder), addresses, random_bytes=same_ids) as service:
            return telling(service)

    return [
        on_a_fresh_service(telling, tmp_path_factory.mktemp("story"))
        for telling in (over_rest, over_grpc)
    ]


def comparable(value: Any) -> Any:
    """Leave out what belongs to the moment, and what a message cannot tell from absent."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items() if key not in MOMENTARY}
    return [comparable(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("step", STEPS)
def test_equal_documents(stories: list[dict[str, Document]], step: str) -> None:
    """Field for field the same, numbers included."""
    rest, typed = (comparable(without_nulls(story[step])) for story in stories)
    assert typed == rest


@pytest.mark.parametrize("surface", [0, 1], ids=["rest", "grpc"])
def test_what_was_told(stories: list[dict[str, Document]], surface: int) -> None:
    """The story makes sense: the spike is found, reported, ranked and deleted."""
    told = stories[surface]
    assert tuple(told) == STEPS
    taken = told["validate the same name"]["detector"]["name"]["message"]
    assert taken.startswith("Cannot create anomaly detector with name [story] as it's already used")
    assert len(told["preview"]["anomaly_result"]) == WINDOWS * len(HOSTS)
    task = told["detector with its task"]["historical_analysis_task"]
    assert (task["task_id"], task["state"]) == (told["start"]["_id"], "FINISHED")
    found = [hit["_source"]["data_start_time"] for hit in told["anomalies"]["hits"]["hits"]]
    assert START + SPIKE * MINUTE in found
    assert told["results"]["hits"]["total"]["value"] == WINDOWS * len(HOSTS)
    assert told["top anomalies"]["buckets"][0]["key"] == {"host": HOSTS[0]}
    assert len(told["tasks"]["hits"]["hits"]) == 1 + len(HOSTS)
    assert told["stats"]["detector_count"] == 1
    assert told["update"]["_version"] == 2
    deleted = told["delete results"]["deleted"]
    assert deleted == len(found)
    assert told["results that are left"]["hits"]["total"]["value"] == 2 * WINDOWS - deleted
    assert told["delete"]["result"] == "deleted"
    assert told["search after"]["hits"]["total"]["value"] == 0
