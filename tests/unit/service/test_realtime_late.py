"""Documents that come after their window was judged, on a clock that is moved by the test."""

import random
import shutil

import orjson
import pytest

from anomalyd.app import build
from anomalyd.config import Settings
from anomalyd.schedule.clock import VirtualClock
from anomalyd.store.influencers import ResultFilter, ResultPage
from tests.unit.service.data import FIRST, HOSTS, MINUTE, analyse, create, fill, results
from tests.unit.service.realtime import (
    advance,
    comparable,
    in_order,
    live_results,
    settle,
    started,
    task,
)

BEGIN = FIRST + 100 * MINUTE
MARK = "rescored_time"


def opened(clock, data_dir=None, seed=1, **changes):
    """An application on a folder, or in memory."""
    return build(
        Settings(data_dir=data_dir, **changes),
        clock=clock,
        random_bytes=random.Random(seed).randbytes,
    )


def add(application, start, *, value=500.0, host="host-1", service="web", index="server_log"):
    """Write one document into a window."""
    line = orjson.dumps({"timestamp": start + 7, "value": value, "host": host, "service": service})
    body = b'{"index":{}}\n' + line + b"\n"
    assert not application.indices.bulk(body, default_index=index).errors


def run(categories=..., *, late=(), minutes=16, at=12, settings=None, **options):
    """Run a detector; after some minutes write documents so many windows back; return results."""
    clock = VirtualClock(BEGIN)
    with opened(clock, **(settings or {})) as application:
        fill(application)
        id = create(application, category_field=categories, **options)
        assert started(application, id) == "RUNNING"
        advance(application, clock, at)
        newest = live_results(application, id)[-1]["data_start_time"]
        windows = [newest - back * MINUTE for back in late]
        for window in windows:
            add(application, window)
        advance(application, clock, minutes - at)
        return comparable(live_results(application, id)), windows


@pytest.fixture(scope="module")
def undisturbed():
    """Results of a run in which nothing is late, per category field; each is run once."""
    known = {}

    def found(categories=...):
        key = str(categories)
        if key not in known:
            known[key], _ = run(categories)
        return known[key]

    return found


def bring_back(folder):
    """Put a copy that was made of a running service's folder in its place: it was killed then."""
    shutil.rmtree(folder)
    (folder.parent / "killed").rename(folder)


def parts(found, windows, categories):
    """Split results into those that late documents concern, and all others."""
    concerned = [
        one
        for one in found
        if one["data_start_time"] in windows
        and (categories is ... or one["entity"][0]["value"] == "host-1")
    ]
    return concerned, [one for one in found if one not in concerned]


@pytest.mark.parametrize("categories", [..., ["host"]])
def test_a_late_document_changes_its_own_result_and_nothing_else(undisturbed, categories):
    """The value and verdict of its window and series, marked; what models learn stays as it was."""
    expected = undisturbed(categories)
    found, windows = run(categories, late=[0, 4])
    changed, others = parts(found, windows, categories)
    before, same = parts(expected, windows, categories)
    assert others == same
    assert len(changed) == len(before) == 2
    for old, new in zip(before, changed, strict=True):
        assert MARK not in old
        assert new[MARK] > new["data_end_time"]
        [[was], [became]] = [one["feature_data"] for one in (old, new)]
        assert became["data"] == pytest.approx(was["data"] + 500)
        assert new["anomaly_grade"] > old["anomaly_grade"] == 0
        assert new["anomaly_score"] > old["anomaly_score"]
        assert new["expected_values"]
    assert not any(MARK in one for one in others)


@pytest.mark.parametrize(
    ("settings", "late"),
    [({"late_data_grace": 300}, [5, 9]), ({"late_data_grace": 0}, [0, 1]), ({}, [10])],
)
def test_beyond_the_grace_nothing_changes(undisturbed, settings, late):
    """Windows that ended longer ago are not looked at again; 0 = none ever."""
    found, _ = run(late=late, settings=settings)
    assert found == undisturbed()


