"""Detectors in real time, on a clock that is moved by the test."""

import random
from itertools import pairwise

import orjson
import pytest

from anomalyd.app import build
from anomalyd.config import Settings
from anomalyd.errors import StateConflict
from anomalyd.schedule.clock import VirtualClock
from tests.unit.service.data import (
    FIRST,
    HOSTS,
    MINUTE,
    NOW,
    analyse,
    create,
    detector,
    fill,
    results,
)
from tests.unit.service.realtime import (
    advance,
    comparable,
    live_results,
    settle,
    started,
    stop,
    task,
)

HISTORY = 40
BEGIN = FIRST + 100 * MINUTE


@pytest.fixture
def clock():
    """Well inside the data: there is a past to learn from, and a future."""
    return VirtualClock(BEGIN)


def opened(data_dir, clock, **changes):
    """An application on a folder; ids differ from one to the next."""
    return build(
        Settings(data_dir=data_dir, **changes),
        clock=clock,
        random_bytes=random.Random(len(list(data_dir.iterdir()))).randbytes,
    )


@pytest.mark.parametrize(
    ("categories", "rounds"),
    # An entity of host and service has a document in every second window only, so that it takes
    # a second look further back until its model is trained.
    [(..., 1), (["host"], 1), (["host", "service"], 2)],
)
def test_preview_past_and_real_time_agree(filled, clock, categories, rounds):
    """Begun at the same window they give the same numbers, field for field."""
    id = create(filled, category_field=categories)
    assert started(filled, id) == "RUNNING"
    advance(filled, clock, 30)
    live = live_results(filled, id)
    first, last = live[0]["data_start_time"], live[-1]["data_end_time"]
    assert (last - first) // MINUTE == 31
    begin = first - rounds * HISTORY * MINUTE
    run = analyse(filled, id, start_time=begin, end_time=last)
    past = [one for one in results(filled, run["task_id"]) if one["data_start_time"] >= first]
    assert comparable(live) == comparable(past)
    request = {"detector_id": id, "period_start": begin, "period_end": last}
    shown = filled.previews.preview(request, caller=filled.caller)["anomaly_result"]
    shown = [numbers(one) for one in shown if one["data_start_time"] >= first]
    assert len(shown) >= 31
    # A preview leaves out the entities beyond the first five.
    assert set(shown) <= {numbers(one) for one in live}


def numbers(result):
    """What previews and stored results have in common."""
    names = ("data_start_time", "anomaly_score", "anomaly_grade", "confidence", "threshold")
    entity = orjson.dumps(result.get("entity"))
    return (*(result[name] for name in names), entity, orjson.dumps(result["feature_data"]))


def test_an_incident_is_found_as_it_happens(filled, clock):
    """The entity that it hits, in the window in which it begins."""
    id = create(filled, category_field=["host"])
    clock.advance(340 * MINUTE)
    started(filled, id)
    advance(filled, clock, 20)
    found = [one for one in live_results(filled, id) if one["anomaly_grade"] > 0]
    assert {one["entity"][0]["value"] for one in found} == {"host-2"}
    assert FIRST + 450 * MINUTE in {one["data_start_time"] for one in found}


@pytest.mark.parametrize("categories", [..., ["host"]])
def test_no_window_is_lost_or_doubled(filled, clock, categories):
    """However far the clock jumps, each window has each entity once."""
    id = create(filled, category_field=categories)
    started(filled, id)
    for minutes in (1, 5, 1, 50, 2, 120):
        clock.advance(minutes * MINUTE)
        settle(filled)
    windows = sorted({one["data_start_time"] for one in live_results(filled, id)})
    assert all(after - before == MINUTE for before, after in pairwise(windows))
    assert len(windows) == 180
    keys = [(one["data_start_time"], one.get("model_id")) for one in live_results(filled, id)]
    assert len(set(keys)) == len(keys)
    ticks = filled.profiles.detector(id, ["ticks"])["ticks"]
    assert ticks["caught_up"] == 4 + 49 + 1 + 119
    assert ticks["dropped"] == 0


def test_too_large_a_backlog_keeps_the_newest(tmp_path, clock):
    """What is given up is counted."""
    with opened(tmp_path, clock, realtime_backlog_windows=20) as application:
        fill(application)
        id = create(application)
        started(application, id)
        clock.advance(50 * MINUTE)
        settle(application)
        ticks = application.profiles.detector(id, ["ticks"])["ticks"]
        assert (ticks["dropped"], ticks["caught_up"]) == (30, 19)
        windows = [one["data_start_time"] for one in live_results(application, id)]
        assert len(windows) == 21
        assert windows[1] - windows[0] == 31 * MINUTE


