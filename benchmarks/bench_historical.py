"""Historical analysis of a running service, results stored, as a user sees it.

Each benchmark imports a series, runs a detector over it through gRPC and prints the seconds from
the start of the analysis to the task's end, and the service's peak memory. The Java reference on
such a machine: 100 s and 81 s with its defaults; warm, with every pause tuned away, 2.8 s and 35 s,
in 3-4 GB.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from anomalyd.client import Client
from anomalyd.client.local_service import LocalService

START = 1_750_000_020_000
"""A whole minute, epoch milliseconds."""
MINUTE = 60_000


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    with LocalService(tmp_path) as running:
        yield running


def documents(entities: int, windows: int) -> Iterator[bytes]:
    """Yield bulk bodies: one document per entity and minute, a daily wave with noise."""
    random = np.random.default_rng(42)
    for entity in range(entities):
        minute = np.arange(windows)
        values = 100 + 20 * np.sin(2 * np.pi * minute / 1440) + random.normal(0, 2, windows)
        times = START + minute * MINUTE
        yield b"".join(
            b'{"index":{}}\n{"timestamp":%d,"host":"host-%d","value":%.4f}\n' % row
            for row in zip(times.tolist(), [entity] * windows, values.tolist(), strict=True)
        )


def peak_megabytes(process_id: int) -> float:
    """Return the most memory that the process has held so far."""
    status = Path(f"/proc/{process_id}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def run(service: LocalService, *, entities: int, windows: int) -> tuple[float, int]:
    """Import, analyse, and return the analysis' seconds and the number of stored results."""
    with Client(service.grpc) as client:
        # epoch milliseconds are numbers: without a mapping they would be no date
        client.indices.create("bench", mappings={"properties": {"timestamp": {"type": "date"}}})
        for body in documents(entities, windows):
            assert not client.indices.bulk(body, index="bench").errors
        detector = {
            "name": "bench",
            "description": "historical benchmark",
            "time_field": "timestamp",
            "indices": ["bench"],
            "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
            "feature_attributes": [
                {
                    "feature_name": "value",
                    "feature_enabled": True,
                    "aggregation_query": {"value": {"sum": {"field": "value"}}},
                }
            ],
        }
        if entities > 1:
            detector["category_field"] = ["host.keyword"]
        detector_id = client.detectors.create(detector).id
        began = time.perf_counter()
        task_id = client.detectors.start(
            detector_id, start=START, end=START + (windows + 1) * MINUTE
        )
        client.tasks.wait(task_id)
        seconds = time.perf_counter() - began
        found = client.results.search(
            {"size": 0, "track_total_hits": True, "query": {"term": {"task_id": task_id}}}
        )
    return seconds, found.hits.total.value


@pytest.mark.parametrize(("entities", "windows"), [(1, 20_000), (100, 2_000)])
def test_historical_analysis(
    benchmark: BenchmarkFixture, service: LocalService, entities: int, windows: int
) -> None:
    seconds, results = benchmark.pedantic(
        run, args=(service,), kwargs={"entities": entities, "windows": windows}
    )
    # The window of the last document is left out: nothing tells whether it is complete.
    assert results == entities * (windows - 1)
    megabytes = peak_megabytes(service.process_id)
    benchmark.extra_info.update(analysis_seconds=seconds, peak_megabytes=megabytes)
    print(
        f"\n{entities} entities x {windows} windows: analysis {seconds:.2f} s, "
        f"peak memory {megabytes:.0f} MB"
    )