def test_the_grace_is_at_least_one_window():
    """A grace shorter than the interval reaches the newest judged window."""
    found, windows = run(late=[0, 1], settings={"late_data_grace": 1})
    assert [one["data_start_time"] for one in found if MARK in one] == windows[:1]


def test_documents_that_the_detector_does_not_see_change_nothing(undisturbed):
    """Those that its filter leaves out, and those that change no feature."""
    clock = VirtualClock(BEGIN)
    with opened(clock) as application:
        fill(application)
        id = create(application, category_field=["host"])
        started(application, id)
        advance(application, clock, 12)
        window = live_results(application, id)[-1]["data_start_time"]
        add(application, window, value=-3.0)
        add(application, window, host=None)
        add(application, window, host="host-9")
        advance(application, clock, 4)
        assert comparable(live_results(application, id)) == undisturbed(["host"])


@pytest.mark.parametrize("categories", [..., ["host"]])
def test_a_window_that_was_empty_gets_its_result(categories):
    """In place of the one that says that there is no data; each entity for itself."""
    clock = VirtualClock(BEGIN)
    with opened(clock) as application:
        fill(application)
        gap = BEGIN + 5 * MINUTE
        hole = {"bool": {"filter": [{"range": {"value": {"gt": 1}}}],
                         "must_not": [{"range": {"timestamp": {
                             "gte": gap, "lt": gap + MINUTE - 30_000}}}]}}  # fmt: skip
        id = create(application, category_field=categories, filter_query=hole)
        started(application, id)
        advance(application, clock, 9)
        [empty] = [one for one in live_results(application, id) if "error" in one]
        assert empty["data_start_time"] == gap
        line = {"timestamp": gap + 31_000, "value": 110.0, "host": "host-2"}
        body = b'{"index":{}}\n' + orjson.dumps(line) + b"\n"
        assert not application.indices.bulk(body, default_index="server_log").errors
        advance(application, clock, 6)
        found = live_results(application, id)
        assert not any("error" in one for one in found)
        [result] = [one for one in found if one["data_start_time"] == gap]
        assert result[MARK]
        assert result["feature_data"][0]["data"] == 110.0
        assert result.get("entity", [{"value": "host-2"}])[0]["value"] == "host-2"
        keys = [(one["data_start_time"], one.get("model_id")) for one in found]
        assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("categories", "options"),
    [
        (..., {}),
        (["host"], {}),
        (["host", "service"], {"imputation_option": {"method": "PREVIOUS"}}),
    ],
)
def test_a_killed_service_learns_what_was_learned(tmp_path, categories, options):
    """Late documents are in results, not in models: the same bits as if never killed."""
    clock = VirtualClock(BEGIN)
    with opened(clock, tmp_path / "one", checkpoint_saving_freq=86_400) as application:
        fill(application)
        id = create(application, category_field=categories, **options)
        started(application, id)
        advance(application, clock, 8)
        window = live_results(application, id)[-1]["data_start_time"]
        for back in (0, 1, 2):
            add(application, window - back * MINUTE)
        advance(application, clock, 2)
        add(application, window)
        advance(application, clock, 1)
        shutil.copytree(tmp_path / "one", tmp_path / "killed")
        killed_at = clock.now()
        assert sum(MARK in one for one in live_results(application, id)) >= 3
        advance(application, clock, 8)
        expected = comparable(live_results(application, id))
    clock = VirtualClock(killed_at)
    bring_back(tmp_path / "one")
    with opened(clock, tmp_path / "one", seed=2) as application:
        settle(application)
        advance(application, clock, 8)
        assert task(application, id)["state"] == "RUNNING"
        assert comparable(live_results(application, id)) == expected


def test_documents_that_came_before_a_kill_are_not_forgotten(tmp_path):
    """What arrived after the last tick is found by the first one after the restart."""
    clock = VirtualClock(BEGIN)
    with opened(clock, tmp_path / "one") as application:
        fill(application)
        id = create(application)
        started(application, id)
        advance(application, clock, 8)
        window = live_results(application, id)[-1]["data_start_time"]
        add(application, window)
        shutil.copytree(tmp_path / "one", tmp_path / "killed")
    bring_back(tmp_path / "one")
    clock.advance(MINUTE)
    with opened(clock, tmp_path / "one", seed=2) as application:
        settle(application)
        marked = [one for one in live_results(application, id) if MARK in one]
        assert [one["data_start_time"] for one in marked] == [window]


