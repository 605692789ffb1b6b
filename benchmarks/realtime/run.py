"""One detector with many entities, ticked on a virtual clock."""

from __future__ import annotations

import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from anomalyd.app import build
from anomalyd.application import Application
from anomalyd.config import Settings
from anomalyd.schedule.clock import VirtualClock

MINUTE = 60_000
HISTORY = 40
TICKS = 6
MANY_TICKS = 3
"""Where a tick takes minutes."""
VERY_MANY = 100_000
"""Entities; beyond, the interval is longer and ticks are fewer."""
BEGIN = 1_795_305_600_000 // (10 * MINUTE) * 10 * MINUTE
HEADER = ("entities", "interval min", "cold start s", "tick s, median", "tick s, longest",
          "peak memory GiB", "bytes a model", "resident", "packed", "spilled", "shutdown s",
          "restart s")  # fmt: skip


@dataclass(frozen=True)
class Step:
    """What one size showed; times in seconds, bytes."""

    entities: int
    minutes: int
    cold: float
    median: float
    longest: float
    peak: int
    model: float
    resident: int
    packed: int
    spilled: int
    shutdown: float
    restart: float

    def row(self) -> list[str]:
        """Return it as a row of the table."""
        return [
            f"{self.entities:,}",
            f"{self.minutes}",
            f"{self.cold:.1f}",
            f"{self.median:.2f}",
            f"{self.longest:.2f}",
            f"{self.peak / 1024**3:.2f}",
            f"{self.model:,.0f}",
            f"{self.resident:,}",
            f"{self.packed:,}",
            f"{self.spilled:,}",
            f"{self.shutdown:.1f}",
            f"{self.restart:.1f}",
        ]


def measure(entities: int, budget: int, minutes: int) -> Step:
    """Start, tick, stop and start again a service with one detector.

    Args:
        entities: how many.
        budget: what the models may take, bytes (0 = default).
        minutes: the detection interval.
    """
    interval = minutes * MINUTE
    count = MANY_TICKS if entities > VERY_MANY else TICKS
    with tempfile.TemporaryDirectory(prefix="anomalyd-bench-") as folder:
        clock = VirtualClock(BEGIN + HISTORY * interval)
        settings = Settings(
            data_dir=Path(folder) / "data", database_memory="2GB", model_memory_budget=budget
        )
        with build(settings, clock=clock, random_bytes=random.Random(1).randbytes) as made:
            load(
                made,
                entities,
                Path(folder) / "part.json",
                begin=BEGIN,
                windows=HISTORY + count + 2,
                interval=interval,
            )
            detector_id = create(made, minutes)
            cold = timed(lambda: start(made, detector_id))
            ticks = [timed(lambda: tick(made, clock, interval)) for _ in range(count)]
            found = results(made, detector_id)
            assert found == entities * (count + 1), f"{found} results"
            profile = made.realtime.lives()[detector_id]
            models = profile.models()
            usage = made.metrics.render().decode()
            size = sum(model.size for model in models) / len(models)
            ended = time.perf_counter()
        shutdown = time.perf_counter() - ended
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        clock.advance(interval)

        def again() -> None:
            with build(settings, clock=clock, random_bytes=random.Random(2).randbytes) as made:
                settle(made)
                found = results(made, detector_id)
                assert found == entities * (count + 2), f"{found} results"
                nonlocal restart
                restart = time.perf_counter() - begun

        restart, begun = 0.0, time.perf_counter()
        again()
    return Step(
        entities=entities,
        minutes=minutes,
        cold=cold,
        median=statistics.median(ticks),
        longest=max(ticks),
        peak=peak,
        model=size,
        resident=_models(usage, "resident"),
        packed=_models(usage, "packed"),
        spilled=_models(usage, "spilled"),
        shutdown=shutdown,
        restart=restart,
    )


def load(
    made: Application,
    entities: int,
    part: Path,
    *,
    begin: int,
    windows: int,
    interval: int = MINUTE,
) -> None:
    """Write the documents of all windows, past and to come."""
    properties = {"timestamp": {"type": "date"}, "value": {"type": "double"},
                  "host": {"type": "keyword"}}  # fmt: skip
    made.indices.create_index("log", {"mappings": {"properties": properties}})
    at_once = max(1, 500_000 // entities)
    for first in range(0, windows, at_once):
        end = min(first + at_once, windows)
        duckdb.sql(
            f"COPY (SELECT {begin} + w * {interval} + 1000 AS timestamp, "
            f"100 + 20 * sin(w / 8.0 + e) + ((e * 7919 + w * 104729) % 1000) / 100 AS value, "
            f"'host-' || e AS host FROM range({first}, {end}) a(w), range({entities}) b(e)) "
            f"TO '{part}' (FORMAT JSON)"
        )
        assert not made.indices.append_lines("log", part.read_bytes()).failures


def create(made: Application, minutes: int) -> str:
    body = {
        "name": "many",
        "time_field": "timestamp",
        "indices": ["log"],
        "feature_attributes": [
            {"feature_name": "v", "aggregation_query": {"v": {"sum": {"field": "value"}}}}
        ],
        "detection_interval": {"period": {"interval": minutes, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": 0, "unit": "Minutes"}},
        "category_field": ["host"],
    }
    return made.detectors.create(body, caller=made.caller).stored.id


def start(made: Application, detector_id: str) -> None:
    made.detectors.start_realtime(detector_id, caller=made.caller)
    settle(made)


def tick(made: Application, clock: VirtualClock, interval: int) -> None:
    clock.advance(interval)
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


def _models(figures: str, state: str) -> int:
    """Return how many models are in a state, as the service's own figures say."""
    wanted = f'anomalyd_models{{state="{state}"}} '
    [line] = [line for line in figures.splitlines() if line.startswith(wanted)]
    return int(float(line.removeprefix(wanted)))
