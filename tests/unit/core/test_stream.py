"""The benchmark stream has the published values."""

from __future__ import annotations

import pytest

from benchmarks.stream import stream

CHECKS = {
    0: (97.05723707037843, 145.33493893781326),
    1: (99.93281911078917, 141.57681964002694),
    2: (99.37529537002146, 140.4371912263122),
    287: (99.3045778565175, 147.08866353035756),
    1497: (81.74471511559342, 103.97465704066585),
    1498: (79.77379180165646, 105.25679932544244),
    2494: (126.14818363822802, 149.69885881622764),
    100000: (121.87644429654914, 108.30492855765294),
}


@pytest.mark.parametrize("step", CHECKS)
def test_check_values(step: int) -> None:
    """Feature 0 of 1 and feature 3 of 5 at chosen steps, seed 42."""
    one, five = CHECKS[step]
    assert stream(42, step, step + 1, 1)[0, 0] == pytest.approx(one, abs=1e-9)
    assert stream(42, step, step + 1, 5)[0, 3] == pytest.approx(five, abs=1e-9)
