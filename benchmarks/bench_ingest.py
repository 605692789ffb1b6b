"""How fast documents get in and feature values come out.

Claims: an NDJSON import of flat documents runs at 100,000 documents a second or more, REST
``_bulk`` with 5,000 documents a request at 30,000 or more. Every benchmark prints its rate; peak
memory is that of the whole benchmark process.
"""

from __future__ import annotations

import os
import random
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from anomalyd.client.local_service import LocalService
from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.query.nodes import MatchAll
from anomalyd.query.nodes_aggregations import Avg, Sum
from anomalyd.source.base import Selection, WindowQuery
from anomalyd.source.embedded import EmbeddedIndices, EmbeddedSource
from anomalyd.source.importing import import_file
from anomalyd.store.base import ResultBatch
from anomalyd.store.embedded import EmbeddedResultStore

MINUTE = 60_000
IMPORTED = 300_000
BULK = 5_000
REQUESTS = 20
MAPPING = {
    "properties": {
        "timestamp": {"type": "date"},
        "host": {"type": "keyword"},
        "value": {"type": "double"},
    }
}


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Database(tmp_path / "bench.duckdb") as database:
        yield Catalogue(database)


@pytest.fixture
def indices(catalogue: Catalogue) -> EmbeddedIndices:
    return EmbeddedIndices(catalogue, ids=CountedIds(os.urandom), now=lambda: 0)


def flat_documents(count: int) -> list[bytes]:
    """Return documents of six fields, as a log shipper writes them."""
    draw = random.Random(42)
    return [
        orjson.dumps(
            {
                "timestamp": 1_700_000_000_000 + number * 60,
                "value": round(draw.gauss(100, 10), 3),
                "latency": round(draw.random() * 30, 3),
                "host": f"host-{number % 50}",
                "service": "web",
                "ip": f"192.168.1.{number % 5}",
            }
        )
        for number in range(count)
    ]


def report(benchmark: BenchmarkFixture, what: str, count: int) -> None:
    rate = count / benchmark.stats["min"]
    benchmark.extra_info["per_second"] = round(rate)
    print(f"\n{what}: {rate:,.0f} a second")


@pytest.mark.parametrize("times", ["epoch", "iso"])
def test_import_of_json_lines(
    benchmark: BenchmarkFixture, indices: EmbeddedIndices, tmp_path: Path, times: str
) -> None:
    """300,000 flat documents, `_source` kept, on disk."""
    path = tmp_path / "documents.ndjson"
    lines = flat_documents(IMPORTED)
    if times == "iso":
        stamps = np.datetime_as_string(
            1_700_000_000_000 * np.timedelta64(1, "ms")
            + np.datetime64(0, "ms")
            + np.arange(IMPORTED) * np.timedelta64(60, "ms")
        )
        lines = [
            line.replace(b"%d" % (1_700_000_000_000 + at * 60), b'"%bZ"' % stamp.encode(), 1)
            for at, (line, stamp) in enumerate(zip(lines, stamps.tolist(), strict=True))
        ]
    path.write_bytes(b"\n".join(lines))
    names = iter(range(100))

    def run() -> None:
        done = import_file(indices, path, index=f"logs-{next(names)}", time_field="timestamp")
        assert done.imported == IMPORTED

    benchmark.pedantic(run, rounds=3)
    report(benchmark, f"import, {times} times", IMPORTED)


@pytest.mark.parametrize("ids", ["generated", "own"])
def test_bulk(benchmark: BenchmarkFixture, indices: EmbeddedIndices, ids: str) -> None:
    """Twenty requests of 5,000 documents over the Python API."""
    lines = flat_documents(BULK * REQUESTS)
    bodies = list(bulk_bodies(lines, own_ids=ids == "own"))
    names = iter(range(100))

    def run() -> None:
        index = f"logs-{next(names)}"
        for body in bodies:
            assert not indices.bulk(body, default_index=index).errors

    benchmark.pedantic(run, rounds=3)
    report(benchmark, f"bulk, {ids} ids", len(lines))


