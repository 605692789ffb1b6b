"""Real time when something is wrong: sources that fail, leases of others, leftovers."""

import dataclasses
import random

import pytest

from anomalyd.app import build
from anomalyd.config import Settings
from anomalyd.errors import IllegalArgument, SourceUnavailable
from anomalyd.schedule.clock import VirtualClock
from tests.unit.service.data import FIRST, MINUTE, create, fill
from tests.unit.service.realtime import advance, live_results, settle, started, stop, task

BEGIN = FIRST + 100 * MINUTE


@pytest.fixture
def clock():
    return VirtualClock(BEGIN)


class Failing:
    """Makes an application's source raise for as long as it is told to."""

    def __init__(self, application, monkeypatch):
        source = application.previews._source
        ask = source.feature_rows
        self.error = None

        def asked(query):
            if self.error is not None:
                raise self.error
            return ask(query)

        monkeypatch.setattr(source, "feature_rows", asked)


@pytest.fixture
def failing(filled, monkeypatch):
    return Failing(filled, monkeypatch)


@pytest.mark.parametrize("categories", [..., ["host"]])
def test_a_source_that_was_away_leaves_no_gap(filled, clock, failing, categories):
    """It is asked again with growing pauses; the error is told; then everything is caught up."""
    id = create(filled, category_field=categories)
    started(filled, id)
    advance(filled, clock, 3)
    failing.error = SourceUnavailable("the disk is away")
    for _ in range(3 * 60):
        clock.advance(1_000)
        settle(filled)
    assert filled.profiles.detector(id) == {"state": "RUNNING", "error": "the disk is away"}
    noted = [one for one in live_results(filled, id) if "error" in one]
    assert noted
    assert {one["error"] for one in noted} == {"the disk is away"}
    failing.error = None
    advance(filled, clock, 2)
    assert filled.profiles.detector(id) == {"state": "RUNNING", "error": ""}
    found = live_results(filled, id)
    assert not [one for one in found if "error" in one]
    windows = {one["data_start_time"] for one in found}
    assert len(windows) == (max(windows) - min(windows)) // MINUTE + 1 == 9
    kind = "ad_hc_execute" if categories is not ... else "ad_execute"
    node = filled.stats.read(request="")["nodes"][filled.node_id]
    assert node[f"{kind}_failure_count"] > 0


def test_six_failures_are_borne_the_seventh_stops(filled, clock, failing):
    """The documented rule and words; nothing is left but the task that tells."""
    id = create(filled)
    started(filled, id)
    failing.error = IllegalArgument("the field is gone")
    advance(filled, clock, 6)
    assert task(filled, id)["state"] == "RUNNING"
    assert filled.profiles.detector(id, ["ticks"])["ticks"]["failures"] == 6
    advance(filled, clock, 1)
    ended = task(filled, id)
    assert ended["state"] == "FAILED"
    assert ended["error"] == (
        "Stopped detector as job failed consecutively for more than 6 times: the field is gone"
    )
    assert filled.profiles.detector(id) == {"state": "DISABLED", "error": ended["error"]}
    assert not filled.detectors.get(id, job=True).job["enabled"]
    assert filled._checkpoints.detectors() == {}
    failing.error = None
    assert started(filled, id) == "RUNNING"


def test_failures_that_end_are_forgotten(filled, clock, failing):
    """Only failures in a row count."""
    id = create(filled)
    started(filled, id)
    for _ in range(3):
        failing.error = IllegalArgument("the field is gone")
        advance(filled, clock, 5)
        failing.error = None
        advance(filled, clock, 1)
        assert filled.profiles.detector(id) == {"state": "RUNNING", "error": ""}


def test_the_lease_of_another_node_is_waited_for(filled, clock):
    """Nothing is written while it lasts; after it every window is caught up."""
    id = create(filled)
    started(filled, id)
    log = filled.realtime._tools.log
    held = log.state(id)
    log.take_over(held, "another-node", until=clock.now() + 10 * MINUTE)
    before = len(live_results(filled, id))
    advance(filled, clock, 9)
    assert len(live_results(filled, id)) == before
    advance(filled, clock, 3)
    assert len(live_results(filled, id)) == before + 12
    assert log.state(id).state.owner == filled.node_id


def test_a_stop_that_was_cut_off_is_finished_at_the_next_start(tmp_path, clock):
    """A state without an enabled job is removed, with its checkpoints."""
    settings = Settings(data_dir=tmp_path)
    ids = random.Random(3).randbytes
    with build(settings, clock=clock, random_bytes=ids) as application:
        fill(application)
        id = create(application)
        started(application, id)
        log = application.realtime._tools.log
        disabled = dataclasses.replace(log.job(id), enabled=False)
        application.detectors._documents.put([log.job_write(disabled)])
        assert application.realtime.orphans() == (
            f"{id}: a checkpoint without a job",
            f"{id}: a model without a job",
            f"{id}: a state and lease without a job",
            f"{id}: a task without a job",
        )
    with build(settings, clock=clock, random_bytes=ids) as application:
        assert application.realtime.orphans() == ()
        assert task(application, id)["state"] == "STOPPED"


def test_start_stop_update_delete_while_ticking(filled, clock):
    """Whatever the order, nothing is left of a detector that is gone."""
    choices = random.Random(5)
    ids = [create(filled, name=f"d{at}", category_field=["host"]) for at in range(3)]
    running = set()
    for _ in range(30):
        id = choices.choice(ids)
        if id in running:
            stop(filled, id)
            running.discard(id)
        else:
            filled.detectors.start_realtime(id, caller=filled.caller)
            running.add(id)
        clock.advance(MINUTE)
    settle(filled)
    assert set(filled.realtime.lives()) == running
    assert set(filled._checkpoints.detectors()) == running
    assert filled.realtime.orphans() == ()
    for id in ids:
        if id in running:
            stop(filled, id)
        assert filled.detectors.delete(id).result == "deleted"
    assert filled.realtime.lives() == {}
    assert filled.realtime.orphans() == ()
    assert filled.realtime._tools.log.enabled() == ()
