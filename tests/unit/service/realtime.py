"""What tests of real time share: a clock that is moved, and a service that keeps up with it."""

import time

from anomalyd.application import Application
from anomalyd.schedule.clock import VirtualClock
from tests.unit.service.data import MINUTE

OF_THE_RUN = ("task_id", "execution_start_time", "execution_end_time")


def settle(application: Application, *, seconds: float = 20) -> None:
    """Wait until nothing is due any more."""
    deadline = time.monotonic() + seconds
    while not application.realtime.settled():
        assert time.monotonic() < deadline, "the ticks do not keep up"
        time.sleep(0.001)


def advance(application: Application, clock: VirtualClock, minutes: int, *, step: int = 1) -> None:
    """Let minutes pass, and everything be worked on that they make due."""
    for _ in range(0, minutes, step):
        clock.advance(step * MINUTE)
        settle(application)


def started(application: Application, detector_id: str) -> str:
    """Start a detector and wait until it has done all there is to do; return its task's state."""
    application.detectors.start_realtime(detector_id, caller=application.caller)
    settle(application)
    return task(application, detector_id)["state"]


def stop(application: Application, detector_id: str) -> str:
    """Stop a detector."""
    return application.detectors.stop_realtime(detector_id, caller=application.caller)


def task(application: Application, detector_id: str) -> dict:
    """Return the real-time task."""
    return application.detectors.get(detector_id, task=True).realtime_task


def live_results(application: Application, detector_id: str) -> list[dict]:
    """The results of real time in the order of time and entity."""
    body = {
        "query": {
            "bool": {
                "filter": [{"term": {"detector_id": detector_id}}],
                "must_not": [{"exists": {"field": "task_id"}}],
            }
        },
        "size": 10_000,
    }
    hits = application.results.search(body, custom_index="searchguard-ad-result-*")["hits"]["hits"]
    return in_order([hit["_source"] for hit in hits])


def in_order(documents: list[dict]) -> list[dict]:
    """Sort results by window and series."""
    return sorted(documents, key=lambda one: (one["data_start_time"], one.get("model_id", "")))


def comparable(documents: list[dict]) -> list[dict]:
    """Results without what tells one run from another."""
    return in_order([{key: one[key] for key in one if key not in OF_THE_RUN} for one in documents])
