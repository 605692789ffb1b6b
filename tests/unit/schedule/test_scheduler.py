"""The scheduler: lanes, keys, cancelling, closing."""

import logging
import threading

import pytest

from anomalyd.schedule.scheduler import Scheduler

SOON = 5


@pytest.fixture
def scheduler():
    made = Scheduler({"historical": 1, "realtime": 1})
    yield made
    made.close()


class Blocker:
    """A job that says when it began and ends when it is told to stop."""

    def __init__(self):
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.control = None

    def __call__(self, control):
        self.control = control
        self.begun.set()
        control.stop.wait(SOON)
        self.ended.set()


def test_a_job_runs_and_is_forgotten(scheduler):
    """After its end the key is free again."""
    done = threading.Event()
    assert scheduler.submit("historical", "a", lambda control: done.set())
    assert done.wait(SOON)
    while scheduler.keys("historical"):
        pass
    assert scheduler.submit("historical", "a", lambda control: None)


def test_a_key_is_taken_only_once(scheduler):
    """A second job with the key of a running one is refused."""
    job = Blocker()
    assert scheduler.submit("historical", "a", job)
    assert not scheduler.submit("historical", "a", job)
    assert scheduler.keys("historical") == {"a"}
    assert scheduler.keys("realtime") == frozenset()


def test_lanes_do_not_wait_for_each_other(scheduler):
    """A full lane leaves the other one free."""
    first, second, other = Blocker(), Blocker(), Blocker()
    scheduler.submit("historical", "first", first)
    scheduler.submit("historical", "second", second)
    scheduler.submit("realtime", "other", other)
    assert first.begun.wait(SOON)
    assert other.begun.wait(SOON)
    assert not second.begun.is_set()


def test_a_cancelled_job_knows_by_whom(scheduler):
    """The first one who cancels counts; a key that is unknown cannot be cancelled."""
    job = Blocker()
    scheduler.submit("historical", "a", job)
    assert job.begun.wait(SOON)
    assert scheduler.cancel("a", by="admin")
    scheduler.cancel("a", by="other")
    assert job.ended.wait(SOON)
    assert job.control.cancelled_by == "admin"
    assert not scheduler.cancel("b", by="admin")


def test_a_cancelled_waiting_job_gets_its_turn_at_once(scheduler):
    """It does not wait for its lane, so that it can write down its end."""
    running, waiting = Blocker(), Blocker()
    scheduler.submit("historical", "running", running)
    scheduler.submit("historical", "waiting", waiting)
    assert running.begun.wait(SOON)
    assert scheduler.cancel("waiting", by="admin")
    assert waiting.ended.wait(SOON)
    assert waiting.control.cancelled_by == "admin"
    assert not running.ended.is_set()


def test_closing_interrupts_without_cancelling():
    """Running jobs are told to stop and waited for; waiting ones are forgotten."""
    scheduler = Scheduler({"historical": 1})
    running, waiting = Blocker(), Blocker()
    scheduler.submit("historical", "running", running)
    scheduler.submit("historical", "waiting", waiting)
    assert running.begun.wait(SOON)
    scheduler.close()
    assert running.ended.is_set()
    assert running.control.cancelled_by is None
    assert not waiting.begun.is_set()
    assert not scheduler.submit("historical", "late", Blocker())


def test_a_defect_is_logged_and_frees_the_lane(scheduler, caplog):
    """An exception that a job lets through is not silent."""

    def broken(control):
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR):
        scheduler.submit("historical", "a", broken)
        job = Blocker()
        scheduler.submit("historical", "b", job)
        assert job.begun.wait(SOON)
    assert "job a failed" in caplog.text


def test_an_unknown_lane_is_a_defect(scheduler):
    """Lanes are fixed when the scheduler is made."""
    with pytest.raises(KeyError):
        scheduler.submit("nosuch", "a", Blocker())
