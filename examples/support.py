"""What the examples share: a service to talk to, and a detector to run over the past."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opensearchpy import OpenSearch

from anomalyd.client.local_service import LocalService

API = "/_anomaly_detection/api"
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def arguments(description: str | None, data: Path) -> argparse.Namespace:
    """Read the command line that all examples have."""
    parser = argparse.ArgumentParser(description=description)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--rest", default="http://127.0.0.1:9200", help="a running service")
    where.add_argument("--start", action="store_true", help="start a service for this run")
    parser.add_argument("--data", type=Path, default=data, help="default: %(default)s")
    options = parser.parse_args()
    if not options.data.exists():
        parser.error(f"{options.data} is not there; give the file or folder with --data")
    return options


@contextlib.contextmanager
def connected(options: argparse.Namespace) -> Iterator[OpenSearch]:
    """Give the stock OpenSearch client, connected to the service that the options name."""
    with contextlib.ExitStack() as stack:
        address = options.rest
        if options.start:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            address = stack.enter_context(LocalService(Path(folder))).rest
        client = OpenSearch(address, timeout=60)
        stack.callback(client.close)
        yield client


def run_over_the_past(
    client: OpenSearch, detector: Mapping[str, Any], *, start: int, end: int
) -> tuple[str, str]:
    """Create a detector, run it over ``[start, end)`` and wait until it has finished.

    A detector of this name that an earlier run left behind is replaced.

    Returns: the ids of the detector and of the task.
    """
    call = client.transport.perform_request
    same_name = {"query": {"term": {"name.keyword": detector["name"]}}}
    for hit in call("POST", f"{API}/detectors/_search", body=same_name)["hits"]["hits"]:
        call("DELETE", f"{API}/detectors/{hit['_id']}")
    detector_id = call("POST", f"{API}/detectors", body=detector)["_id"]
    body = {"start_time": start, "end_time": end}
    task_id = call("POST", f"{API}/detectors/{detector_id}/_start", body=body)["_id"]
    while True:
        answer = call("GET", f"{API}/detectors/{detector_id}", params={"task": "true"})
        task = answer["historical_analysis_task"]
        if task["state"] == "FINISHED":
            return detector_id, task_id
        if task["state"] in ("FAILED", "STOPPED"):
            raise SystemExit(f"the analysis {task['state'].lower()}: {task.get('error')}")
        time.sleep(0.2)


def search_results(
    client: OpenSearch, task_id: str, *conditions: Mapping[str, Any], **body: Any
) -> dict[str, Any]:
    """Search a task's results; further keys of the body are given by name."""
    query = {"bool": {"filter": [{"term": {"task_id": task_id}}, *conditions]}}
    answer = client.transport.perform_request(
        "POST", f"{API}/detectors/results/_search", body={"query": query, **body}
    )
    hits: dict[str, Any] = answer["hits"]
    return hits


def anomalies(client: OpenSearch, task_id: str) -> list[dict[str, Any]]:
    """Return the task's results with a grade above 0, by time."""
    found = search_results(
        client,
        task_id,
        {"range": {"anomaly_grade": {"gt": 0}}},
        sort=["data_start_time"],
        size=10_000,
    )
    return [hit["_source"] for hit in found["hits"]]


def milliseconds(text: str) -> int:
    """Return a date and time without a zone, taken as UTC, as epoch milliseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def date(time_ms: int) -> str:
    """Return epoch milliseconds as a readable date and time, UTC."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %a %H:%M}"