def test_imputed_windows_take_the_real_value():
    """What was made up is known now; the windows around it keep what was made up for them."""
    option = {"imputation_option": {"method": "ZERO"}}
    expected, _ = run(["host", "service"], **option)
    found, windows = run(["host", "service"], late=[0, 1, 2, 3], **option)
    changed = [one for one in found if MARK in one]
    assert [one["data_start_time"] for one in changed] == sorted(windows)
    imputed = [one["feature_imputed"][0]["imputed"] for one in changed]
    assert not any(imputed)
    before = {(one["data_start_time"], one["model_id"]): one for one in expected}
    replaced = [before[one["data_start_time"], one["model_id"]] for one in changed]
    assert sum(one["feature_imputed"][0]["imputed"] for one in replaced) == 2
    assert [one for one in found if MARK not in one] == in_order(
        [one for one in expected if one not in replaced]
    )


def test_watchers_see_the_change():
    """The new version comes after everything before, and is counted."""
    clock = VirtualClock(BEGIN)
    with opened(clock) as application:
        fill(application)
        id = create(application, category_field=["host"])
        started(application, id)
        advance(application, clock, 12)
        window = live_results(application, id)[-1]["data_start_time"]
        after = application.results._results.position()
        add(application, window)
        advance(application, clock, 1)
        pages = application.watching.results(
            {"detector_id": id, "after": after}, active=lambda: True
        )
        seen = [document for _, document in next(pages).results]
        pages.close()
        marked = [one for one in seen if MARK in one]
        assert [one["entity"][0]["value"] for one in marked] == ["host-1"]
        assert len(seen) == 1 + len(HOSTS)
        figures = application.metrics.render().decode()
        assert "anomalyd_results_rescored_total 1.0" in figures


def test_who_is_to_blame_is_computed_anew(tmp_path):
    """An entity that late documents make unusual is an influencer, and a kill changes nothing."""
    clock = VirtualClock(BEGIN)

    def influencers(application):
        which = ResultFilter(start=window, end=window + MINUTE)
        page = ResultPage(sort="influencer_score")
        return application.ml_results._influencers.influencers(id, which, page)

    with opened(clock, tmp_path / "one") as application:
        fill(application)
        id = create(application, category_field=["host"])
        started(application, id)
        advance(application, clock, 200, step=20)
        window = live_results(application, id)[-1]["data_start_time"]
        assert influencers(application) == (0, ())
        add(application, window)
        advance(application, clock, 1)
        count, (row,) = influencers(application)
        assert (count, row.field, row.value) == (1, "host", "host-1")
        shutil.copytree(tmp_path / "one", tmp_path / "killed")
        advance(application, clock, 60, step=20)
        expected = application.ml_results._influencers.influencers(
            id, ResultFilter(), ResultPage(sort="timestamp")
        )
    bring_back(tmp_path / "one")
    clock = VirtualClock(clock.now() - 60 * MINUTE)
    with opened(clock, tmp_path / "one", seed=2) as application:
        settle(application)
        advance(application, clock, 60, step=20)
        found = application.ml_results._influencers.influencers(
            id, ResultFilter(), ResultPage(sort="timestamp")
        )
        assert found == expected


def test_the_past_does_not_depend_on_when_documents_came():
    """Historical analysis sees them like all others: as real time where nothing was late."""
    clock = VirtualClock(BEGIN)
    with opened(clock) as application:
        fill(application)
        add(application, BEGIN + 4 * MINUTE)
        id = create(application)
        started(application, id)
        advance(application, clock, 12)
        live = live_results(application, id)
        assert not any(MARK in one for one in live)
        begin = live[0]["data_start_time"] - 40 * MINUTE
        ended = analyse(application, id, start_time=begin, end_time=live[-1]["data_end_time"])
        past = results(application, ended["task_id"])[-len(live) :]
        assert comparable(live) == comparable(past)
