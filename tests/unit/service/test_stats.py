"""Figures of the service as callers see them."""

import pytest

from anomalyd.errors import IllegalArgument
from tests.unit.service.data import FIRST, MINUTE, analyse, create

STATUSES = (
    "anomaly_detectors_index_status",
    "anomaly_detection_state_status",
    "anomaly_detection_job_index_status",
    "models_checkpoint_index_status",
    "anomaly_results_index_status",
)


def read(application, stats=(), nodes=()):
    return application.stats.read(stats, nodes, request="/stats")


def node(application):
    return read(application)["nodes"][application.node_id]


def test_an_empty_system(application):
    """The answer recorded from a real node, key for key."""
    assert read(application) == {
        "anomaly_detectors_index_status": "non-existent",
        "anomaly_detection_state_status": "non-existent",
        "single_entity_detector_count": 0,
        "detector_count": 0,
        "multi_entity_detector_count": 0,
        "anomaly_detection_job_index_status": "non-existent",
        "models_checkpoint_index_status": "non-existent",
        "anomaly_results_index_status": "non-existent",
        "nodes": {
            application.node_id: {
                "ad_execute_request_count": 0,
                "models": [],
                "ad_canceled_batch_task_count": 0,
                "ad_hc_execute_request_count": 0,
                "ad_hc_execute_failure_count": 0,
                "model_count": 0,
                "ad_execute_failure_count": 0,
                "ad_batch_task_failure_count": 0,
                "ad_total_batch_task_execution_count": 0,
                "ad_executing_batch_task_count": 0,
            }
        },
    }


def test_detectors_indices_and_series_are_counted(filled):
    """One series, three entities, and a run that finds no data."""
    single = create(filled, name="single")
    analyse(filled, single)
    analyse(filled, create(filled, name="several", category_field=["host"]))
    analyse(filled, single, end_time=FIRST + MINUTE)
    found = read(filled)
    assert found["detector_count"] == 2
    assert (found["single_entity_detector_count"], found["multi_entity_detector_count"]) == (1, 1)
    statuses = {name: found[name] for name in STATUSES}
    assert statuses.pop("anomaly_detection_job_index_status") == "non-existent"
    assert set(statuses.values()) == {"green"}
    counts = node(filled)
    assert counts["ad_total_batch_task_execution_count"] == 4
    assert counts["ad_executing_batch_task_count"] == 0
    assert counts["ad_batch_task_failure_count"] == 1
    assert counts["ad_canceled_batch_task_count"] == 0


@pytest.mark.parametrize("asked", [(), ["_all"]])
def test_all_figures(application, asked):
    """None named, or ``_all``."""
    assert read(application, asked, asked) == read(application)


def test_figures_by_name_and_by_node(application):
    """A figure of the service lists each node with nothing; an unknown node is left out."""
    id = application.node_id
    assert read(application, ["detector_count"]) == {"detector_count": 0, "nodes": {id: {}}}
    assert read(application, ["detector_count", "model_count"], [id]) == {
        "detector_count": 0,
        "nodes": {id: {"model_count": 0}},
    }
    assert read(application, ["model_count"], ["nosuchnode"]) == {"nodes": {}}


@pytest.mark.parametrize(
    ("stats", "reason"),
    [
        (["nosuchstat"], "request [/stats] contains unrecognized stat: [nosuchstat]"),
        (
            ["model_cont"],
            "request [/stats] contains unrecognized stat: [model_cont] -> did you mean "
            "[model_count]?",
        ),
        (["xxx", "zzz"], "request [/stats] contains unrecognized stats: [xxx], [zzz]"),
        (
            ["_all", "model_count"],
            "request [/stats] contains _all and individual stats [_all,model_count]",
        ),
    ],
)
def test_unknown_figures_are_refused(application, stats, reason):
    """Also when no node is meant."""
    for nodes in ((), ["nosuchnode"]):
        with pytest.raises(IllegalArgument) as caught:
            read(application, stats, nodes)
        assert caught.value.reason == reason


def test_detectors_are_counted_and_matched_by_name(filled):
    """The name as a whole, case and all."""
    assert filled.stats.detectors() == {"match": False, "count": 0}
    create(filled, name="one.of-them")
    create(filled, name="Other", category_field=["host"])
    assert filled.stats.detectors() == {"match": False, "count": 2}
    assert filled.stats.detectors("one.of-them") == {"match": True, "count": 1}
    for name in ("one", "other", "nosuch"):
        assert filled.stats.detectors(name) == {"match": False, "count": 0}
