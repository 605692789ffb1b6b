"""A whole application in memory, on a clock that stands still, with data to look at."""

import random

import pytest

from anomalyd.app import build
from anomalyd.application import Application
from anomalyd.config import Settings
from anomalyd.schedule.clock import VirtualClock
from tests.unit.service.data import NOW, fill


@pytest.fixture
def clock():
    """The time of the system."""
    return VirtualClock(NOW)


@pytest.fixture
def application(clock):
    """An empty system with small pieces, so that even short runs have several."""
    made = build(
        Settings(
            batch_task_piece_size=100,
            max_running_entities_per_detector_for_historical_analysis=2,
            max_multi_entity_anomaly_detectors=3,
        ),
        clock=clock,
        random_bytes=random.Random(7).randbytes,
    )
    yield made
    made.close()


@pytest.fixture
def filled(application: Application) -> Application:
    """The same with documents: server_log, nodate_log, empty_log."""
    fill(application)
    return application
