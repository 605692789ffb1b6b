"""Many single series are ticked together: as each by itself, whatever is wrong with one of them."""

import random

import pytest

from anomalyd.app import build
from anomalyd.config import Settings
from anomalyd.engine.influencers import InfluencerRecorder
from anomalyd.schedule import realtime_group
from anomalyd.schedule.clock import VirtualClock
from anomalyd.schedule.realtime_run import RunningDetector
from anomalyd.store.influencers import ResultFilter, ResultPage
from tests.unit.service.data import FIRST, HOSTS, MINUTE, bulk, create, fill
from tests.unit.service.realtime import advance, comparable, live_results, settle, started, stop

BEGIN = FIRST + 100 * MINUTE
EVERYTHING, RECORDS = ResultFilter(), ResultPage(sort="timestamp")
SERIES = (*({"term": {"host": host}} for host in HOSTS), {"term": {"host": "nobody"}})


@pytest.fixture
def together(monkeypatch):
    """How many ticks each transaction had, in order."""
    sizes = []
    record = realtime_group.record_ticks

    def recorded(scored, tools):
        sizes.append(len(scored))
        record(scored, tools)

    monkeypatch.setattr(realtime_group, "record_ticks", recorded)
    return sizes


@pytest.fixture
def alone(monkeypatch):
    """Let every detector be stepped by itself."""
    return lambda: monkeypatch.setattr(RunningDetector, "usual", property(lambda _: False))


def run(
    *, minutes=3, between=lambda application, clock, ids: None, influencers=None, settings=None
):
    """Results of all series by name, with something done after some minutes.

    What there is of influencers is added to ``influencers``, by id.
    """
    influencers = {} if influencers is None else influencers
    clock = VirtualClock(BEGIN)
    ids = random.Random(1).randbytes
    with build(settings or Settings(), clock=clock, random_bytes=ids) as application:
        fill(application)
        series = [
            create(application, name=f"series-{number}", filter_query=query)
            for number, query in enumerate(SERIES)
        ]
        for id in series:
            started(application, id)
        advance(application, clock, minutes)
        between(application, clock, series)
        advance(application, clock, minutes)
        stored = application.ml_results._influencers
        for id in series:
            found = (stored.buckets(id, EVERYTHING), stored.records(id, EVERYTHING, RECORDS))
            influencers.setdefault(id, []).append(found)
        return [comparable(live_results(application, id)) for id in series]


def add_late(application, id, *, back):
    """Write a document of the second series into one of the last judged windows, 1 = the newest."""
    newest = live_results(application, id)[-1]["data_start_time"]
    document = {"timestamp": newest - (back - 1) * MINUTE + 500, "value": 900.0}
    document |= {"host": HOSTS[1], "service": "web"}
    assert not application.indices.bulk(bulk([document]), default_index="server_log").errors


def test_results_are_those_of_each_by_itself(together, alone):
    """Field for field, also of a series without any data."""
    influencers = {}
    found = run(minutes=10, influencers=influencers)
    # the spread of due times makes the groups: all series of a minute, in one or more
    assert sum(together) >= 4 * 19
    assert max(together) > 1
    alone()
    assert run(minutes=10, influencers=influencers) == found
    assert {one.get("error") for one in found[-1]} == {"No data in current detection window"}
    assert all(len(each) == 21 for each in found)
    assert len(influencers) == len(SERIES)
    assert all(one == other for one, other in influencers.values())
    assert any(len(buckets) > 15 for (buckets, _), _ in influencers.values())


def test_influencers_that_fail_together_are_tried_one_by_one(monkeypatch, together):
    """One series' defect is its own: the others have theirs, and it catches up afterwards."""
    influencers, asked = {}, []
    plain, group = InfluencerRecorder.recorded, InfluencerRecorder.recorded_of_each

    def fails(application, clock, ids):
        def recorded(recorder, job, windows):
            asked.append(job.detector_id)
            if job.detector_id == ids[0]:
                raise RuntimeError("a defect")
            plain(recorder, job, windows)

        def of_each(recorder, recorded):
            if any(job.detector_id == ids[0] for job, _ in recorded):
                raise RuntimeError("a defect")
            group(recorder, recorded)

        monkeypatch.setattr(InfluencerRecorder, "recorded", recorded)
        monkeypatch.setattr(InfluencerRecorder, "recorded_of_each", of_each)
        advance(application, clock, 3)
        monkeypatch.undo()

    run(influencers=influencers)
    found = run(between=fails, influencers=influencers)
    assert [len(each) for each in found] == [10] * 4
    assert asked
    for id in influencers:
        (before, _), (after, _) = influencers[id]
        assert len(after) - len(before) in (0, 3)


def test_late_documents_are_judged_as_by_itself(together, alone):
    """A document that comes late for one series changes its result, and no other."""

    def late(application, clock, ids):
        add_late(application, ids[1], back=1)

    found = run(between=late)
    # one by itself; for the others the minute is a usual one
    assert sum(together) == 4 * 6 - 1
    assert [sum("rescored_time" in one for one in each) for each in found] == [0, 1, 0, 0]
    alone()
    assert run(between=late) == found
    plain = run()
    assert [a != b for a, b in zip(found, plain, strict=True)] == [False, True, False, False]


@pytest.mark.parametrize(
    ("settings", "back", "changed"),
    [
        ({"late_data_grace": 0}, 1, False),
        ({"late_data_grace": 120}, 2, True),
        ({"late_data_grace": 120}, 3, False),
        ({"late_data_grace": 1}, 1, True),
        ({"late_data_grace": 1}, 2, False),
    ],
)
def test_the_grace_is_that_of_each_by_itself(together, settings, back, changed):
    """Whole windows, at least one, none with 0; counted back from the newest judged window."""

    def late(application, clock, ids):
        add_late(application, ids[1], back=back)

    found = run(minutes=4, between=late, settings=Settings(**settings))
    assert max(together) > 1
    marked = [["rescored_time" in one for one in each] for each in found]
    assert sum(map(sum, marked)) == changed
    assert not changed or marked[1][4 - (back - 1)]


def test_one_that_is_stopped_and_one_that_loses_its_state_leave_the_others_alone(together):
    """The others have every window; the loser's windows are not written by anybody."""

    def disturb(application, clock, ids):
        assert stop(application, ids[0])
        application.realtime._tools.log.forget(ids[1])

    found = run(between=disturb)
    assert [len(each) for each in found] == [4, 4, 7, 7]
    assert max(together) > 1


def test_a_source_that_fails_for_one_is_told_of_that_one(monkeypatch, together):
    """All are asked again one by one; only the one with the missing index notes a failure."""

    def gone(application, clock, ids):
        source = application.previews._source
        ask, ask_of_each = source.feature_rows, source.feature_rows_of_each

        def refuses(query):
            return "host-2" in repr(query.selection.filter)

        def asked(query):
            if refuses(query):
                raise RuntimeError("a defect")
            return ask(query)

        def asked_of_each(queries):
            if any(map(refuses, queries)):
                raise RuntimeError("a defect")
            return ask_of_each(queries)

        monkeypatch.setattr(source, "feature_rows", asked)
        monkeypatch.setattr(source, "feature_rows_of_each", asked_of_each)
        advance(application, clock, 3)
        monkeypatch.undo()
        settle(application)

    found = run(between=gone)
    assert [len(each) for each in found] == [10] * 4
    assert not [one for one in found[1] if "error" in one]
