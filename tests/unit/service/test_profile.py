"""Profiles as callers see them: what runs is measured, what does not run is not made up."""

import threading

import orjson
import pytest

from anomalyd.engine.analysis import Analysis
from anomalyd.errors import DetectorNotFound, InvalidRequest
from tests.unit.service.data import HOSTS, analyse, create, end_of, start


def task_profile(application, id):
    return application.profiles.detector(id, ["ad_task"])["ad_task"]


@pytest.fixture
def held(monkeypatch):
    """Runs wait before their second step until told to go on; tells when one waits."""
    waiting, go_on, steps = threading.Semaphore(0), threading.Event(), {}
    step = Analysis.step

    def slow(self, *arguments):
        steps[id(self)] = steps.get(id(self), 0) + 1
        if steps[id(self)] == 2:
            waiting.release()
            go_on.wait(20)
        return step(self, *arguments)

    monkeypatch.setattr(Analysis, "step", slow)
    yield waiting, go_on
    go_on.set()


def test_a_detector_that_was_never_started(filled):
    """As a real node answers: its state, and nothing at all beside ad_task."""
    id = create(filled)
    assert filled.profiles.detector(id) == {"state": "DISABLED"}
    assert filled.profiles.detector(id, ["state", "nosuch"]) == {"state": "DISABLED"}
    assert filled.profiles.detector(id, all=True) == {}
    assert filled.profiles.detector(id, ["ad_task"]) == {}
    assert filled.profiles.detector(id, ["models", "total_size_in_bytes"]) == {}


def test_an_ended_task_has_its_document_alone(filled):
    """Task id in front; no models, no slots; the same whether asked for by name or with all."""
    id = create(filled)
    task = analyse(filled, id)
    assert filled.profiles.detector(id, all=True) == {"ad_task": {"ad_task": task}}
    assert task_profile(filled, id) == {"ad_task": task}


def test_a_running_task_of_one_series(filled, held):
    """Updates and size are those of its model after the last piece."""
    waiting, go_on = held
    id = create(filled)
    task_id = start(filled, id)
    assert waiting.acquire(timeout=20)
    found = task_profile(filled, id)
    assert found["ad_task"]["task_id"] == task_id
    size = found.pop("model_size_in_bytes")
    assert 10_000 < size < 10_000_000
    del found["ad_task"]
    assert found == {
        "shingle_size": 8,
        "rcf_total_updates": 100,
        "threshold_model_trained": True,
        "threshold_model_training_data_size": 0,
        "node_id": filled.node_id,
        "detector_task_slots": 1,
    }
    assert filled.stats.read(["ad_executing_batch_task_count"], request="")["nodes"] == {
        filled.node_id: {"ad_executing_batch_task_count": 1}
    }
    go_on.set()
    end_of(filled, task_id)
    assert list(task_profile(filled, id)) == ["ad_task"]


@pytest.mark.parametrize("fields", [["host"], ["host", "service"]])
def test_a_running_task_of_several_entities(filled, held, fields):
    """Two at a time, the rest waits; each that runs has a profile of its own."""
    waiting, go_on = held
    id = create(filled, category_field=fields)
    task_id = start(filled, id)
    assert waiting.acquire(timeout=20)
    found = task_profile(filled, id)
    total = len(HOSTS) * len(fields)
    assert list(found) == [
        "ad_task", "node_id", "task_id", "task_type", "detector_task_slots",
        "total_entities_count", "pending_entities_count", "running_entities_count",
        "running_entities", "entity_task_profiles",
    ]  # fmt: skip
    assert (found["task_id"], found["task_type"]) == (task_id, "HISTORICAL_HC_DETECTOR")
    assert found["detector_task_slots"] == 2
    assert found["total_entities_count"] == total
    assert found["pending_entities_count"] == total - 2
    assert found["running_entities_count"] == 2
    profiles = found["entity_task_profiles"]
    for profile, text in zip(profiles, found["running_entities"], strict=True):
        entity = profile["entity"]
        assert [part["name"] for part in entity] == fields
        assert text == (entity[0]["value"] if len(fields) == 1 else orjson.dumps(entity).decode())
        assert filled.tasks.get(profile["task_id"])["entity"] == entity
        assert 0 < profile["rcf_total_updates"] <= 100
        assert profile["model_size_in_bytes"] > 10_000
        assert profile["task_type"] == "HISTORICAL_HC_ENTITY"
        assert profile["node_id"] == filled.node_id
    go_on.set()
    end_of(filled, task_id)
    assert list(task_profile(filled, id)) == ["ad_task"]


def test_a_stopped_run_is_counted_and_shows_no_models(filled, held):
    """Its series was cancelled, not failed."""
    waiting, go_on = held
    id = create(filled)
    task_id = start(filled, id)
    assert waiting.acquire(timeout=20)
    filled.detectors.stop_historical(id, caller=filled.caller)
    go_on.set()
    assert end_of(filled, task_id)["state"] == "STOPPED"
    assert list(task_profile(filled, id)) == ["ad_task"]
    (counts,) = filled.stats.read(request="")["nodes"].values()
    assert counts["ad_canceled_batch_task_count"] == 1
    assert counts["ad_batch_task_failure_count"] == 0


def test_unknown_detectors_and_parts_are_refused(filled):
    """404 and 400, with the messages of a real node."""
    id = create(filled)
    with pytest.raises(DetectorNotFound, match="Can't find detector with id: nosuch"):
        filled.profiles.detector("nosuch")
    for names in (["nosuchtype"], ["model_count"]):
        with pytest.raises(InvalidRequest) as caught:
            filled.profiles.detector(id, names)
        assert caught.value.reason == "profiles to collect are missing or invalid"


def test_an_entity_that_has_no_model(filled):
    """Nothing is known of it but that it is in the data."""
    id = create(filled, category_field=["host"])
    assert filled.profiles.entity(id, {"host": "host-2"}) == {"state": "UNKNOWN"}
    assert filled.profiles.entity(id, {"host": "host-2"}, all=True) == {"state": "UNKNOWN"}
    assert filled.profiles.entity(id, {"host": "host-2"}, ["models"]) == {}


@pytest.mark.parametrize(
    ("fields", "entity", "parts", "reason"),
    [
        (["host", "service"], {"host": "host-2"}, [], "Empty entity attributes"),
        (["host"], {"host": "nosuchhost"}, [], "Cannot find entity"),
        (["host"], {"service": "web"}, [], "Cannot find host"),
        (..., {"host": "host-2"}, [], "This is not a high cardinality detector"),
        (["host"], {"host": "host-2"}, ["x"], "profiles to collect are missing or invalid"),
    ],
)
def test_refused_entities(filled, fields, entity, parts, reason):
    """400, with the messages of a real node."""
    id = create(filled, category_field=fields)
    with pytest.raises(InvalidRequest) as caught:
        filled.profiles.entity(id, entity, parts)
    assert caught.value.reason == reason
