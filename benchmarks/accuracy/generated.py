"""Generated series of sixteen kinds with planted anomalies of eight kinds: what is found of each.

    python -m benchmarks.accuracy.generated [--seeds 101 102 103 104 105 106]

Each series has 3,700 rows and, from row 900 on, one anomaly of each kind in random order. One is
found when a row of it, or one of the two rows after it, has a grade above 0. Alarms elsewhere count
once in eight rows.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anomalyd._core import BankSettings, ModelBank
from benchmarks.report import table

ROWS = 3_700
FIRST, APART = 900, 280
KINDS = ("spike", "dip", "shift", "burst", "flat", "frequency", "double", "ramp")
SEEDS = (101, 102, 103, 104, 105, 106)
FOUND_WITHIN, FORGIVEN, MERGED = 3, 8, 8
"""Rows: until when an anomaly counts as found, is no false alarm, and alarms are one."""
UNJUDGED = 400
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Planted:
    """An anomaly: rows ``begin`` to ``end - 1``."""

    kind: str
    begin: int
    end: int


def series(seed: int) -> Iterator[tuple[str, Floats, tuple[Planted, ...]]]:
    """Yield every kind of series of a seed, by name, with its anomalies."""
    random = np.random.default_rng(1_000 + seed)
    for name, values, size in _plain(random):
        planted = []
        at = FIRST
        for kind in random.permutation(KINDS):
            at += int(random.integers(0, 80))
            length = _plant(kind, values, at, size * random.uniform(0.8, 1.6), random)
            planted.append(Planted(kind, at, at + length))
            at += APART
        yield name, values, tuple(planted)


def _plain(random: np.random.Generator) -> Iterator[tuple[str, Floats, float]]:
    """Yield names, series without anomalies, and how large an anomaly of them is."""
    time = np.arange(ROWS)
    period = int(random.choice([48, 96, 144, 288]))
    wave = np.sin(2 * np.pi * time / period + random.uniform(0, 2 * np.pi))
    second = 15 * np.sin(4 * np.pi * time / period + 1)

    def noise(deviation: float = 1.0) -> Floats:
        return random.normal(0, deviation, ROWS)

    yield "sine", 100 + 30 * wave + noise(3), 30
    yield "two harmonics", 100 + 30 * wave + second + noise(2), 30
    weekend = 1 + 0.5 * ((time // period) % 7 >= 5)
    yield "weekly", (100 + 40 * wave) * weekend + noise(4), 40
    yield "autoregressive .5", 50 + _autoregressive(0.5, noise()), 8
    yield "autoregressive .95", 50 + _autoregressive(0.95, noise()), 8
    yield "noise", 20 + noise(), 7
    yield "heavy tails", 20 + random.standard_t(3, ROWS), 12
    yield "seasonal, heavy tails", 100 + 30 * wave + 3 * random.standard_t(3, ROWS), 40
    yield "counts", random.poisson(3, ROWS).astype(float), 14
    yield "seasonal counts", random.poisson(np.maximum(1, 40 + 30 * wave)).astype(float), 50
    yield "lognormal", np.exp(random.normal(3, 0.4, ROWS)), 100
    yield "square wave", np.where(time % period < period // 4, 100.0, 20.0) + noise(3), 60
    factor = np.exp(random.normal(0, 0.1, ROWS))
    yield "noise that multiplies", (100 + 60 * wave) * factor, 100
    yield "jobs every hour", np.where(time % 60 < 3, 80.0, 10.0) + noise(1.5), 50
    seldom = np.where(random.random(ROWS) < 0.02, random.integers(1, 3, ROWS), 0)
    yield "mostly zero", seldom.astype(float), 12
    yield "small ratio", 0.02 + 0.004 * wave + noise(0.0006), 0.008


def _autoregressive(factor: float, steps: Floats) -> Floats:
    values = np.zeros(len(steps))
    for at in range(1, len(steps)):
        values[at] = factor * values[at - 1] + steps[at]
    return values


def _plant(kind: str, values: Floats, at: int, size: float, random: np.random.Generator) -> int:
    """Change a series in place and return over how many rows."""
    match kind:
        case "spike":
            values[at] += size
            return 1
        case "dip":
            values[at : at + 2] -= size
            return 2
        case "shift":
            values[at : at + 40] += size * random.choice([-1, 1])
            return 40
        case "burst":
            values[at : at + 10] += random.normal(0, size * 0.7, 10)
            return 10
        case "flat":
            values[at : at + 40] = values[at]
            return 40
        case "frequency":
            values[at : at + 40] = values[at : at + 120 : 3]
            return 40
        case "double":
            values[at] += size
            values[at + 5] -= size
            return 6
        case _:
            values[at : at + 20] += np.linspace(0, 1.5 * size, 20)
            return 20


def flagged(values: Floats, seed: int) -> npt.NDArray[np.bool_]:
    """Return which rows have a grade, each judged by those before it."""
    bank = ModelBank(BankSettings(features=1), threads=1)
    models = np.repeat(bank.add(np.array([seed], dtype=np.uint64)), len(values))
    rows = np.arange(len(values), dtype=np.int64)
    return np.asarray(bank.process(models, rows * 60_000, values[:, None]).grade > 0)


def main() -> None:
    """Analyse every series and print what was found, by kind of anomaly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    found: dict[str, list[bool]] = defaultdict(list)
    alarms = rows = 0
    for seed in parser.parse_args().seeds:
        for _, values, planted in series(seed):
            flags = flagged(values, seed)
            elsewhere = flags.copy()
            for one in planted:
                found[one.kind].append(bool(flags[one.begin : one.end + FOUND_WITHIN].any()))
                elsewhere[one.begin : one.end + FORGIVEN] = False
            places = np.flatnonzero(elsewhere)
            alarms += int((np.diff(places, prepend=-MERGED - 1) > MERGED).sum())
            rows += len(values) - UNJUDGED
    print(table(("planted", "found", "of"), _rows(found)))
    print(f"{1_000 * alarms / rows:.2f} alarms elsewhere in 1,000 rows")


def _rows(found: Mapping[str, list[bool]]) -> list[tuple[str, str, str]]:
    every = [each for kind in KINDS for each in found[kind]]
    return [
        (kind, f"{np.mean(each):.0%}", str(len(each)))
        for kind, each in (*((kind, found[kind]) for kind in KINDS), ("all", every))
    ]


if __name__ == "__main__":
    main()
