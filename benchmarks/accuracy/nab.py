"""The labelled real series of NAB, all 29 with one setting, scored on the grade.

    python -m benchmarks.accuracy.nab [--shingle 8] [--seeds 1 2 3] [--out FOLDER]

The value is the only feature, and every row is judged by the rows before it. Needs the series and
the scorer of ``../shared``. The Java reference has NAB standard 53.7 and hits 50 of 61 windows
with 374 alarms.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from anomalyd._core import BankSettings, ModelBank

SHARED = Path(__file__).resolve().parents[3] / "shared"
SERIES = SHARED / "data" / "nab"
SCORER = SHARED / "tools" / "nab_score.py"
INTERVAL_MS = 60_000


def analyse(source: Path, target: Path, settings: BankSettings, seed: int) -> None:
    """Write a series with the grade of each of its rows."""
    with gzip.open(source, "rt") as file:
        rows = list(csv.reader(file))[1:]
    values = np.array([[float(row[1])] for row in rows])
    bank = ModelBank(settings, threads=1)
    models = np.repeat(bank.add(np.array([seed], dtype=np.uint64)), len(rows))
    timestamps = np.arange(len(rows), dtype=np.int64) * INTERVAL_MS
    grades = bank.process(models, timestamps, values).grade
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "value", "grade"])
        writer.writerows([*row, grade] for row, grade in zip(rows, grades.tolist(), strict=True))


def score(folder: Path) -> dict[str, float]:
    """Return the figures of a folder of analysed series."""
    report = folder / "report.json"
    command = [sys.executable, str(SCORER), "--windows", str(SERIES / "windows.json")]
    command += ["--scores", str(folder), "--column", "grade", "--flags", "grade"]
    subprocess.run([*command, "--json", str(report)], check=True, stdout=subprocess.DEVNULL)
    found = json.loads(report.read_text())
    return {
        "standard": found["nab"]["standard"],
        "reward low FP": found["nab"]["reward_low_FP"],
        "windows hit": found["event_flags"]["hit"],
        "alarms": found["event_flags"]["alarms"],
        "precision": found["event_flags"]["precision"],
    }


def main() -> None:
    """Run every seed and print its figures and their means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shingle", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, help="where the analysed series stay")
    arguments = parser.parse_args()
    if not SERIES.is_dir():
        sys.exit(f"the labelled series are not here: {SERIES} is absent")
    settings = BankSettings(features=1, shingle_size=arguments.shingle)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in arguments.seeds:
            folder = (arguments.out or Path(scratch)) / f"seed-{seed}"
            for name in json.loads((SERIES / "windows.json").read_text()):
                analyse(SERIES / f"{name}.gz", folder / name, settings, seed)
            results.append(score(folder))
            print(f"seed {seed}", results[-1])
    means = {name: round(float(np.mean([r[name] for r in results])), 2) for name in results[0]}
    print("mean  ", means)


if __name__ == "__main__":
    main()
