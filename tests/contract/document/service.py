"""A service of one's own for a contract test, filled with the log, behind the real Envoy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomalyd.client.client import Client
from anomalyd.config import Settings
from anomalyd.running import Addresses, RunningService
from tests.contract.document.data import MINUTE, PROPERTIES, Log
from tests.support.rest import RestAnswer, RestClient

API = "/_anomaly_detection/api"
ENDED = ("FINISHED", "FAILED", "STOPPED")
# Small pieces make a run long enough to be stopped, and to be seen running.
PIECE_SIZE = 100
# Documents of the last two and a half days. They also reach ahead of the clock, so that the newest
# one is not late while the test runs: that would be advice on the window delay.
LOG_MINUTES = 3_700
AHEAD_MINUTES = 15


@dataclass(frozen=True)
class Subject:
    """A service that is asked.

    Attributes:
        rest: client of its REST port.
        client: client of its gRPC port.
        now: the minute in which the service was started, epoch milliseconds.
    """

    rest: RestClient
    client: Client
    now: int

    def load(self) -> None:
        """Write the indices ``server_log`` and ``sparse_log``."""
        log = Log(self.now + AHEAD_MINUTES * MINUTE, LOG_MINUTES + AHEAD_MINUTES)
        for index, lines in (("server_log", log.dense()), ("sparse_log", log.sparse())):
            self.client.indices.create(index, mappings={"properties": PROPERTIES})
            written = self.client.indices.append_lines(index, "\n".join(lines).encode())
            assert not written.errors

    def task(self, detector_id: str) -> dict[str, Any]:
        """Return the latest historical task."""
        answer = self.rest("GET", f"{API}/detectors/{detector_id}?task=true")
        task: dict[str, Any] = answer.json["historical_analysis_task"]
        return task

    def run(self, detector_id: str, start: int, end: int) -> RestAnswer:
        """Start a historical analysis and return the answer."""
        body = {"start_time": start, "end_time": end}
        answer = self.rest("POST", f"{API}/detectors/{detector_id}/_start", body)
        assert answer.status == 200, answer.body
        return answer

    def wait(self, detector_id: str) -> dict[str, Any]:
        """Wait until the latest historical task has ended, and return it."""
        deadline = time.monotonic() + 180
        while (task := self.task(detector_id))["state"] not in ENDED:
            assert time.monotonic() < deadline, task
            time.sleep(0.05)
        return task


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Subject]:
    """Start a service on an empty folder, on free ports; its time is the machine's."""
    given = Settings(data_dir=folder, batch_task_piece_size=PIECE_SIZE, **settings)
    now = int(time.time() * 1000) // MINUTE * MINUTE
    with RunningService(given, Addresses(grpc_port=0, rest_port=0)) as service:
        assert service.rest_address is not None
        with RestClient(service.rest_address) as rest, Client(service.grpc_address) as client:
            yield Subject(rest, client, now)
