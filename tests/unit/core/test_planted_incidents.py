"""Incidents planted in a generated log: nearly all are found, and hardly anything else is flagged.

One minute per row, the sum of `value` over all hosts and by host, three days. An incident is hit
when one of its minutes, or the one after it, has a grade.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.core.series import run

GENERATOR = Path(__file__).resolve().parents[4] / "shared" / "tools" / "transcript_data.py"
SEEDS = (1, 2, 3)
DAYS = 3
MINUTES = 1440

pytestmark = pytest.mark.skipif(
    not GENERATOR.is_file(), reason=f"the generator of the log is not here: {GENERATOR} is absent"
)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """Return the program that makes the log."""
    spec = importlib.util.spec_from_file_location("transcript_data", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def log(generator: ModuleType) -> Mapping[str, NDArray[np.float64]]:
    """Return the sum of `value` per minute of each host."""
    start = generator.minute_of("2026-11-18T00:00:00Z")
    sums = {host: np.zeros(DAYS * MINUTES) for host in generator.HOSTS}
    for minute in range(DAYS * MINUTES):
        for document in generator.server_log(start + minute):
            sums[document["host"]][minute] += document["value"]
    return sums


def found(
    generator: ModuleType, values: NDArray[np.float64], host: str | None, seed: int
) -> tuple[int, int]:
    """Return how many incidents are hit, and how many rows elsewhere are flagged."""
    flagged = run(values[:, None], seed=seed).grade > 0
    elsewhere = flagged.copy()
    hit = 0
    for start, length, where, _ in generator.ANOMALIES:
        if host is not None and where not in (None, host):
            continue
        for day in range(DAYS):
            window = slice(day * MINUTES + start, day * MINUTES + start + length + 1)
            hit += bool(flagged[window].any())
            elsewhere[window] = False
    return hit, int(elsewhere.sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_incidents_of_the_whole_log_are_found(
    generator: ModuleType, log: Mapping[str, NDArray[np.float64]], seed: int
) -> None:
    """At least 14 of 15, and at most 4 rows elsewhere."""
    hit, elsewhere = found(generator, np.sum(list(log.values()), axis=0), None, seed)
    assert hit >= 14
    assert elsewhere <= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_the_incidents_of_each_host_are_found(
    generator: ModuleType, log: Mapping[str, NDArray[np.float64]], seed: int
) -> None:
    """At least 38 of 39, and at most 8 rows elsewhere."""
    results = [found(generator, values, host, seed) for host, values in log.items()]
    assert sum(hit for hit, _ in results) >= 38
    assert sum(elsewhere for _, elsewhere in results) <= 8