@pytest.mark.parametrize("categories", [..., ["host"]])
def test_a_service_that_was_away_goes_on(tmp_path, categories):
    """Results are those of one that was never away, and the state does not fall back."""
    clock = VirtualClock(BEGIN)
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with opened(tmp_path / "one", clock) as application:
        fill(application)
        id = create(application, category_field=categories)
        started(application, id)
        advance(application, clock, 30)
        expected = comparable(live_results(application, id))
    clock = VirtualClock(BEGIN)
    with opened(tmp_path / "other", clock) as application:
        fill(application)
        assert create(application, category_field=categories) == id
        started(application, id)
        advance(application, clock, 7)
    for minutes in (9, 14):
        clock.advance(minutes * MINUTE)
        with opened(tmp_path / "other", clock) as application:
            assert task(application, id)["state"] == "RUNNING"
            settle(application)
            assert application.profiles.detector(id)["state"] == "RUNNING"
    with opened(tmp_path / "other", clock) as application:
        found = comparable(live_results(application, id))
        assert [drop_features(one) for one in found] == [drop_features(one) for one in expected]


def drop_features(result):
    """Feature ids are made up anew in each system."""
    shown = dict(result)
    for key in ("feature_data", "relevant_attribution", "past_values"):
        shown[key] = [each["data"] for each in shown.get(key, [])]
    shown.pop("expected_values", None)
    return shown


def test_a_short_history_says_what_is_missing():
    """INIT with the progress, the time left, and the windows that are empty; then RUNNING."""
    early = VirtualClock(FIRST + 12 * MINUTE)
    with build(Settings(), clock=early, random_bytes=random.Random(1).randbytes) as application:
        fill(application)
        id = create(application)
        assert started(application, id) == "INIT"
        found = task(application, id)
        assert "Only 9 of the 32 windows" in found["error"]
        assert "begin at" in found["error"]
        profile = application.profiles.detector(id, ["state", "init_progress"])
        assert profile == {
            "state": "INIT",
            "init_progress": {
                "percentage": "31%",
                "estimated_minutes_left": 22,
                "needed_shingles": 22,
            },
        }
        advance(application, early, 22)
        assert task(application, id)["state"] == "RUNNING"
        assert task(application, id)["error"] == ""
        assert application.profiles.detector(id) == {"state": "RUNNING", "error": ""}


def test_an_entity_that_appears_later(tmp_path, clock):
    """It gets a model as soon as it is seen, trained with whatever past it has."""
    with opened(tmp_path, clock) as application:
        fill(application)
        id = create(application, category_field=["host"])
        started(application, id)
        assert application.profiles.detector(id, all=True)["active_entities"] == len(HOSTS)
        line = orjson.dumps({"timestamp": clock.now(), "value": 50, "host": "host-9"})
        application.indices.bulk(b'{"index":{}}\n' + line + b"\n", default_index="server_log")
        advance(application, clock, 3)
        shown = application.profiles.entity(id, {"host": "host-9"}, all=True)
        assert shown["state"] == "INIT"
        assert shown["is_active"]
        assert shown["init_progress"]["needed_shingles"] == 31
        assert shown["last_sample_timestamp"] == BEGIN
        assert application.profiles.detector(id, all=True)["active_entities"] == len(HOSTS) + 1


def test_profile_and_figures_of_running_detectors(filled, clock):
    """Every documented part, measured."""
    single = create(filled, name="single")
    several = create(filled, name="several", category_field=["host"])
    started(filled, single)
    started(filled, several)
    advance(filled, clock, 2)
    shown = filled.profiles.detector(single, all=True)
    (model,) = shown["models"]
    assert model["model_id"] == f"{single}_model_rcf_0"
    assert shown == {
        "state": "RUNNING",
        "error": "",
        "models": [model],
        "shingle_size": 8,
        "coordinating_node": filled.node_id,
        "total_size_in_bytes": model["model_size_in_bytes"],
        "init_progress": {"percentage": "100%"},
    }
    shown = filled.profiles.detector(several, all=True)
    assert [one["entity"][0]["value"] for one in shown["models"]] == list(HOSTS)
    assert (shown["total_entities"], shown["active_entities"], shown["model_count"]) == (3, 3, 3)
    node = filled.stats.read(request="")["nodes"][filled.node_id]
    assert node["ad_execute_request_count"] == node["ad_hc_execute_request_count"] == 3
    assert node["model_count"] == len(node["models"]) == 4
    assert {one["model_type"] for one in node["models"]} == {"rcf", "entity"}


