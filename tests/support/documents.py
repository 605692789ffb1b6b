"""Documents that tests load, and detectors that watch them."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.support.rest import RestClient

API = "/_anomaly_detection/api"
MINUTE = 60_000
START = 1_700_000_040_000 // MINUTE * MINUTE
SPIKE = 400
WINDOWS = 600
HOSTS = ("web-1", "web-2")


def load(rest: RestClient, index: str, *, windows: int = WINDOWS) -> None:
    """Write one document per minute and host: a regular shape, and one spike on the first host.

    There is one more window than asked for: an analysis leaves out the last one that has data, as
    it may not be complete.
    """
    properties = {
        "timestamp": {"type": "date"},
        "value": {"type": "double"},
        "host": {"type": "keyword"},
    }
    created = rest("PUT", f"/{index}", {"mappings": {"properties": properties}})
    assert created.status == 200, created.body
    lines: list[str] = []
    for window in range(windows + 1):
        for position, host in enumerate(HOSTS):
            spike = 500.0 if window == SPIKE and position == 0 else 0.0
            document = {
                "timestamp": START + window * MINUTE + 1000,
                "value": 10.0 + window % 30 + position + spike,
                "host": host,
            }
            lines += ['{"index":{}}', json.dumps(document)]
    answer = rest("POST", f"/{index}/_bulk", ("\n".join(lines) + "\n").encode())
    assert answer.status == 200
    assert answer.json["errors"] is False


def detector(name: str, index: str, **more: Any) -> dict[str, Any]:
    """Return the API document's example detector for one of our indices."""
    return {
        "name": name,
        "description": "Test detector",
        "time_field": "timestamp",
        "indices": [f"{index}*"],
        "feature_attributes": [
            {
                "feature_name": "test",
                "feature_enabled": True,
                "aggregation_query": {"test": {"sum": {"field": "value"}}},
            }
        ],
        "filter_query": {
            "bool": {
                "filter": [{"range": {"value": {"gt": 1}}}],
                "adjust_pure_negative": True,
                "boost": 1,
            }
        },
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": 1, "unit": "Minutes"}},
        **more,
    }


def finished_task(rest: RestClient, detector_id: str) -> dict[str, Any]:
    """Wait until the latest historical task has ended, and return it."""
    deadline = time.monotonic() + 60
    while True:
        answer = rest("GET", f"{API}/detectors/{detector_id}?task=true").json
        task: dict[str, Any] = answer["historical_analysis_task"]
        if task["state"] in ("FINISHED", "FAILED", "STOPPED"):
            return task
        assert time.monotonic() < deadline, task
        time.sleep(0.05)


def run(rest: RestClient, detector_id: str, *, windows: int = WINDOWS) -> str:
    """Analyse the whole range, wait for the end, and return the task's id."""
    body = {"start_time": START, "end_time": START + windows * MINUTE}
    started = rest("POST", f"{API}/detectors/{detector_id}/_start", body)
    assert started.status == 200, started.body
    assert finished_task(rest, detector_id)["state"] == "FINISHED"
    return str(started.json["_id"])
