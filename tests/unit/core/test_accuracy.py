"""Precision and recall on the reference implementation's generator, and on a real series."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from anomalyd._core import BankSettings
from tests.unit.core.series import labelled_series, run

SEEDS = range(1, 11)
WARM_UP = range(260, 300)
"""The points that the cold start reads; scored one by one from the last of them on."""

# (dependent, features): mean precision and mean recall that the Java reference reaches with the
# detector plugin's parameters. Its own tests ask for less; the interval changes nothing about the
# series.
FLOORS = {
    (True, 4): (0.56, 0.33),
    (True, 2): (0.69, 0.43),
    (True, 1): (0.68, 0.49),
    (False, 4): (0.39, 0.19),
    (False, 2): (0.63, 0.39),
    (False, 1): (0.76, 0.56),
}
LOOSE_FLOORS = {
    (True, 4): (0.5, 0.2),
    (True, 2): (0.5, 0.3),
    (True, 1): (0.4, 0.4),
    (False, 4): (0.4, 0.1),
    (False, 2): (0.6, 0.4),
    (False, 1): (0.5, 0.3),
}
"""The lower bounds of the reference's own tests, the stricter of the two of each cell."""
NYC_TAXI = Path("../shared/data/nab/realKnownCause/nyc_taxi.csv.gz")


def precision_and_recall(seed: int, features: int, *, dependent: bool) -> tuple[float, float]:
    """Return precision and recall of ``grade > 0`` from point 300 on; 1 where undefined."""
    series = labelled_series(seed, features, dependent=dependent)
    grade = run(series.values[WARM_UP.start :], seed=seed).grade[len(WARM_UP) :]
    flagged = grade > 0
    anomalous = series.anomalous[WARM_UP.stop :]
    true = int((flagged & anomalous).sum())
    precision = true / int(flagged.sum()) if flagged.any() else 1.0
    recall = true / int(anomalous.sum()) if anomalous.any() else 1.0
    return precision, recall


@pytest.mark.parametrize(("dependent", "features"), FLOORS)
def test_the_reference_is_reached_cell_by_cell(dependent: bool, features: int) -> None:
    """Mean precision and recall over seeds 1 to 10 are at least what the reference reaches."""
    cells = [precision_and_recall(seed, features, dependent=dependent) for seed in SEEDS]
    precision, recall = np.mean(cells, axis=0)
    floors = np.maximum(FLOORS[dependent, features], LOOSE_FLOORS[dependent, features])
    assert precision >= floors[0]
    assert recall >= floors[1]


@pytest.mark.skipif(not NYC_TAXI.exists(), reason="the labelled series is not on this machine")
def test_nyc_taxi_is_found_with_few_false_alarms() -> None:
    """At least 3 of 5 labelled windows are hit and at most 1 % of the rest is flagged."""
    with gzip.open(NYC_TAXI, "rt") as file:
        rows = list(csv.reader(file))[1:]
    windows = json.loads((NYC_TAXI.parent.parent / "windows.json").read_text())
    time = np.array([row[0] for row in rows], dtype="datetime64[s]")
    values = np.array([[float(row[1])] for row in rows])
    inside = [
        (time >= np.datetime64(start[:19])) & (time <= np.datetime64(end[:19]))
        for start, end in windows["realKnownCause/nyc_taxi.csv"]
    ]
    outside = ~np.any(inside, axis=0)
    for seed in range(5):
        flagged = run(values, seed=seed).grade > 0
        assert sum(bool(flagged[window].any()) for window in inside) >= 3
        assert flagged[outside].mean() <= 0.01


def test_the_corrector_is_what_keeps_precision() -> None:
    """Without it an anomaly is flagged again at nearly every point of its shingle."""
    series = labelled_series(1, 1, dependent=True)
    with_it = run(series.values, seed=1).grade > 0
    without = (
        run(series.values, seed=1, settings=BankSettings(features=1, corrector=False)).grade > 0
    )
    assert with_it.sum() * 4 < without.sum()
    assert (with_it & series.anomalous).sum() >= 0.9 * (without & series.anomalous).sum()