def test_what_a_running_detector_refuses(filled):
    """The documented words."""
    id = create(filled)
    with pytest.raises(StateConflict, match=f"Anomaly detector job not exist: {id}"):
        stop(filled, id)
    started(filled, id)
    running = f"Anomaly detector job is already running: {id}"
    with pytest.raises(StateConflict, match=running):
        filled.detectors.start_realtime(id, caller=filled.caller)
    with pytest.raises(StateConflict, match=f"Detector job is running: {id}"):
        filled.detectors.delete(id)
    assert stop(filled, id) == id
    with pytest.raises(StateConflict, match=f"Anomaly detector job is already stopped: {id}"):
        stop(filled, id)


def test_a_stopped_detector_leaves_nothing(filled, clock):
    """No model, lease or checkpoint; its task says who stopped it; it can be started again."""
    id = create(filled, category_field=["host"])
    started(filled, id)
    advance(filled, clock, 2)
    assert filled._checkpoints.detectors() == {id: len(HOSTS)}
    stop(filled, id)
    assert filled._checkpoints.detectors() == {}
    assert filled.realtime.lives() == {}
    assert filled.profiles.detector(id, ["ticks"]) == {}
    ended = task(filled, id)
    assert (ended["state"], ended["stopped_by"]) == ("STOPPED", "admin")
    before = len(live_results(filled, id))
    advance(filled, clock, 5)
    assert len(live_results(filled, id)) == before
    shown = filled.profiles.detector(id, all=True)
    assert shown == {"state": "DISABLED", "error": "", "total_size_in_bytes": 0}
    assert started(filled, id) == "RUNNING"
    assert task(filled, id)["task_id"] != ended["task_id"]
    job = filled.detectors.get(id, job=True).job
    assert (job["enabled"], job["lock_duration_seconds"]) == (True, 60)
    assert "disabled_time" not in job


def test_windows_without_data_say_so(filled, clock):
    """Beyond the data every window has a result with the error; the state stays RUNNING."""
    clock.advance(NOW - BEGIN - 5 * MINUTE)
    id = create(filled)
    started(filled, id)
    advance(filled, clock, 20)
    empty = [one for one in live_results(filled, id) if "error" in one]
    assert len(empty) > 10
    assert empty[-1]["error"] == "No data in current detection window"
    assert empty[-1]["feature_data"] == []
    assert "anomaly_score" not in empty[-1]
    assert filled.profiles.detector(id) == {
        "state": "RUNNING",
        "error": "No data in current detection window",
    }


def test_a_week_of_ticks(tmp_path):
    """1,008 ticks of ten minutes, each window once."""
    clock = VirtualClock(BEGIN)
    with opened(tmp_path, clock) as application:
        application.indices.create_index(
            "week", {"mappings": {"properties": {"timestamp": {"type": "date"}}}}
        )
        lines = b"\n".join(
            orjson.dumps({"timestamp": BEGIN + at * 600_000, "value": at % 7})
            for at in range(-60, 1_010)
        )
        assert not application.indices.append_lines("week", lines).failures
        body = detector(
            indices=["week"],
            filter_query=...,
            detection_interval={"period": {"interval": 10, "unit": "Minutes"}},
        )
        id = application.detectors.create(body, caller=application.caller).stored.id
        started(application, id)
        advance(application, clock, 7 * 24 * 60, step=240)
        windows = [one["data_start_time"] for one in live_results(application, id)]
        assert len(windows) == len(set(windows)) >= 1_008


def test_imputed_windows_agree_as_well(filled, clock):
    """Entities that are silent every second window have a value in each, whoever looks."""
    option = {"method": "PREVIOUS"}
    id = create(filled, category_field=["host", "service"], imputation_option=option)
    started(filled, id)
    advance(filled, clock, 20)
    live = live_results(filled, id)
    first, last = live[0]["data_start_time"], live[-1]["data_end_time"]
    # too few real windows in the first look at the past: there is a second one
    begin = first - 2 * HISTORY * MINUTE
    run = analyse(filled, id, start_time=begin, end_time=last)
    past = [one for one in results(filled, run["task_id"]) if one["data_start_time"] >= first]
    assert comparable(live) == comparable(past)
    made_up = [one for one in live if one["feature_imputed"][0]["imputed"]]
    assert len(made_up) > len(live) / 4
