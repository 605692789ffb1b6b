"""How long validation and suggestions take on 10,000,000 documents.

Claim: `_validate/model` with five features stays within its ten seconds, whatever the data look
like: dense, or so sparse that every trial interval and every further check is needed. Loading takes
minutes; the benchmark prints the seconds of the slowest call.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from anomalyd.app import build
from anomalyd.application import Application
from anomalyd.config import Settings
from anomalyd.schedule.clock import SystemClock
from anomalyd.service.suggest import SuggestedParameter
from anomalyd.service.validation_issue import ValidationAspect

DOCUMENTS = 10_000_000
PIECES = 20
MINUTE = 60_000
NOW = 1_795_313_820_000
BUDGET_SECONDS = 10.0
TIMES = {
    # 60 days without a gap
    "dense": f"{NOW - 1_000} - (i * {60 * 24 * 60 * MINUTE} // {DOCUMENTS})",
    # all documents in one minute out of ninety
    "sparse": f"{NOW - 1_000} - ((i % 960) * {90 * MINUTE} + (i // 960))",
}
MAPPING = {
    "mappings": {
        "properties": {
            "timestamp": {"type": "date"},
            "value": {"type": "double"},
            "latency": {"type": "double"},
            "host": {"type": "keyword"},
        }
    }
}


class FixedClock(SystemClock):
    """The machine's clock for durations; the day is the one that the documents end on."""

    def now(self) -> int:
        """Return the time after the newest document."""
        return NOW


@pytest.fixture(scope="module", params=TIMES)
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    """A service with one index of ten million documents."""
    folder: Path = tmp_path_factory.mktemp("validation")
    part = folder / "part.json"
    settings = Settings(data_dir=folder / "data")
    with build(settings, clock=FixedClock(), random_bytes=random.Random(1).randbytes) as made:
        made.indices.create_index("log", MAPPING)
        for piece in range(PIECES):
            first, end = (DOCUMENTS * (piece + step) // PIECES for step in (0, 1))
            duckdb.sql(
                f"COPY (SELECT {TIMES[request.param]} AS timestamp, (i % 100)::DOUBLE AS value, "
                f"(i % 7)::DOUBLE AS latency, 'host-' || (i % 50) AS host "
                f"FROM range({first}, {end}) r(i)) TO '{part}' (FORMAT JSON)"
            )
            assert not made.indices.append_lines("log", part.read_bytes()).failures
        part.unlink()
        yield made


def detector(unit: str, categories: list[str]) -> dict[str, Any]:
    features = [
        {"feature_name": name, "aggregation_query": {name: {"sum": {"field": "latency"}}}}
        for name in ("a", "b", "c", "d", "e")
    ]
    return {
        "name": "validated",
        "time_field": "timestamp",
        "indices": ["log"],
        "feature_attributes": features,
        "filter_query": {"range": {"value": {"gt": 10}}},
        "detection_interval": {"period": {"interval": 1, "unit": unit}},
        "category_field": categories,
    }


def seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


@pytest.mark.parametrize("categories", [[], ["host"]], ids=["single", "by host"])
@pytest.mark.parametrize("unit", ["Minutes", "Seconds"])
def test_validation_and_suggestions(loaded: Application, unit: str, categories: list[str]) -> None:
    """Every call is within the budget."""
    body = detector(unit, categories)
    took = {
        aspect.value: seconds(
            lambda aspect=aspect: loaded.validation.validate(body, aspect, caller=loaded.caller)
        )
        for aspect in ValidationAspect
    }
    took["suggest"] = seconds(
        lambda: loaded.suggestions.suggest(
            body, frozenset(SuggestedParameter), caller=loaded.caller
        )
    )
    print("\n" + ", ".join(f"{name}: {figure:.2f} s" for name, figure in took.items()))
    assert max(took.values()) < BUDGET_SECONDS