def test_bulk_over_rest(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The same through the gateway and the service."""
    lines = flat_documents(BULK * REQUESTS)
    bodies = list(bulk_bodies(lines, own_ids=False))
    names = iter(range(100))
    with LocalService(tmp_path / "data") as service:

        def run() -> None:
            url = f"{service.rest}/logs-{next(names)}/_bulk"
            for body in bodies:
                request = urllib.request.Request(
                    url, data=body, headers={"content-type": "application/x-ndjson"}
                )
                with urllib.request.urlopen(request) as answer:
                    assert orjson.loads(answer.read())["errors"] is False

        benchmark.pedantic(run, rounds=3)
    report(benchmark, "bulk over REST", len(lines))


def bulk_bodies(lines: list[bytes], *, own_ids: bool) -> Iterator[bytes]:
    for start in range(0, len(lines), BULK):
        yield b"".join(
            (b'{"index":{"_id":"%d"}}\n' % number if own_ids else b'{"index":{}}\n') + line + b"\n"
            for number, line in enumerate(lines[start : start + BULK], start=start)
        )


def series(entities: int, windows: int, per_window: int) -> Iterator[tuple[list, list[str]]]:
    """Yield batches of documents with their texts."""
    draw = random.Random(7)
    batch = []
    for window in range(windows):
        for entity in range(entities):
            for part in range(per_window):
                at = window * MINUTE + part * (MINUTE // per_window)
                batch.append({"timestamp": at, "host": f"host-{entity}", "value": draw.random()})
        if len(batch) >= 20_000:
            yield batch, ["{}"] * len(batch)
            batch = []
    if batch:
        yield batch, ["{}"] * len(batch)


@pytest.mark.parametrize(
    ("entities", "windows", "per_window"), [(1, 10_000, 50), (100, 2_000, 1)], ids=["one", "many"]
)
def test_feature_rows(
    benchmark: BenchmarkFixture,
    catalogue: Catalogue,
    indices: EmbeddedIndices,
    entities: int,
    windows: int,
    per_window: int,
) -> None:
    """Two features of every window: 500,000 documents of one series, 200,000 of a hundred."""
    indices.create_index("bench", {"mappings": MAPPING})
    for documents, texts in series(entities, windows, per_window):
        assert not indices.append("bench", documents, texts)
    source = EmbeddedSource(catalogue, now=lambda: 0)
    query = WindowQuery(
        selection=Selection(
            indices=("bench",),
            time_field="timestamp",
            filter=MatchAll(),
            category_fields=("host",) if entities > 1 else (),
        ),
        features=(Sum(name="a", field="value"), Avg(name="b", field="value")),
        start=0,
        end=windows * MINUTE,
        interval=MINUTE,
    )
    rows = benchmark(lambda: source.feature_rows(query))
    assert len(rows) == entities * windows
    report(benchmark, f"feature rows, {entities} entities", len(rows))


def test_record(benchmark: BenchmarkFixture, catalogue: Catalogue) -> None:
    """A step of 10,000 results of a hundred entities, written over and over."""
    store = EmbeddedResultStore(catalogue)
    steps = iter(range(10_000))

    def step() -> tuple[tuple[ResultBatch], dict]:
        return (results(next(steps)),), {}

    benchmark.pedantic(store.record, setup=step, rounds=15)
    report(benchmark, "results recorded", 10_000)


def results(step: int) -> ResultBatch:
    rows, entities = 10_000, 100
    draw = np.random.default_rng(step)
    data_start = (step * 100 + np.tile(np.arange(100), entities)) * MINUTE
    grade = np.where(draw.random(rows) > 0.99, draw.random(rows), 0.0)
    explained = np.where(grade[:, None] > 0, 1.0, np.nan)
    times = np.full(rows, int(time.time() * 1000))
    return ResultBatch(
        index=".searchguard-ad-results-history-2026.11.22-1",
        detector_id="VEHKTXwBwf_U8gjUXY2s",
        task_id="fm-RTXwBYwCbWecgB753",
        feature_ids=("U0HKTXwBwf_U8gjUXY2m",),
        feature_names=("value",),
        category_fields=("host",),
        entities=tuple((f"host-{number}",) for number in range(entities)),
        model_ids=tuple(f"VEHKTXwBwf_U8gjUXY2s_entity_host-{n}" for n in range(entities)),
        entity=np.repeat(np.arange(entities), rows // entities),
        data_start=data_start,
        data_end=data_start + MINUTE,
        execution_start=times,
        execution_end=times,
        feature_values=draw.normal(100, 5, (rows, 1)),
        score=draw.random(rows),
        grade=grade,
        confidence=draw.random(rows),
        threshold=np.full(rows, 1.2),
        relevant_attribution=explained,
        expected_values=explained * 100,
    )
