"""Real time when something is wrong: sources that fail, leases of others, leftovers."""

import dataclasses
import random

import pytest

from anomalyd.app import build
from anomalyd.checking import check
from anomalyd.config import Settings
from anomalyd.errors import IllegalArgument, SourceUnavailable, StateConflict
from anomalyd.model.detector import Detector
from anomalyd.model.realtime import fingerprint
from anomalyd.schedule.clock import VirtualClock
from anomalyd.service.detector_update import WriteCondition
from tests.unit.service.data import FIRST, MINUTE, create, detector, feature, fill
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

        ask_of_each = source.feature_rows_of_each

        def asked_of_each(queries):
            if self.error is not None:
                raise self.error
            return ask_of_each(queries)

        monkeypatch.setattr(source, "feature_rows", asked)
        monkeypatch.setattr(source, "feature_rows_of_each", asked_of_each)


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
        assert application.orphans() == (
            f"{id}: a checkpoint without a job",
            f"{id}: a model without a job",
            f"{id}: a state and lease without a job",
            f"{id}: a task without a job",
        )
    with build(settings, clock=clock, random_bytes=ids) as application:
        assert application.orphans() == ()
        assert task(application, id)["state"] == "STOPPED"


def test_start_stop_update_delete_while_ticking(tmp_path, clock):
    """Whatever the order, nothing is left of a detector that is gone, and no model is stale."""
    choices, functions = random.Random(5), ("sum", "avg", "max", "min")
    settings, ids = Settings(data_dir=tmp_path), random.Random(6).randbytes
    refused, updated = 0, 0
    with build(settings, clock=clock, random_bytes=ids) as application:
        fill(application)
        names = [f"d{at}" for at in range(4)]
        detectors = {
            create(application, name=name, category_field=["host"]): name for name in names
        }
        running = set()
        for _ in range(50):
            id = choices.choice(list(detectors))
            if choices.random() < 0.4:
                function = choices.choice(functions)
                features = [feature(function=function)]
                if id in running:
                    refused += 1
                    with pytest.raises(StateConflict, match=f"Detector job is running: {id}"):
                        update(application, id, detectors[id], feature_attributes=features)
                else:
                    updated += 1
                    update(application, id, detectors[id], feature_attributes=features)
            elif id in running:
                stop(application, id)
                running.discard(id)
            else:
                application.detectors.start_realtime(id, caller=application.caller)
                running.add(id)
            clock.advance(MINUTE)
        settle(application)
        assert refused >= 5
        assert updated >= 5
        assert set(application.realtime.lives()) == running
        assert set(application._checkpoints.detectors()) == running
        assert application.orphans() == ()
        for id in running:
            definition = Detector.restore(application.detectors.get(id).stored.source)
            expected = fingerprint(definition)
            assert application.realtime._tools.log.state(id).state.fingerprint == expected
            assert application._checkpoints.fingerprints()[id] == {expected}
    found = check(settings)
    assert (found.findings, found.running) == ((), len(running))
    assert found.models == 3 * len(running) > 0
    with build(settings, clock=clock, random_bytes=ids) as application:
        for id in detectors:
            if id in running:
                stop(application, id)
            assert application.detectors.delete(id).result == "deleted"
        assert application.realtime.lives() == {}
        assert application.orphans() == ()
    found = check(settings)
    assert (found.findings, found.running, found.models) == ((), 0, 0)


def update(application, id, name, **changes):
    """Replace a detector's definition."""
    application.detectors.update(
        id,
        detector(name=name, category_field=["host"], **changes),
        condition=WriteCondition(),
        caller=application.caller,
    )


def test_a_changed_detector_begins_anew(filled, clock):
    """Stopped, changed and started while others tick, its models know the new values only."""
    id, other = create(filled, name="d0"), create(filled, name="d1", category_field=["host"])
    started(filled, id)
    started(filled, other)
    advance(filled, clock, 5)
    with pytest.raises(StateConflict, match=f"Detector job is running: {id}"):
        filled.detectors.update(
            id, detector(name="d0"), condition=WriteCondition(), caller=filled.caller
        )
    before = live_results(filled, id)
    stop(filled, id)
    filled.detectors.update(
        id,
        detector(name="d0", feature_attributes=[feature(function="max")]),
        condition=WriteCondition(),
        caller=filled.caller,
    )
    assert started(filled, id) == "RUNNING"
    advance(filled, clock, 5)
    assert filled.orphans() == ()
    found = [one for one in live_results(filled, id) if one not in before]
    # the sum of three hosts is far above the largest of them: models of sums would be alarmed
    assert len(found) >= 5
    assert all(one["feature_data"][0]["data"] < 130 for one in found)
    assert not any(one["anomaly_grade"] > 0 for one in found)
    assert len(live_results(filled, other)) >= 3 * 10
