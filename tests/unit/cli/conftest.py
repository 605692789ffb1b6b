"""Commands, run in this process against the session's service."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from anomalyd.cli import application
from anomalyd.client import Client
from anomalyd.running import RunningService

Run = Callable[..., Result]


@pytest.fixture
def run(service: RunningService) -> Run:
    """Run a command with the service's address; returns its exit code and what it printed."""

    def invoke(*arguments: str) -> Result:
        environment = {"COLUMNS": "200"}
        return CliRunner().invoke(
            application, [*arguments, "--address", service.grpc_address], env=environment
        )

    return invoke


@pytest.fixture(scope="session")
def client(service: RunningService) -> Iterator[Client]:
    """A client of the service, to look at what a command did."""
    with Client(service.grpc_address) as client:
        yield client
