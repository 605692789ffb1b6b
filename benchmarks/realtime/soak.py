"""A service left alone with one detector while documents pour in: nothing may grow or slip.

The service is a process of its own, reached over gRPC, on the machine's clock. Its memory, its
files and the lag of its ticks are looked at from outside. Models begin full, so that memory that
grows is not models that still learn.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from anomalyd.client.client import Client
from benchmarks.realtime.run import MINUTE

ENTITIES = 1_000
HISTORY = 300
"""Windows before the start: more than a sample of 256 with its shingle."""
DELAY = 2
"""Window delay in seconds: the last documents of a minute are under way for so long at most."""
LAG = 10.0
GROWTH = 1.15
HEADER = ("minute", "documents", "results", "documents a second", "memory MiB", "files MiB",
          "bytes a row", "lag s, longest")  # fmt: skip


@dataclass
class Sample:
    """What a minute showed; sizes in bytes, times in seconds."""

    minute: int
    documents: int
    results: int
    memory: int
    files: int
    lag: float


def soak(minutes: int, rate: int) -> tuple[list[list[str]], str]:
    """Run it and return the table's rows and the verdict.

    Args:
        minutes: how long, at least 6.
        rate: documents a second.
    """
    with tempfile.TemporaryDirectory(prefix="anomalyd-soak-") as folder, _served(folder) as served:
        process, client = served
        detector_id = _started(client, Path(folder))
        documents = Documents(client, rate)
        lags = Lags(client, detector_id)
        samples = []
        begun = time.monotonic()
        for minute in range(1, minutes + 1):
            time.sleep(max(0.0, begun + 60 * minute - time.monotonic()))
            samples.append(
                Sample(
                    minute=minute,
                    documents=documents.count,
                    results=_results(client),
                    memory=_memory(process.pid),
                    files=_files(Path(folder)),
                    lag=lags.longest(),
                )
            )
            print(" | ".join(_row(samples)), flush=True)
        documents.stop()
        lags.stop()
    rows = [_row(samples[: number + 1]) for number in range(len(samples))]
    return rows, verdict(samples, rate, found=lags.every)


def verdict(samples: Sequence[Sample], rate: int, *, found: Sequence[float]) -> str:
    """Judge memory, files and lag: the last third against the one before."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[-third:]
    memory = _middle(last, "memory") / _middle(middle, "memory")
    grown = _per_row(samples[2 * third - 1], samples[-1]) / _per_row(
        samples[third - 1], samples[2 * third - 1]
    )
    arrived = (samples[-1].documents - samples[0].documents) / (60 * (len(samples) - 1))
    lag = max(found)
    ok = memory <= GROWTH and grown <= GROWTH and lag <= LAG and arrived >= 0.98 * rate
    return (
        f"{'Holds' if ok else 'DOES NOT HOLD'}: {arrived:,.0f} documents a second; memory of the "
        f"last third {memory:.2f} x that of the one before; file growth a row {grown:.2f} x; lag "
        f"median {statistics.median(found):.2f} s, longest {lag:.2f} s over {len(found)} ticks."
    )


class Documents:
    """Documents that arrive all the time, a batch a second, on a thread of their own."""

    def __init__(self, client: Client, rate: int) -> None:
        self.count = 0
        self._client = client
        self._rate = rate
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        begun, second = time.monotonic(), 0
        while not self._end.wait(max(0.0, begun + second - time.monotonic())):
            now = int(time.time() * 1_000)
            first = second * self._rate
            lines = b"\n".join(
                b'{"timestamp":%d,"value":%d,"host":"host-%d"}'
                % (now, 100 + (first + at) * 7919 % 97, (first + at) % ENTITIES)
                for at in range(self._rate)
            )
            assert not self._client.indices.append_lines("log", lines).failures
            self.count += self._rate
            second += 1


class Lags:
    """From a window's end to its results being stored, as a caller sees it."""

    def __init__(self, client: Client, detector_id: str) -> None:
        self.every: list[float] = []
        self._read = 0
        self._position: Callable[[], int] = lambda: (
            client.detectors.profile(detector_id, "ticks").ticks.position
        )
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def longest(self) -> float:
        """Return the longest lag since the last call; 0 without a tick."""
        new = self.every[self._read :]
        self._read += len(new)
        return max(new, default=0.0)

    def stop(self) -> None:
        """Look no more."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        before = self._position()
        while not self._end.wait(0.25):
            position = self._position()
            if position != before:
                self.every.append(time.time() - position / 1_000 - DELAY)
                before = position


@contextmanager
def _served(folder: str) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    command = [sys.executable, "-m", "anomalyd", "serve", "--no-gateway", "--grpc-port", "0"]
    process = subprocess.Popen(
        [*command, "--data-dir", folder], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert process.stdout is not None
        name, address = process.stdout.readline().split()
        assert name == "gRPC", name
        with Client(address) as client:
            yield process, client
    finally:
        process.terminate()
        process.wait()


def _started(client: Client, folder: Path) -> str:
    """Load the past, start the detector and return its id once it ticks."""
    properties = {"timestamp": {"type": "date"}, "value": {"type": "double"},
                  "host": {"type": "keyword"}}  # fmt: skip
    client.indices.create("log", mappings={"properties": properties})
    now = int(time.time() * 1_000) // MINUTE * MINUTE
    for window in range(-HISTORY, 1):
        lines = [
            orjson.dumps(
                {"timestamp": now + window * MINUTE, "value": 100 + (window * 31 + host) % 17,
                 "host": f"host-{host}"}
            )
            for host in range(ENTITIES)
        ]  # fmt: skip
        assert not client.indices.append_lines("log", b"\n".join(lines)).failures
    body: dict[str, Any] = {
        "name": "many",
        "time_field": "timestamp",
        "indices": ["log"],
        "history": HISTORY,
        "feature_attributes": [
            {"feature_name": "v", "aggregation_query": {"v": {"avg": {"field": "value"}}}}
        ],
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": DELAY, "unit": "Seconds"}},
        "category_field": ["host"],
    }
    detector_id = str(client.detectors.create(body).id)
    client.detectors.start_realtime(detector_id)
    while not _results(client):
        time.sleep(0.2)
    return detector_id


def _results(client: Client) -> int:
    return int(client.results.search({"size": 0, "track_total_hits": True}).hits.total.value)


def _memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [each for each in status if each.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def _files(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _row(samples: Sequence[Sample]) -> list[str]:
    last = samples[-1]
    before = samples[-2] if len(samples) > 1 else Sample(0, 0, 0, 0, 0, 0.0)
    return [
        str(last.minute),
        f"{last.documents:,}",
        f"{last.results:,}",
        f"{(last.documents - before.documents) / 60:,.0f}",
        f"{last.memory / 1024**2:,.0f}",
        f"{last.files / 1024**2:,.0f}",
        f"{last.files / (last.documents + last.results + HISTORY * ENTITIES):,.0f}",
        f"{last.lag:.2f}",
    ]


def _middle(samples: Sequence[Sample], name: str) -> float:
    return float(statistics.median(getattr(each, name) for each in samples))


def _per_row(first: Sample, last: Sample) -> float:
    rows = last.documents + last.results - first.documents - first.results
    return (last.files - first.files) / rows
