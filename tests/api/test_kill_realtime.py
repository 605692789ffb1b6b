"""kill -9 of a service that detects in real time while documents arrive: no gap, no duplicate."""

import random
import shutil
import signal
import time
from pathlib import Path

import orjson

from anomalyd.client.client import Client
from tests.support.served import all_results, served

SECOND = 1_000
KILLS = 20
HOSTS = 4
PAST = 120
AHEAD = 900
DEADLINE = 120
OF_THE_RUN = ("execution_start_time", "execution_end_time")
# Checkpoints are written often, so that kills fall before, between and after them.
SETTINGS = {"ANOMALYD_CHECKPOINT_SAVING_FREQ": "7"}
DETECTOR = {
    "name": "by-host",
    "time_field": "timestamp",
    "indices": ["log"],
    "category_field": ["host"],
    "feature_attributes": [
        {"feature_name": name, "aggregation_query": {name: {name: {"field": "value"}}}}
        for name in ("sum", "max")
    ],
    "detection_interval": {"period": {"interval": 1, "unit": "Seconds"}},
}


def lines(first: int, count: int) -> bytes:
    """Seconds of the hosts, with gaps; a host that comes late, and incidents.

    One of these is 14 s after the past, which is sooner than so many kills can be done.
    """
    noise = random.Random(17)
    found = []
    for second in range(count):
        for host in range(HOSTS):
            if noise.random() < 0.05 * host or (host == 3 and second < PAST + 8):
                continue
            value = 50 + 5 * (second % 6) + noise.random() + (200 if second % 50 == 34 else 0)
            document = {"timestamp": first + second * SECOND, "value": value, "host": f"h{host}"}
            found.append(orjson.dumps(document))
    return b"\n".join(found)


def results(client: Client, *, until: int) -> list[dict]:
    """All results of real time before a time, without execution times, in order."""
    before = {"range": {"data_start_time": {"lt": until}}}
    return all_results(client, before, without=OF_THE_RUN)


def position(client: Client, detector_id: str) -> int:
    """Up to when everything has its results, epoch ms."""
    profile = client.detectors.profile(detector_id, "ticks")
    return profile.ticks.position


def wait_until(client: Client, detector_id: str, time_: int) -> None:
    """Wait until everything before a time has its results."""
    deadline = time.monotonic() + DEADLINE
    while position(client, detector_id) < time_:
        assert time.monotonic() < deadline, "the ticks do not come that far"
        time.sleep(0.05)


def test_kills_leave_no_trace(tmp_path: Path) -> None:
    """Killed twenty times at random moments: the results are those of an undisturbed service."""
    begun = int(time.time() * 1_000) // SECOND * SECOND
    first = begun - PAST * SECOND
    data_dir, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    properties = {
        "timestamp": {"type": "date"},
        "value": {"type": "double"},
        "host": {"type": "keyword"},
    }
    with served(data_dir, SETTINGS) as (_, client):
        client.indices.create("log", mappings={"properties": properties})
        # All of it at once: windows hold the same documents whenever they are read.
        assert not client.indices.append_lines("log", lines(first, PAST + AHEAD)).failures
        id = client.detectors.create(DETECTOR).id
        client.detectors.start_realtime(id)
        wait_until(client, id, begun)
    # From here on both do the same windows: one is killed again and again, the other one never.
    shutil.copytree(data_dir, undisturbed)
    moments, number = random.Random(23), 0
    for _ in range(KILLS):
        with served(data_dir, SETTINGS) as (process, client):
            until = time.monotonic() + moments.uniform(0.0, 1.2)
            while time.monotonic() < until:
                # Ingestion goes on: documents of another index, whose writes share the file.
                number += 1
                line = orjson.dumps({"timestamp": begun, "value": number})
                assert not client.indices.append_lines("noise", line).failures
            process.send_signal(signal.SIGKILL)
            process.wait(DEADLINE)
    end = int(time.time() * 1_000) // SECOND * SECOND - SECOND
    assert end < first + (PAST + AHEAD) * SECOND, "the data does not reach that far"
    with served(data_dir, SETTINGS) as (_, client):
        wait_until(client, id, end)
        found = results(client, until=end)
    with served(undisturbed, SETTINGS) as (_, client):
        wait_until(client, id, end)
        expected = results(client, until=end)
    windows = {int(one["dataStartTime"]) for one in expected}
    assert len(windows) == (end - min(windows)) // SECOND
    keys = [(one["dataStartTime"], one.get("modelId")) for one in found]
    assert len(set(keys)) == len(keys)
    assert found == expected
    assert any(one["anomalyGrade"] > 0 for one in found if "anomalyGrade" in one)


def test_the_seed_data_is_what_the_test_needs() -> None:
    """The late host is really late, and incidents fall into the live part."""
    documents = [orjson.loads(line) for line in lines(0, PAST + AHEAD).splitlines()]
    late = [one["timestamp"] for one in documents if one["host"] == "h3"]
    assert min(late) >= (PAST + 8) * SECOND
    incidents = {one["timestamp"] // SECOND for one in documents if one["value"] > 200}
    assert 134 in incidents
