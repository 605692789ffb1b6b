"""kill -9 in the middle of a historical run: the next start goes on by itself, to the same end."""

import contextlib
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from google.protobuf.json_format import MessageToDict

from anomalyd.client.client import Client
from anomalyd.v1 import task_pb2

MINUTE = 60_000
FIRST = 1_795_000_020_000 // MINUTE * MINUTE
MINUTES = 1_000
HOSTS = 5
PAGE = 5_000
SECONDS = 60
# Small pieces and groups: many moments at which a kill can fall.
SETTINGS = {
    "ANOMALYD_BATCH_TASK_PIECE_SIZE": "40",
    "ANOMALYD_MAX_RUNNING_ENTITIES_PER_DETECTOR_FOR_HISTORICAL_ANALYSIS": "3",
}
# What tells runs apart; everything else has to be equal, to the last bit.
OF_THE_RUN = ("task_id", "execution_start_time", "execution_end_time")
DETECTOR = {
    "time_field": "timestamp",
    "indices": ["log"],
    "feature_attributes": [
        {"feature_name": name, "aggregation_query": {name: {name: {"field": "value"}}}}
        for name in ("sum", "max")
    ],
    "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
}


class Served:
    """``anomalyd serve`` on a data directory, as a process of its own, and a client of it."""

    def __init__(self, process: subprocess.Popen[str], client: Client) -> None:
        self.process = process
        self.client = client

    def start(self, detector_id: str) -> str:
        end = FIRST + MINUTES * MINUTE
        return self.client.detectors.start(detector_id, start=FIRST, end=end)

    def kill_at(self, progress: float, task_id: str) -> None:
        """Wait until a task is so far, and kill the service; the task must not have ended."""
        deadline = time.monotonic() + SECONDS
        while (task := self.client.tasks.get(task_id)).task_progress < progress:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(SECONDS)
        assert task.state in (task_pb2.TASK_STATE_INIT, task_pb2.TASK_STATE_RUNNING)

    def results(self, task_id: str) -> list[dict]:
        """All results of a run by time and entity, without what belongs to the run."""
        found: list[dict] = []
        after: list[object] = []
        while True:
            body = {
                "query": {"term": {"task_id": task_id}},
                "sort": ["data_start_time", {"model_id": {"order": "asc"}}],
                "size": PAGE,
                "search_after": after,
            }
            hits = self.client.results.search(body).hits.hits
            for hit in hits:
                for field in OF_THE_RUN:
                    hit.source.ClearField(field)
                found.append(MessageToDict(hit.source))
            if len(hits) < PAGE:
                return found
            after = [MessageToDict(value) for value in hits[-1].sort]


@contextlib.contextmanager
def served(data_dir: Path) -> Iterator[Served]:
    """Start a service, and end it in order unless it was killed."""
    command = [sys.executable, "-m", "anomalyd", "serve", "--no-gateway", "--grpc-port", "0"]
    process = subprocess.Popen(
        [*command, "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | SETTINGS,
    )
    try:
        assert process.stdout is not None
        name, address = process.stdout.readline().split()
        assert name == "gRPC"
        with Client(address) as client:
            yield Served(process, client)
    finally:
        process.terminate()
        process.wait(SECONDS)
        process.stdout.close()


def documents() -> bytes:
    """Minutes of five hosts, with gaps and incidents."""
    noise = random.Random(11)
    lines = []
    for minute in range(MINUTES):
        for host in range(HOSTS):
            if noise.random() < 0.05 * host:
                continue
            value = 50 + 10 * math.sin((minute + 5 * host) / 20) + noise.random()
            if minute % 400 == 399:
                value *= 3
            document = {"timestamp": FIRST + minute * MINUTE, "value": value, "host": f"h{host}"}
            lines.append(orjson.dumps(document))
    return b"\n".join(lines)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A data directory with data and two detectors, and their ids."""
    data_dir = tmp_path_factory.mktemp("prepared") / "data"
    properties = {
        "timestamp": {"type": "date"},
        "value": {"type": "double"},
        "host": {"type": "keyword"},
    }
    with served(data_dir) as service:
        service.client.indices.create("log", mappings={"properties": properties})
        assert not service.client.indices.append_lines("log", documents()).failures
        detectors = {
            name: service.client.detectors.create(DETECTOR | {"name": name} | categories).id
            for name, categories in (("single", {}), ("by-host", {"category_field": ["host"]}))
        }
    return data_dir, detectors


@pytest.mark.parametrize("kind", ["single", "by-host"])
def test_a_killed_run_ends_as_if_nothing_had_happened(prepared, tmp_path, kind):
    """Killed twice, resumed twice: FINISHED, and results without duplicate, gap or difference."""
    data_dir, detectors = prepared
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    shutil.copytree(data_dir, undisturbed)
    shutil.copytree(data_dir, disturbed)

    with served(undisturbed) as service:
        task = service.client.tasks.wait(service.start(detectors[kind]))
        assert task.state == task_pb2.TASK_STATE_FINISHED
        expected = service.results(task.task_id)
    assert len(expected) > MINUTES * 0.9
    assert any(result["anomalyGrade"] > 0 for result in expected)

    with served(disturbed) as service:
        task_id = service.start(detectors[kind])
        service.kill_at(0.3, task_id)
    with served(disturbed) as service:
        assert service.client.tasks.get(task_id).task_progress >= 0.3
        service.kill_at(0.6, task_id)
    with served(disturbed) as service:
        task = service.client.tasks.wait(task_id)
        assert (task.state, task.task_progress) == (task_pb2.TASK_STATE_FINISHED, 1.0)
        assert service.results(task_id) == expected
