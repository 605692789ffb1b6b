"""How long an interval of many entities takes, from stored scores to stored influencers.

``python -m benchmarks.bench_influencer_steps [entities]``: the median over six intervals, then what
renormalising a million stored rows takes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.engine.influence_state import InfluenceState
from anomalyd.engine.influencers import InfluencerRecorder, JobRun
from anomalyd.engine.window import WindowRange
from anomalyd.model.detector import Detector, Feature
from anomalyd.model.interval import Interval
from anomalyd.store.base import ResultBatch
from anomalyd.store.embedded import (
    EmbeddedInfluencerStore,
    EmbeddedResultStore,
    EmbeddedScoreReader,
)

HOUR = 3_600_000
INDEX = ".bench-results-1"
WINDOWS = 7
STORED = 1_000_000
DETECTOR = Detector(
    name="bench",
    description="",
    time_field="t",
    indices=("bench",),
    features=(Feature(id="f", name="f", enabled=True, aggregation_query={"f": {"sum": {}}}),),
    filter_query={},
    detection_interval=Interval(60),
    window_delay=Interval(0),
    shingle_size=8,
    category_fields=("customer",),
    result_index=None,
    user=None,
    last_update_time=0,
)
JOB = JobRun(detector_id="bench", detector=DETECTOR, task_id=None, indices=(INDEX,))


def results(window: int, entities: int, rng: np.random.Generator) -> ResultBatch:
    """Return scores of one window."""
    names = [f"customer {each}" for each in range(entities)]
    return ResultBatch(
        index=INDEX,
        detector_id="bench",
        task_id=None,
        feature_ids=("f",),
        feature_names=("f",),
        category_fields=("customer",),
        entities=tuple((name,) for name in names),
        model_ids=tuple(names),
        entity=np.arange(entities),
        data_start=np.full(entities, window * HOUR),
        data_end=np.full(entities, (window + 1) * HOUR),
        execution_start=np.zeros(entities, dtype=np.int64),
        execution_end=np.zeros(entities, dtype=np.int64),
        feature_values=np.ones((entities, 1)),
        score=rng.gamma(8, 0.12, entities),
        grade=np.zeros(entities),
        confidence=np.full(entities, 0.9),
        threshold=np.full(entities, np.nan),
    )


def intervals(entities: int) -> list[float]:
    """Return the seconds of each interval, the first one left out."""
    rng = np.random.default_rng(0)
    taken = []
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder) / "db") as database:
        catalogue = Catalogue(database)
        recorder = InfluencerRecorder(
            scores=EmbeddedScoreReader(catalogue), influencers=EmbeddedInfluencerStore(database)
        )
        for window in range(WINDOWS):
            EmbeddedResultStore(catalogue).record(results(window, entities, rng))
            began = time.perf_counter()
            start = window * HOUR
            recorder.recorded(JOB, WindowRange(start=start, end=start + HOUR, interval=HOUR))
            taken.append(time.perf_counter() - began)
    return taken[1:]


def renormalised() -> float:
    """Return the seconds that new scores of a million rows take."""
    state = InfluenceState(fields=1, features=1, interval=HOUR, period=HOUR)
    rng = np.random.default_rng(0)
    values = 10_000
    for window in range(20):
        code = np.arange(values)
        score = rng.gamma(8, 0.12, values)
        state.process(
            np.full(values, window * HOUR), code, code[:, None], score, np.ones((values, 1))
        )
    codes, ln_p = rng.integers(0, values, STORED), -3.4 - rng.exponential(2, STORED)
    began = time.perf_counter()
    state.renormalise(np.zeros(STORED, dtype=np.int64), codes, ln_p)
    return time.perf_counter() - began


def main(entities: int) -> None:
    """Print the figures."""
    taken = intervals(entities)
    print(
        f"an interval of {entities:,} entities, read, judged and stored: "
        f"median {statistics.median(taken):.2f} s, worst {max(taken):.2f} s"
    )
    print(f"{STORED:,} rows renormalised in {renormalised():.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
