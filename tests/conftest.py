"""Fixtures for tests of the whole service: started once per session, on free ports."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import hypothesis
import pytest

from anomalyd.config import Settings
from anomalyd.running import Addresses, RunningService
from tests.support.rest import RestClient

# A test that fails because the machine is busy says nothing about the code.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The service in this process, with its database on disk and the real Envoy before it.

    Shared by all tests of a session: a test uses names of indices and detectors of its own.
    """
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("service"),
        # all tests together make more of them than the documented limit allows
        max_multi_entity_anomaly_detectors=1_000,
    )
    with RunningService(settings, Addresses(grpc_port=0, rest_port=0)) as running:
        yield running


@pytest.fixture(scope="session")
def rest(service: RunningService) -> Iterator[RestClient]:
    """A client of the REST port."""
    assert service.rest_address is not None
    with RestClient(service.rest_address) as client:
        yield client


@pytest.fixture(scope="session")
def channel(service: RunningService) -> Iterator[grpc.Channel]:
    """A channel to the gRPC port."""
    with grpc.insecure_channel(service.grpc_address) as opened:
        yield opened
