"""Programs in two languages that have nothing but the protos read what curl reads over REST."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anomalyd.running import RunningService
from tests.support.rest import RestClient

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
START = 1_750_000_020_000
MINUTE = 60_000
WINDOWS = 400
INDEX = "client-wave"
API = "/_anomaly_detection/api"


@pytest.fixture(scope="module")
def detector_id(rest: RestClient) -> str:
    """A detector on a wave with one planted spike, created over REST."""
    minutes = np.arange(WINDOWS)
    values = 50 + 10 * np.sin(minutes / 5) + np.random.default_rng(7).normal(0, 0.5, WINDOWS)
    values[300] += 80
    lines = (
        f'{{"index":{{}}}}\n{{"time":{START + minute * MINUTE},"value":{value}}}\n'
        for minute, value in zip(minutes.tolist(), values.tolist(), strict=True)
    )
    mapping = {"mappings": {"properties": {"time": {"type": "date"}}}}
    assert rest("PUT", f"/{INDEX}", mapping).status == 200
    bulk = {"content-type": "application/x-ndjson"}
    loaded = rest("POST", f"/{INDEX}/_bulk", "".join(lines).encode(), headers=bulk)
    assert loaded.status == 200
    assert not loaded.json["errors"]
    detector = {
        "name": INDEX,
        "time_field": "time",
        "indices": [INDEX],
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "feature_attributes": [
            {
                "feature_name": "value",
                "feature_enabled": True,
                "aggregation_query": {"value": {"avg": {"field": "value"}}},
            }
        ],
    }
    return str(rest("POST", f"{API}/detectors", detector).json["_id"])


def over_rest(rest: RestClient, task_id: str) -> list[dict[str, Any]]:
    """Read a task's results as curl does, reduced to what the programs print."""
    body = {
        "size": 10_000,
        "query": {"bool": {"filter": [{"term": {"task_id": task_id}}]}},
        "sort": [{"data_start_time": "asc"}],
    }
    answer = rest("POST", f"{API}/detectors/results/_search", body).json
    plain = (
        "data_start_time",
        "data_end_time",
        "anomaly_score",
        "anomaly_grade",
        "confidence",
    )
    return [
        {key: source[key] for key in plain}
        | {
            "feature_data": [feature["data"] for feature in source["feature_data"]],
            "entity": [category["value"] for category in source.get("entity", [])],
        }
        for source in (hit["_source"] for hit in answer["hits"]["hits"])
    ]


def node_program() -> list[str]:
    folder = HERE / "node"
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    if not (folder / "node_modules").exists():
        subprocess.run(
            ["npm", "ci", "--silent", "--no-audit", "--no-fund"],
            cwd=folder,
            check=True,
            timeout=300,
        )
    return ["node", str(folder / "run_detector.mjs")]


def python_program() -> list[str]:
    return [sys.executable, str(HERE / "python" / "run_detector.py")]


@pytest.mark.parametrize("program", [node_program, python_program], ids=["node", "python"])
def test_a_program_with_only_the_protos_reads_what_rest_reads(
    program: Any, service: RunningService, rest: RestClient, detector_id: str
) -> None:
    """Both run the detector themselves and get the numbers that REST shows, digit for digit."""
    command = [*program(), service.grpc_address, str(ROOT / "proto"), detector_id]
    command += [str(START), str(START + WINDOWS * MINUTE)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    printed = json.loads(done.stdout)

    expected = over_rest(rest, printed["task_id"])
    assert len(expected) == WINDOWS - 1
    assert printed["results"] == expected
    assert [row["data_start_time"] for row in expected if row["anomaly_grade"] > 0.5] == [
        START + 300 * MINUTE
    ]
