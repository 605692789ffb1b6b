"""Requests that nobody would write: refused, never a failure of ours."""

from __future__ import annotations

import pytest

from anomalyd.api.openapi import PREFIX, describe
from anomalyd.api.rest.routes import declared_routes
from anomalyd.config import Settings
from anomalyd.running import Addresses, RunningService
from tests.support.fuzz import try_all

EXAMPLES = 18
"""Of each operation; ``python -m benchmarks.random_requests`` sends 20,000."""


def test_the_description_is_complete() -> None:
    """It has every route but the second prefix."""
    described = {
        (method.upper(), path)
        for path, methods in describe("1")["paths"].items()
        for method in methods
    }
    declared = {(route.method, route.template) for route in declared_routes()}
    assert described == {each for each in declared if not each[1].startswith(PREFIX)}


def test_no_answer_is_a_failure_of_ours(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Seeded, so that the same requests are sent each time."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("random"))
    with RunningService(settings, Addresses(grpc_port=0, rest_port=0)) as service:
        assert service.rest_address is not None
        sent, failed = try_all(service.rest_address, examples=EXAMPLES)
    assert sent > 1_000
    assert failed == []
