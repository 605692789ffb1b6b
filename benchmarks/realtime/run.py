"""One detector with many entities, ticked on a virtual clock."""

from __future__ import annotations

import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from anomalyd.app import build
from anomalyd.application import Application
from anomalyd.config import Settings
from anomalyd.schedule.clock import VirtualClock

MINUTE = 60_000
HISTORY = 40
TICKS = 6
BEGIN = 1_795_305_600_000 // MINUTE * MINUTE


def measure(entities: int, budget: int) -> list[str]:
    """Return a row of the table; ``budget`` is what the models may take, bytes (0 = default)."""
    with tempfile.TemporaryDirectory(prefix="anomalyd-bench-") as folder:
        clock = VirtualClock(BEGIN + HISTORY * MINUTE)
        settings = Settings(
            data_dir=Path(folder) / "data", database_memory="2GB", model_memory_budget=budget
        )
        with build(settings, clock=clock, random_bytes=random.Random(1).randbytes) as made:
            load(made, entities, Path(folder) / "part.json")
            detector_id = create(made)
            cold = timed(lambda: start(made, detector_id))
            ticks = [timed(lambda: tick(made, clock)) for _ in range(TICKS)]
            found = results(made, detector_id)
            assert found == entities * (TICKS + 1), f"{found} results"
            models = made.realtime.lives()[detector_id].models()
            size = sum(model.size for model in models) / len(models)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return [
        f"{entities:,}",
        f"{cold:.1f}",
        f"{statistics.median(ticks):.2f}",
        f"{max(ticks):.2f}",
        f"{peak:.2f}",
        f"{size:,.0f}",
    ]


def load(made: Application, entities: int, part: Path) -> None:
    """Write the documents of all windows, past and to come."""
    properties = {"timestamp": {"type": "date"}, "value": {"type": "double"},
                  "host": {"type": "keyword"}}  # fmt: skip
    made.indices.create_index("log", {"mappings": {"properties": properties}})
    windows = HISTORY + TICKS + 1
    for first in range(0, windows, 10):
        end = min(first + 10, windows)
        duckdb.sql(
            f"COPY (SELECT {BEGIN} + w * {MINUTE} + 1000 AS timestamp, "
            f"100 + 20 * sin(w / 8.0 + e) + ((e * 7919 + w * 104729) % 1000) / 100 AS value, "
            f"'host-' || e AS host FROM range({first}, {end}) a(w), range({entities}) b(e)) "
            f"TO '{part}' (FORMAT JSON)"
        )
        assert not made.indices.append_lines("log", part.read_bytes()).failures


def create(made: Application) -> str:
    body = {
        "name": "many",
        "time_field": "timestamp",
        "indices": ["log"],
        "feature_attributes": [
            {"feature_name": "v", "aggregation_query": {"v": {"sum": {"field": "value"}}}}
        ],
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": 0, "unit": "Minutes"}},
        "category_field": ["host"],
    }
    return made.detectors.create(body, caller=made.caller).stored.id


def start(made: Application, detector_id: str) -> None:
    made.detectors.start_realtime(detector_id, caller=made.caller)
    settle(made)


def tick(made: Application, clock: VirtualClock) -> None:
    clock.advance(MINUTE)
    settle(made)


def settle(made: Application) -> None:
    while not made.realtime.settled():
        time.sleep(0.005)


def results(made: Application, detector_id: str) -> int:
    body = {"size": 0, "query": {"term": {"detector_id": detector_id}}, "track_total_hits": True}
    return int(made.results.search(body)["hits"]["total"]["value"])


def timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
