"""A service process for the kill test: ``python historical_driver.py COMMAND DATA_DIR [DETECTOR]``.

- ``prepare``: make data and two detectors; prints their ids.
- ``start DETECTOR``: begin historical analysis, print its progress, end when it has ended.
- ``resume DETECTOR``: only open the folder, print the progress of what goes on by itself.
- ``dump DETECTOR``: print all results of the detector, one JSON document per line.

It goes through ``app.build``, as ``anomalyd serve`` does, and is killed from outside.
"""

import math
import random
import sys
import time
from pathlib import Path

import orjson

from anomalyd.app import Application, build
from anomalyd.config import Settings

MINUTE = 60_000
FIRST = 1_795_000_020_000 - 1_795_000_020_000 % MINUTE
MINUTES = 1_500
HOSTS = 7


def main(command: str, data_dir: str, *detectors: str) -> None:
    """Run one command on a data directory."""
    settings = Settings(
        data_dir=Path(data_dir),
        # Small pieces and groups: many moments at which a kill can fall.
        batch_task_piece_size=40,
        max_running_entities_per_detector_for_historical_analysis=3,
    )
    with build(settings) as application:
        if command == "prepare":
            prepare(application)
        elif command == "dump":
            dump(application, *detectors)
        else:
            if command == "start":
                body = {"start_time": FIRST, "end_time": FIRST + MINUTES * MINUTE}
                application.detectors.start_historical(
                    detectors[0], body, caller=application.caller
                )
            watch(application, *detectors)


def prepare(application: Application) -> None:
    """Documents of seven hosts with gaps and incidents, a detector without and one by host."""
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
            lines.append(b'{"index":{}}\n' + orjson.dumps(document) + b"\n")
    properties = {
        "timestamp": {"type": "date"},
        "value": {"type": "double"},
        "host": {"type": "keyword"},
    }
    application.indices.create_index("log", {"mappings": {"properties": properties}})
    assert not application.indices.bulk(b"".join(lines), default_index="log").errors
    for name, categories in (("single", {}), ("by-host", {"category_field": ["host"]})):
        written = application.detectors.create(
            {
                "name": name,
                "time_field": "timestamp",
                "indices": ["log"],
                "feature_attributes": [
                    {
                        "feature_name": "sum",
                        "aggregation_query": {"sum": {"sum": {"field": "value"}}},
                    },
                    {
                        "feature_name": "max",
                        "aggregation_query": {"max": {"max": {"field": "value"}}},
                    },
                ],
                "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
                **categories,
            },
            caller=application.caller,
        )
        say(written.stored.id)


def watch(application: Application, detector_id: str) -> None:
    """Print the state and the progress of the latest run until it has ended."""
    while True:
        task = application.detectors.get(detector_id, task=True).historical_task
        assert task is not None
        say(task["state"], task["task_progress"])
        if task["state"] in ("FINISHED", "FAILED", "STOPPED"):
            return
        time.sleep(0.02)


def say(*words: object) -> None:
    """Write a line that the test reads at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def dump(application: Application, detector_id: str) -> None:
    """Print all results, one per line, in pages by entity's model and time."""
    after = None
    while True:
        body = {
            "query": {"term": {"detector_id": detector_id}},
            "sort": [
                {"data_start_time": "asc"},
                {"model_id": {"order": "asc", "unmapped_type": "keyword"}},
            ],
            "size": 5_000,
        }
        if after is not None:
            body["search_after"] = after
        hits = application.results.search(body)["hits"]["hits"]
        for hit in hits:
            sys.stdout.buffer.write(orjson.dumps(hit["_source"]) + b"\n")
        if not hits:
            return
        after = hits[-1]["sort"]


if __name__ == "__main__":
    main(*sys.argv[1:])
