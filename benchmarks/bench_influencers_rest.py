"""How long a page of influencers takes through Envoy with a million of them stored.

``python -m benchmarks.bench_influencers_rest [rows]``: the median of each of the combinations of
filter, sort and direction of the contract, requests one after the other over one connection.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path

from anomalyd.config import Settings
from anomalyd.embedded.database import FILE_NAME, Database
from anomalyd.running import Addresses, RunningService
from anomalyd.store.embedded.influencers import EmbeddedInfluencerStore
from benchmarks.bench_influencers import FIELDS, HOUR, PER_WINDOW, SORTS, fill
from tests.support.documents import API, detector, load
from tests.support.rest import RestClient

INDEX = "bench_log"
REPEATS = 5


def main(rows: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with opened(path) as service:
            job = made(service)
        with Database(path / FILE_NAME) as database:
            fill(EmbeddedInfluencerStore(database), rows, job=job)
        with opened(path) as service:
            taken = pages(service, job, rows)
    print(
        f"{rows:,} influencers, {len(taken)} combinations of filter, sort and direction through "
        f"Envoy: median {statistics.median(taken):.1f} ms, worst {max(taken):.1f} ms"
    )


def opened(folder: Path) -> RunningService:
    """Return a service on a folder."""
    return RunningService(Settings(data_dir=folder), Addresses(grpc_port=0, rest_port=0))


def made(service: RunningService) -> str:
    """Make a detector whose fields are those of the rows; returns its id."""
    assert service.rest_address is not None
    with RestClient(service.rest_address) as rest:
        load(rest, INDEX, windows=10)
        properties = {field.removesuffix(".keyword"): {"type": "keyword"} for field in FIELDS}
        rest("PUT", f"/{INDEX}/_mapping", {"properties": properties})
        created = rest("POST", f"{API}/detectors", detector("bench", INDEX))
        assert created.status == 201, created.body
        return str(created.json["_id"])


def pages(service: RunningService, job: str, rows: int) -> list[float]:
    """Return the milliseconds of each combination's median page."""
    last = rows // PER_WINDOW * HOUR
    filters = (
        "",
        "&influencer_score=75",
        f"&start={last // 4}&end={last // 2}&exclude_interim=true",
        f"&start={last - 24 * HOUR}&influencer_score=25",
    )
    assert service.rest_address is not None
    sorts = [sort for sort in SORTS if sort not in FIELDS]
    taken = []
    with RestClient(service.rest_address) as rest:
        place = f"/_ml/anomaly_detectors/{job}/results/influencers"
        assert rest("GET", place).json["count"] == rows
        for which, sort, descending in itertools.product(filters, sorts, ("true", "false")):
            times = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                answer = rest("GET", f"{place}?sort={sort}&desc={descending}{which}")
                times.append((time.perf_counter() - began) * 1000)
                assert answer.status == 200, answer.body
            taken.append(statistics.median(times))
    return taken


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
