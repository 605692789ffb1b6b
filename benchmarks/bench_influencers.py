"""How long a page of influencers takes with a million of them stored, whatever filter and sort.

``python -m benchmarks.bench_influencers [rows]``: median and worst of the whole use case, from the
request to the document, over every sort of the contract, both directions, four filters and the
first and last page that is allowed.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from anomalyd.embedded.database import Database
from anomalyd.store.embedded.influencers import EmbeddedInfluencerStore
from anomalyd.store.influencers import (
    BucketRows,
    InfluencerRows,
    InfluencerStep,
    RecordRows,
    ResultFilter,
    ResultPage,
)

JOB = "abcdefghijklmnopqrst"
HOUR = 3_600_000
PER_WINDOW = 100
FIELDS = ("customer_full_name.keyword", "products.manufacturer.keyword")
SORTS = (
    "influencer_score",
    "initial_influencer_score",
    "probability",
    "timestamp",
    "bucket_span",
    "is_interim",
    "influencer_field_name",
    "influencer_field_value",
    "job_id",
    FIELDS[0],
)
REPEATS = 3
NO_TIMES = np.empty(0, dtype=np.int64)
NO_NUMBERS = np.empty(0)
NO_BUCKETS = BucketRows(
    timestamp=NO_TIMES,
    field=(),
    ln_probability=NO_NUMBERS,
    raw=NO_NUMBERS,
    score=NO_NUMBERS,
    count=NO_TIMES,
)
NO_RECORDS = RecordRows(
    timestamp=NO_TIMES,
    entity=(),
    ln_probability=NO_NUMBERS,
    score=NO_NUMBERS,
    actual=(),
    typical=(),
)


def fill(store: EmbeddedInfluencerStore, rows: int, *, job: str = JOB) -> float:
    """Store so many influencers of 20,000 values; returns seconds."""
    rng = np.random.default_rng(0)
    began = time.perf_counter()
    for first in range(0, rows, 100_000):
        count = min(100_000, rows - first)
        window = (first + np.arange(count)) // PER_WINDOW * HOUR
        code = rng.integers(0, 20_000, count)
        influencers = InfluencerRows(
            timestamp=window,
            field=[FIELDS[each % 2] for each in code.tolist()],
            value=[f"customer {each}" for each in code.tolist()],
            code=code,
            ln_probability=-3.36 - rng.exponential(2, count),
            # half of what is written has the score 0
            score=np.where(rng.random(count) < 0.5, 0, rng.random(count) * 100),
        )
        store.write(
            job,
            InfluencerStep(
                run="",
                start=int(window[0]),
                end=int(window[-1]) + HOUR,
                bucket_span=3600,
                influencers=influencers,
                buckets=NO_BUCKETS,
                records=NO_RECORDS,
                position=int(window[-1]) + HOUR,
            ),
        )
    return time.perf_counter() - began


def main(rows: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder) / "db") as database:
        store = EmbeddedInfluencerStore(database)
        print(f"{rows:,} influencers stored in {fill(store, rows):.1f} s")
        began = time.perf_counter()
        store.influencers(JOB, ResultFilter(), ResultPage(sort="timestamp"))
        print(f"first page after a write: {time.perf_counter() - began:.2f} s")
        last = rows // PER_WINDOW * HOUR
        filters = (
            ResultFilter(),
            ResultFilter(score=75.0),
            ResultFilter(start=last // 4, end=last // 2, exclude_interim=True),
            ResultFilter(start=last - 24 * HOUR, score=25.0),
        )
        taken: list[float] = []
        for which, sort, descending, offset in itertools.product(
            filters, SORTS, (True, False), (0, 9_900)
        ):
            page = ResultPage(sort=sort, descending=descending, offset=offset)
            times = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                store.influencers(JOB, which, page)
                times.append((time.perf_counter() - began) * 1000)
            taken.append(statistics.median(times))
        print(
            f"{len(taken)} combinations of filter, sort, direction and page: "
            f"median {statistics.median(taken):.1f} ms, worst {max(taken):.1f} ms"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
