"""Settings that are changed while the service runs."""

import random
import re
import threading

import pytest

from anomalyd.app import build
from anomalyd.config import Settings, runtime_settings
from anomalyd.engine.analysis import Analysis
from anomalyd.errors import (
    DetectorInvalid,
    DetectorRefused,
    IllegalArgument,
    MemoryExceeded,
    MissingBody,
    StateConflict,
)
from anomalyd.model.setting import PREFIX
from anomalyd.schedule.clock import VirtualClock
from tests.unit.service.data import (
    FIRST,
    HOSTS,
    NOW,
    analyse,
    create,
    detector,
    end_of,
    feature,
    fill,
    results,
    start,
)


def change(application, **values):
    body = {"persistent": {PREFIX + name: value for name, value in values.items()}}
    return application.runtime_settings.change(body)


def preview(application, **changes):
    body = {"period_start": FIRST, "period_end": NOW, "detector": detector(**changes)}
    return application.previews.preview(body, caller=application.caller)["anomaly_result"]


def test_nothing_is_changed_at_first(application):
    """Defaults are what the service was started with, shown when asked for."""
    assert application.runtime_settings.read() == {"persistent": {}, "transient": {}}
    defaults = application.runtime_settings.read(defaults=True)["defaults"]
    assert defaults[PREFIX + "batch_task_piece_size"] == "100"
    assert len(defaults) == len(runtime_settings(Settings()))


def test_a_change_is_shown_until_it_is_taken_back(application):
    """Values are texts; null leaves the default; the other changes stay."""
    assert change(application, max_anomaly_features="3", max_concurrent_preview=7) == {
        "acknowledged": True,
        "persistent": {
            f"{PREFIX}max_anomaly_features": "3",
            f"{PREFIX}max_concurrent_preview": "7",
        },
        "transient": {},
    }
    assert change(application, max_anomaly_features=None)["persistent"] == {}
    shown = application.runtime_settings.read(defaults=True)
    assert shown["persistent"] == {f"{PREFIX}max_concurrent_preview": "7"}
    assert shown["defaults"][f"{PREFIX}max_anomaly_features"] == "5"
    assert f"{PREFIX}max_concurrent_preview" not in shown["defaults"]


def test_names_may_be_nested(application):
    """As Elasticsearch takes them."""
    application.runtime_settings.change(
        {"persistent": {"plugins": {"anomaly_detection.max_anomaly_features": 2}}, "transient": {}}
    )
    assert application.runtime_settings.read()["persistent"] == {
        f"{PREFIX}max_anomaly_features": "2"
    }


def test_limits_of_detectors_hold_at_once(filled):
    """Fewer features, fewer detectors; and as before when taken back."""
    change(filled, max_anomaly_features=1, max_anomaly_detectors=1)
    two = [feature(), feature("top", "max")]
    with pytest.raises(DetectorRefused, match="Can't create more than 1 anomaly features"):
        create(filled, feature_attributes=two)
    create(filled)
    with pytest.raises(DetectorRefused, match="more than 1 single-entity anomaly detectors"):
        create(filled, name="second")
    change(filled, max_anomaly_features=None, max_anomaly_detectors=None)
    create(filled, name="second", feature_attributes=two)
    change(filled, max_multi_entity_anomaly_detectors=1)
    create(filled, name="several", category_field=["host"])
    with pytest.raises(DetectorRefused, match="more than 1 multi-entity anomaly detectors"):
        create(filled, name="more", category_field=["host"])


def test_limits_of_previews_hold_at_once(filled):
    """One entity in place of three."""
    assert len({str(one["entity"]) for one in preview(filled, category_field=["host"])}) == 3
    change(filled, max_entities_for_preview=1)
    assert len({str(one["entity"]) for one in preview(filled, category_field=["host"])}) == 1


def test_limits_of_historical_runs_hold_for_the_next_one(filled):
    """Entities, pieces, slots, and the runs that are kept."""
    id = create(filled, category_field=["host"])
    change(
        filled,
        max_top_entities_for_historical_analysis=2,
        max_running_entities_per_detector_for_historical_analysis=1,
        batch_task_piece_size=50,
        max_old_ad_task_docs_per_detector=0,
    )
    first = analyse(filled, id)
    found = results(filled, first["task_id"])
    assert {one["entity"][0]["value"] for one in found} == set(HOSTS[:2])
    second = analyse(filled, id)
    assert second["state"] == "FINISHED"
    assert results(filled, first["task_id"]) == []


def test_slots_of_historical_runs_are_fewer_at_once(filled, monkeypatch):
    """While one runs, there is no other."""
    go_on = threading.Event()
    step = Analysis.step

    def slow(self, *arguments):
        go_on.wait(20)
        return step(self, *arguments)

    monkeypatch.setattr(Analysis, "step", slow)
    change(filled, max_batch_task_per_node=1)
    running = start(filled, create(filled))
    with pytest.raises(StateConflict, match="No available task slot"):
        start(filled, create(filled, name="other"))
    go_on.set()
    assert end_of(filled, running)["state"] == "FINISHED"


