"""A client of the session's service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from anomalyd.client import Client
from anomalyd.running import RunningService


@pytest.fixture(scope="session")
def connected(service: RunningService) -> Iterator[Client]:
    """A client with the service behind it."""
    with Client(service.grpc_address) as client:
        yield client
