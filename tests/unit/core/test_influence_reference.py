"""The numbers that the engine ours is compared with publishes (influencers reference, §3)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from anomalyd._core import normalised_score, raw_scores, reference_aggregate

CUTOFF = math.log(0.05)
INFLUENCE_CUTOFF = math.log(0.035)
UPDATES = 500
ANOMALIES = {50: 0.02, 110: 0.01, 190: 0.006, 220: 0.01, 290: 0.015}


FOURTEEN = "0.21 0.52 0.13 0.67 0.89 0.32 0.46 0.222 0.35 0.93 0.89 0.32 0.46 0.000021"
SIXTEEN = "0.11 0.13 0.12 0.22 0.14 0.09 0.01 0.13 0.15 0.14 0.11 0.13 0.12 0.22 0.09 0.01"
SEVENTEEN = (
    "0.21 0.52 0.0058 0.13 0.67 0.89 0.32 0.03 0.46 0.222 0.35 0.93 0.01 0.89 0.32 0.46 0.0021"
)
TINY = "1e-100 1.7e-20 1.6e-150 2.2e-150 1.3e-180 1.35e-95 1.7e-180 1.21e-300"


@pytest.mark.parametrize(
    ("probabilities", "raw", "tolerance"),
    [
        ("0.001", 0.078557, 5e-7),
        ("0.02", 0.002405, 5e-7),
        (SIXTEEN, 0.318231, 1e-6),
        (FOURTEEN, 0.137591, 1e-6),
        (SEVENTEEN, 0.029413, 1e-6),
        # exact, where the published 86.995953 bounds the gamma function from above
        (TINY, 86.983, 5e-4),
        (TINY, 86.995953, 0.02),
    ],
)
def test_aggregates(probabilities: str, raw: float, tolerance: float) -> None:
    """Raw scores of attributes, up to the digits that are published."""
    ln_p = np.log([float(each) for each in probabilities.split()])
    answer = reference_aggregate(ln_p, style="attributes", ln_cutoff=CUTOFF)
    assert answer[0] == pytest.approx(raw, abs=tolerance)


def aggregate(ln_p: list[float], style: str = "attributes") -> tuple[float, float]:
    return reference_aggregate(np.array(ln_p), style=style, ln_cutoff=INFLUENCE_CUTOFF)


def test_influencers_of_three_records() -> None:
    """Each record's probability to the power of its influence; then the field over its values."""
    ln_p = np.log([0.22, 0.003, 0.01])
    first = aggregate((ln_p * [0.6, 0.9, 1]).tolist())
    second = aggregate([float(ln_p[1])])
    field = aggregate([first[1], second[1]], style="people")
    assert math.exp(first[1]) == pytest.approx(0.0018017, abs=1e-7)
    assert first[0] == pytest.approx(0.042888, abs=2e-6)
    assert math.exp(second[1]) == pytest.approx(0.003, abs=1e-9)
    assert second[0] == pytest.approx(0.025117, abs=5e-7)
    assert math.exp(field[1]) == pytest.approx(0.0036002, abs=1e-7)
    assert field[0] == pytest.approx(0.020662, abs=1e-6)


def test_two_unremarkable_records_are_remarkable_together() -> None:
    """0.06 twice, both above the cutoff."""
    raw, ln_p = aggregate([math.log(0.06)] * 2)
    assert math.exp(ln_p) == pytest.approx(0.019394, abs=5e-7)
    assert raw == pytest.approx(0.0025301, abs=5e-8)


def published(ln_p: float) -> float:
    """The probability that goes with the deflated raw score."""
    low, high = -700.0, 0.0
    raw = 0.8 * raw_scores(np.array([ln_p]))[0]
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if raw_scores(np.array([middle]))[0] > raw else (low, middle)
    return math.exp(low)


def test_published_probabilities_are_larger_than_the_literal_ones() -> None:
    """A single record of 0.003 is published as 0.003695; ours is literal."""
    assert published(math.log(0.003)) == pytest.approx(0.003695, abs=5e-7)


@pytest.mark.parametrize(
    ("noisy", "scores"),
    [
        (0, [41.62776, 32.36435, 26.16873, 32.36435, 37.68726]),
        (400, [1.14, 1.04, 1.0, 1.04, 1.09]),
    ],
)
def test_normalised_scores(noisy: int, scores: list[float]) -> None:
    """After 500 updates of half an hour; the first so many that are not listed are at .0055."""
    decay = 0.0005
    seen = [ANOMALIES.get(at, 0.0055 if at < noisy else 0.0) for at in range(UPDATES)]
    # raw scores are counted in thousandths; they fade a little every twenty updates
    counts: dict[int, float] = {}
    largest = 0.0
    for at, raw in enumerate(seen):
        if at % 20 == 0:
            counts = {each: count * math.exp(-decay) for each, count in counts.items()}
        thousandths = math.floor(1000 * raw + 0.5)
        counts[thousandths] = counts.get(thousandths, 0.0) + 1
        largest = max(largest * math.exp(-2 * decay), raw)
    total = sum(counts.values())
    running = 0.0
    for median in sorted(counts):
        running += counts[median]
        if running >= total / 2:
            break
    for raw, score in zip(ANOMALIES.values(), scores, strict=True):
        here = math.floor(1000 * raw + 0.5)
        answer = normalised_score(
            raw=raw,
            ln_probability=-math.log(20 + raw * 9980),
            # the sample itself left out; how a digest counts its ties is its own affair
            below=sum(count for each, count in counts.items() if each <= here) - 1,
            samples=total,
            median=median / 1000,
            quiet=counts.get(0, 0.0) / total,
            largest=largest,
        )
        assert answer == pytest.approx(score, abs=5e-6)


def test_the_ceilings_of_the_probability() -> None:
    """What p at most gives 25, 50, 75 and 90, whatever else was seen; the knots of percentiles."""

    def score(p: float, below: float = 1e9) -> float:
        return normalised_score(
            raw=float(raw_scores(np.log([p]))[0]), ln_probability=math.log(p),
            below=below, samples=1e9, median=0.0, quiet=1.0, largest=0.0,
        )  # fmt: skip

    for p, ceiling in ((0.01351, 25), (0.002633, 50), (5.13e-4, 75), (1.92e-4, 90), (1e-4, 100)):
        assert score(p) == pytest.approx(ceiling, abs=0.05)
    for share, ceiling in ((0.70, 1), (0.85, 1.2), (0.90, 1.5), (0.95, 3), (0.97, 20), (0.99, 50)):
        assert score(1e-9, below=share * 1e9) == pytest.approx(ceiling, abs=0.05)
    assert score(1e-9, below=0.999e9) == pytest.approx(90, abs=0.05)
    assert score(0.036) == 0
