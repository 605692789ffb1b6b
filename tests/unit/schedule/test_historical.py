"""Historical runs that are interrupted, wait for a thread, or belong to nobody."""

import random
import time

import pytest

from anomalyd.app import build
from anomalyd.config import Settings
from anomalyd.errors import StateConflict
from anomalyd.schedule.clock import SystemClock
from tests.unit.service.data import (
    MINUTES,
    analyse,
    create,
    end_of,
    fill,
    results,
    start,
)


def opened(data_dir, **changes):
    settings = {
        "batch_task_piece_size": 50,
        "max_running_entities_per_detector_for_historical_analysis": 2,
    } | changes
    return build(
        Settings(data_dir=data_dir, **settings),
        clock=SystemClock(),
        random_bytes=random.Random(time.monotonic_ns()).randbytes,
    )


def comparable(application, task_id):
    ignored = {"task_id", "execution_start_time", "execution_end_time"}
    rows = [
        {key: value for key, value in one.items() if key not in ignored}
        for one in results(application, task_id)
    ]
    return sorted(rows, key=lambda one: (one["data_start_time"], one.get("model_id", "")))


@pytest.mark.parametrize("categories", [..., ["host"]])
def test_a_shutdown_interrupts_and_the_next_start_goes_on(tmp_path, categories):
    """The task stays as it is, and its results in the end are those of an undisturbed run."""
    with opened(tmp_path) as application:
        fill(application)
        detector_id = create(application, category_field=categories)
        expected = comparable(application, analyse(application, detector_id)["task_id"])
        task_id = start(application, detector_id)
        while application.tasks.get(task_id)["task_progress"] < 0.2:
            time.sleep(0.005)
    with opened(tmp_path) as application:
        task = application.tasks.get(task_id)
        assert task["state"] in ("INIT", "RUNNING")
        assert 0.2 <= task["task_progress"] < 1
        assert end_of(application, task_id)["state"] == "FINISHED"
        assert comparable(application, task_id) == expected


def test_new_data_does_not_move_a_run_that_goes_on(tmp_path):
    """The windows were decided when the run began: later documents belong to the next run."""
    with opened(tmp_path) as application:
        fill(application)
        detector_id = create(application)
        task_id = start(application, detector_id, end_time=2**45)
        while application.tasks.get(task_id)["task_progress"] < 0.2:
            time.sleep(0.005)
    with opened(tmp_path, historical_threads=1) as application:
        late = b'{"index":{}}\n{"timestamp":1795399999999,"value":5}\n'
        application.indices.bulk(late, default_index="server_log")
        end_of(application, task_id)
        assert len(results(application, task_id)) == MINUTES - 1


def test_runs_wait_for_a_thread_and_for_a_slot(tmp_path):
    """One thread, two slots: the second waits and can be stopped at once, the third is refused."""
    with opened(tmp_path, historical_threads=1, max_batch_task_per_node=2) as application:
        fill(application)
        first, second, third = (create(application, name=f"d{number}") for number in range(3))
        running, waiting = start(application, first), start(application, second)
        with pytest.raises(StateConflict, match="No available task slot"):
            start(application, third)
        assert application.tasks.get(waiting)["state"] == "CREATED"
        application.detectors.stop_historical(second, caller=application.caller)
        assert end_of(application, waiting, seconds=2)["state"] == "STOPPED"
        assert results(application, waiting) == []
        assert end_of(application, running)["state"] == "FINISHED"


def test_progress_is_shown_while_a_run_goes_on(tmp_path):
    """States, shares and pieces only go forward; the parent is as far as its entities."""
    with opened(tmp_path) as application:
        fill(application)
        task_id = start(application, create(application, category_field=["host"]))
        seen = []
        while not seen or seen[-1]["state"] not in ("FINISHED", "FAILED"):
            seen.append(application.tasks.get(task_id))
            time.sleep(0.002)
    order = ["CREATED", "INIT", "RUNNING", "FINISHED"]
    ranks = [order.index(task["state"]) for task in seen]
    shares = [task["task_progress"] for task in seen]
    assert ranks == sorted(ranks)
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares)
    assert any(task.get("estimated_minutes_left") == 1 for task in seen)
    assert "estimated_minutes_left" not in seen[-1]


def test_a_run_of_nobody_is_stopped_where_it_stands(tmp_path):
    """A task that no thread works on, as after a start that was cut off, still obeys."""
    with opened(tmp_path) as application:
        fill(application)
        detector_id = create(application, category_field=["host"])
        application._scheduler.close()
        task_id = start(application, detector_id)
        application.detectors.stop_historical(detector_id, caller=application.caller)
        task = application.tasks.get(task_id)
        assert (task["state"], task["stopped_by"]) == ("STOPPED", "admin")
        assert task["error"] == "Historical analysis cancelled by user"