def test_lengths_of_time_have_units(application):
    """They are read with any unit, and shown with the largest that holds them whole."""
    shown = change(application, checkpoint_saving_freq="90m", backoff_initial_delay="120s")
    assert shown["persistent"] == {
        f"{PREFIX}backoff_initial_delay": "2m",
        f"{PREFIX}checkpoint_saving_freq": "90m",
    }
    defaults = application.runtime_settings.read(defaults=True)
    change(application, checkpoint_saving_freq=None, backoff_initial_delay="0s")
    shown = application.runtime_settings.read(defaults=True)
    assert shown["defaults"][f"{PREFIX}checkpoint_saving_freq"] == "1h"
    assert shown["persistent"] == {f"{PREFIX}backoff_initial_delay": "0s"}
    assert f"{PREFIX}checkpoint_saving_freq" not in defaults["defaults"]


def test_category_fields_of_new_detectors(application):
    """A third one is refused until the limit is raised, and again once that is taken back."""
    fields = ["host", "level", "host"]
    refused = "We can have only {} categorical field/s."
    with pytest.raises(DetectorInvalid, match=re.escape(refused.format(2))):
        preview(application, category_field=fields)
    change(application, category_field_limit=3)
    with pytest.raises(DetectorInvalid, match=re.escape(refused.format(3))):
        preview(application, category_field=[*fields, "level"])
    change(application, category_field_limit=None)
    with pytest.raises(DetectorInvalid, match=re.escape(refused.format(2))):
        preview(application, category_field=fields)


def test_models_that_stay_ready():
    """A detector for whose models there is no room starts once fewer of them stay ready."""
    settings = Settings(model_memory_budget=500_000, dedicated_cache_size=3)
    with build(settings, clock=VirtualClock(NOW)) as application:
        fill(application)
        detector_id = create(application, category_field=["host"])
        with pytest.raises(MemoryExceeded, match="lower \\[dedicated_cache_size\\]"):
            application.detectors.start_realtime(detector_id, caller=application.caller)
        change(application, dedicated_cache_size=1)
        application.detectors.start_realtime(detector_id, caller=application.caller)
        assert application.detectors.get(detector_id, job=True).job["enabled"]


def test_changes_outlive_the_process(tmp_path):
    """They are kept with the data, and hold again from the start."""

    def opened():
        return build(
            Settings(data_dir=tmp_path),
            clock=VirtualClock(NOW),
            random_bytes=random.Random(7).randbytes,
        )

    with opened() as application:
        change(application, max_entities_for_preview=9)
    with opened() as application:
        assert application.runtime_settings.read()["persistent"] == {
            f"{PREFIX}max_entities_for_preview": "9"
        }
        assert application.previews._limits.entities == 9


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "no settings to update"),
        ({"persistent": {}}, "no settings to update"),
        ({"nosuch": {}}, "unknown setting scope [nosuch]"),
        ({"persistent": 3}, "[persistent] must be an object"),
        (
            {"persistent": {"plugins.anomaly_detection.checkpoint_ttl": "7d"}},
            "persistent setting [plugins.anomaly_detection.checkpoint_ttl], not recognized",
        ),
        (
            {"persistent": {"max_anomaly_features": 3}},
            "persistent setting [max_anomaly_features], not recognized",
        ),
        (
            {"transient": {"plugins.anomaly_detection.max_anomaly_features": 3}},
            "transient setting [plugins.anomaly_detection.max_anomaly_features] would be lost in "
            "silence; only [persistent] settings are taken",
        ),
        (
            {"persistent": {"plugins.anomaly_detection.max_anomaly_features": 11}},
            "Failed to parse value [11] for setting "
            "[plugins.anomaly_detection.max_anomaly_features] must be from 1 to 10",
        ),
        (
            {"persistent": {"plugins.anomaly_detection.max_anomaly_features": "many"}},
            'For input string: "many"',
        ),
        (
            {"persistent": {"plugins.anomaly_detection.checkpoint_saving_freq": 60}},
            "failed to parse setting [plugins.anomaly_detection.checkpoint_saving_freq] with value "
            "[60] as a time value: unit is missing or unrecognized",
        ),
        (
            {"persistent": {"plugins.anomaly_detection.checkpoint_saving_freq": "8d"}},
            "Failed to parse value [8d] for setting "
            "[plugins.anomaly_detection.checkpoint_saving_freq] must be from 1s to 7d",
        ),
    ],
)
def test_refused_changes(application, body, reason):
    """By name, and nothing is changed."""
    with pytest.raises(IllegalArgument) as caught:
        application.runtime_settings.change(body)
    assert caught.value.reason == reason
    with pytest.raises(MissingBody):
        application.runtime_settings.change(None)
    assert application.runtime_settings.read()["persistent"] == {}
