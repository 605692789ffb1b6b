"""kill -9 in the middle of a historical run: the next start goes on by itself, to the same end."""

import contextlib
import math
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from anomalyd.client.client import Client
from anomalyd.v1 import task_pb2
from tests.support.served import all_results, served

MINUTE = 60_000
FIRST = 1_795_000_020_000 // MINUTE * MINUTE
MINUTES = 1_000
HOSTS = 5
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
        return all_results(self.client, {"term": {"task_id": task_id}}, without=OF_THE_RUN)


@contextlib.contextmanager
def running(data_dir: Path) -> Iterator[Served]:
    """Start a service, and end it in order unless it was killed."""
    with served(data_dir, SETTINGS) as (process, client):
        yield Served(process, client)


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
    with running(data_dir) as service:
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

    with running(undisturbed) as service:
        task = service.client.tasks.wait(service.start(detectors[kind]))
        assert task.state == task_pb2.TASK_STATE_FINISHED
        expected = service.results(task.task_id)
    assert len(expected) > MINUTES * 0.9
    assert any(result["anomalyGrade"] > 0 for result in expected)

    with running(disturbed) as service:
        task_id = service.start(detectors[kind])
        service.kill_at(0.3, task_id)
    with running(disturbed) as service:
        assert service.client.tasks.get(task_id).task_progress >= 0.3
        service.kill_at(0.6, task_id)
    with running(disturbed) as service:
        task = service.client.tasks.wait(task_id)
        assert (task.state, task.task_progress) == (task_pb2.TASK_STATE_FINISHED, 1.0)
        assert service.results(task_id) == expected
