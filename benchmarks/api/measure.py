"""Requests over keep-alive connections to a service in a process of its own."""

from __future__ import annotations

import itertools
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.api.full_store import (
    ENTITIES,
    MINUTE,
    PREVIEWED,
    WITH_RESULTS,
    FullStore,
    detector,
)

API = "/_anomaly_detection/api/detectors"
CLIENTS = 16
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
Request = tuple[str, str, bytes | None]


class Client:
    """One connection, read by hand: Python's own client takes as long as half of the answer."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._host = f"{address[0]}:{address[1]}".encode()
        self._socket = socket.create_connection(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: Request) -> bytes:
        """Send a request and read the whole answer. Raises: RuntimeError for an error."""
        method, path, body = request
        head = [f"{method} {path} HTTP/1.1".encode(), b"host: " + self._host]
        if body is not None:
            head += [b"content-type: application/json", b"content-length: %d" % len(body)]
        self._socket.sendall(b"\r\n".join([*head, b"", body or b""]))
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        length = _LENGTH.search(received, 0, end)
        if length is None:
            raise RuntimeError(f"{method} {path}: an answer without its length")
        while len(received) < end + 4 + int(length[1]):
            received += self._receive()
        content = bytes(received[end + 4 :])
        if not received.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{method} {path}: {received[:12]!r} {content[:500]!r}")
        return content

    def _receive(self) -> bytes:
        received = self._socket.recv(1 << 20)
        if not received:
            raise RuntimeError("the gateway hung up")
        return received


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """Run the service on a folder and give its REST address."""
    command = [sys.executable, "-m", "anomalyd", "serve", "--data-dir", str(folder)]
    with subprocess.Popen(
        [*command, "--grpc-port", "0", "--rest-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            address = next(line for line in process.stdout if line.startswith("REST "))
            parts = urlsplit(address.split()[1])
            assert parts.hostname is not None
            assert parts.port is not None
            yield parts.hostname, parts.port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def measure(folder: Path, stored: FullStore) -> list[Sequence[str]]:
    """Return the rows of the table."""
    ids = itertools.cycle(stored.detector_ids)
    again = itertools.cycle(stored.detector_ids[:500])
    few = itertools.cycle(stored.detector_ids[:20])
    search = f"{API}/results/_search"

    # each detector with each host once, so that no hit was read before
    pairs = itertools.product(range(ENTITIES), stored.detector_ids[:WITH_RESULTS])

    def filtered_anew() -> Request:
        number, detector_id = next(pairs)
        return filtered(detector_id, f"host-{number}")

    def filtered(detector_id: str | None = None, name: str = "host-7") -> Request:
        host = {"nested": {"path": "entity", "query": {"term": {"entity.value": name}}}}
        ours = {"term": {"detector_id": detector_id or next(few)}}
        filters = [ours, {"range": {"anomaly_grade": {"gt": 0}}}]
        body = {"query": {"bool": {"filter": [*filters, host]}}, "size": 10}
        return "POST", search, json.dumps(body).encode()

    def by_time() -> Request:
        body = {
            "query": {"bool": {"filter": [{"term": {"detector_id": next(few)}}]}},
            "sort": [{"data_start_time": "desc"}],
            "size": 1000,
        }
        return "POST", search, json.dumps(body).encode()

    def top() -> Request:
        body = {"start_time_ms": stored.start, "end_time_ms": stored.end + MINUTE, "size": 10}
        return "POST", f"{API}/{next(few)}/results/_topAnomalies", json.dumps(body).encode()

    def preview() -> Request:
        inline = {**detector(9_999), "name": "inline", "indices": [PREVIEWED]}
        body = {"period_start": stored.start, "period_end": stored.end, "detector": inline}
        return "POST", f"{API}/_preview", json.dumps(body).encode()

    with served(folder) as address:
        cases: list[tuple[str, Callable[[], Request], int, str, str]] = [
            ("GET a detector for the first time", lambda: ("GET", f"{API}/{next(ids)}", None),
             1_000, "", ""),
            ("GET a detector", lambda: ("GET", f"{API}/{next(again)}", None), 2_000,
             "p50 ≤ 1.2, p99 ≤ 8", "0.18-0.38"),
            ("search results with a filter, 10 hits never read before", filtered_anew, 300, "", ""),
            ("search results with a filter, 10 hits", filtered, 300, "p50 ≤ 5", "0.7-8"),
            ("search results by time, 1,000 hits", by_time, 100, "p50 ≤ 20", "17-33"),
            ("top anomalies", top, 150, "p50 ≤ 25", "38-99"),
            ("preview of 1,000 windows, exact", preview, 50, "p50 ≤ 100", "111-123, sampled"),
        ]  # fmt: skip
        rows = [
            [name, *_latency(address, make, count), "", goal, peer]
            for name, make, count, goal, peer in cases
        ]
        rate = _throughput(address, stored)
    return [*rows, [f"GET a detector, {CLIENTS} clients", "", "", f"{rate:,.0f}", "≥ 1,200", ""]]


def _latency(address: tuple[str, int], make: Callable[[], Request], count: int) -> list[str]:
    client = Client(address)
    for _ in range(max(5, count // 10)):
        client.send(make())
    took = []
    for _ in range(count):
        request = make()
        begun = time.perf_counter()
        client.send(request)
        took.append((time.perf_counter() - begun) * 1_000)
    took.sort()
    return [f"{took[len(took) // 2]:.2f}", f"{took[len(took) * 99 // 100]:.2f}"]


def _throughput(address: tuple[str, int], stored: FullStore, seconds: float = 5.0) -> float:
    """Return answered requests per second of all clients, each with detectors of its own."""
    counts = [0] * CLIENTS
    deadline = time.perf_counter() + seconds

    def run(number: int) -> None:
        client = Client(address)
        ids = itertools.cycle(stored.detector_ids[number::CLIENTS])
        while time.perf_counter() < deadline:
            client.send(("GET", f"{API}/{next(ids)}", None))
            counts[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds
