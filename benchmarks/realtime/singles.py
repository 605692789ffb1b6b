"""Very many detectors of one series each, on the machine's clock: how late their results come."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from anomalyd.app import build
from anomalyd.application import Application
from anomalyd.config import Settings
from benchmarks.realtime.run import MINUTE, load

HISTORY = 40
LOOK = 0.2
"""Seconds between two looks at what is stored; lags are known to within this."""
HEADER = ("detectors", "start s", "windows", "lag s, median", "lag s, p99", "lag s, longest",
          "processor s a minute")  # fmt: skip


def singles(count: int, minutes: int) -> list[str]:
    """Return a row of the table.

    Args:
        count: detectors, each with a filter for its own host; one-minute windows, no delay.
        minutes: windows that are measured.
    """
    now = int(time.time() * 1_000) // MINUTE * MINUTE
    with tempfile.TemporaryDirectory(prefix="anomalyd-bench-") as folder:
        settings = Settings(data_dir=Path(folder) / "data", max_anomaly_detectors=count)
        with build(settings) as made:
            # documents of windows to come are there already: writing them is not measured
            load(
                made,
                count,
                Path(folder) / "part.json",
                begin=now - HISTORY * MINUTE,
                windows=HISTORY + 60,
            )
            begun = time.perf_counter()
            for number in range(count):
                body = _detector(number)
                id = made.detectors.create(body, caller=made.caller).stored.id
                made.detectors.start_realtime(id, caller=made.caller)
            while len(made.realtime.lives()) < count or not made.realtime.settled():
                time.sleep(0.5)
            started = time.perf_counter() - begun
            first = int(time.time() * 1_000) // MINUTE * MINUTE + MINUTE
            time.sleep(first / 1_000 - time.time())
            used, lags = time.process_time(), []
            for window in range(minutes):
                lags.append(_lags(made, first + window * MINUTE, count))
            used = (time.process_time() - used) / minutes
    found = np.concatenate(lags)
    return [
        f"{count:,}",
        f"{started:.0f}",
        f"{len(found):,}",
        f"{np.median(found):.2f}",
        f"{np.quantile(found, 0.99):.2f}",
        f"{found.max():.2f}",
        f"{used:.1f}",
    ]


def _lags(made: Application, end: int, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return how long after a window's end the results of all detectors were stored, seconds."""
    lags = np.zeros(0)
    body = {"size": 0, "track_total_hits": True, "query": {"term": {"data_end_time": end}}}
    time.sleep(max(0.0, end / 1_000 - time.time()))
    while len(lags) < count:
        assert time.time() < end / 1_000 + 120, f"{len(lags)} results of the window at {end}"
        time.sleep(LOOK)
        stored = int(made.results.search(body)["hits"]["total"]["value"])
        # counted after the search: what it saw was there before
        lags = np.append(lags, np.full(stored - len(lags), time.time() - end / 1_000))
    # nothing of this minute's work falls into the next one
    time.sleep(max(0.0, end / 1_000 + MINUTE / 1_000 - 1 - time.time()))
    return lags


def _detector(number: int) -> dict[str, Any]:
    return {
        "name": f"single-{number}",
        "time_field": "timestamp",
        "indices": ["log"],
        "filter_query": {"term": {"host": f"host-{number}"}},
        "feature_attributes": [
            {"feature_name": "v", "aggregation_query": {"v": {"sum": {"field": "value"}}}}
        ],
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": 0, "unit": "Minutes"}},
    }
