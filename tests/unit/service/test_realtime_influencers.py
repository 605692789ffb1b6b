"""Fields of the ``influencers`` list while a detector runs, on a clock that is moved."""

import random
import shutil

import orjson
import pytest

from anomalyd.app import build
from anomalyd.config import Settings
from anomalyd.errors import StateConflict
from anomalyd.model.influencer import ResultsRequest
from anomalyd.schedule.clock import VirtualClock
from tests.unit.service.data import FIRST, MINUTE, create, fill
from tests.unit.service.realtime import advance, comparable, live_results, settle, started, stop

BEGIN = FIRST + 100 * MINUTE
SPIKE = BEGIN + 110 * MINUTE
EARLY = BEGIN + 60 * MINUTE
OPTIONS = {"influencers": ["service", "ip"]}


def opened(clock, data_dir=None, seed=1, **changes):
    """An application on a folder, or in memory."""
    return build(
        Settings(data_dir=data_dir, **changes),
        clock=clock,
        random_bytes=random.Random(seed).randbytes,
    )


def spike(application, start=SPIKE, service="mail"):
    """One line of a service that there is not else."""
    line = {"timestamp": start + 5, "value": 4000.0, "host": "host-1", "service": service}
    body = b'{"index":{}}\n' + orjson.dumps(line) + b"\n"
    assert not application.indices.bulk(body, default_index="server_log").errors


def influencers(application, id, *, exclude_interim=False):
    """All of a job's influencers, in order of time."""
    request = ResultsRequest(
        size=1_000, sort="timestamp", descending=False, exclude_interim=exclude_interim
    )
    return application.influencers.get(id, request, application.caller)["influencers"]


def of_the_spike(found):
    """What the interval with the spike shows of services."""
    return [
        (one["influencer_field_value"], one["probability"])
        for one in found
        if one["timestamp"] == SPIKE and one["influencer_field_name"] == "service"
    ]


def test_real_time_finds_the_value_behind_a_spike():
    """In the interval of the spike that service is the only one to blame."""
    clock = VirtualClock(BEGIN)
    with opened(clock) as application:
        fill(application)
        spike(application)
        id = create(application, **OPTIONS)
        started(application, id)
        advance(application, clock, 115)
        [(value, probability)] = of_the_spike(influencers(application, id))
    assert value == "mail"
    assert probability < 0.01


def test_late_documents_show_in_influencers():
    """A spike that comes after its interval was judged has the value to blame, too."""
    clock = VirtualClock(BEGIN)
    with opened(clock) as application:
        fill(application)
        id = create(application, **OPTIONS)
        started(application, id)
        advance(application, clock, 113)
        assert not of_the_spike(influencers(application, id))
        spike(application)
        advance(application, clock, 2)
        [(value, probability)] = of_the_spike(influencers(application, id))
    assert value == "mail"
    assert probability < 0.01


def test_a_killed_service_goes_on_with_the_same_influencers(tmp_path):
    """Shares of values are kept with the results: the same rows as if never killed."""
    clock = VirtualClock(BEGIN)
    with opened(clock, tmp_path / "one") as application:
        fill(application)
        spike(application, BEGIN + 75 * MINUTE)
        id = create(application, category_field=["host"], influencers=["service"])
        started(application, id)
        advance(application, clock, 77)
        shutil.copytree(tmp_path / "one", tmp_path / "killed")
        killed_at = clock.now()
        advance(application, clock, 6)
        expected = influencers(application, id)
    shutil.rmtree(tmp_path / "one")
    (tmp_path / "killed").rename(tmp_path / "one")
    clock = VirtualClock(killed_at)
    with opened(clock, tmp_path / "one", seed=2) as application:
        settle(application)
        advance(application, clock, 6)
        assert influencers(application, id) == expected
    assert any(one["influencer_field_name"] == "service" for one in expected)


def state_of(application, id):
    """Everything that a window which is learned would change."""
    return comparable(live_results(application, id)), influencers(application, id)


@pytest.mark.parametrize(
    ("categories", "further", "service", "at"),
    [
        (..., ["service"], "mail", SPIKE),
        (["host"], ["service"], "mail", EARLY),
        (["service", "host"], ..., "web", EARLY),
    ],
)
def test_open_windows_are_judged_on_request(categories, further, service, at):
    """Interim rows of a spike that is coming in; final ones are as if nobody had asked."""
    found = []
    for asks in (True, False):
        clock = VirtualClock(BEGIN)
        with opened(clock) as application:
            fill(application)
            spike(application, at, service)
            id = create(application, category_field=categories, influencers=further)
            started(application, id)
            advance(application, clock, (at - BEGIN) // MINUTE - 1)
            # the spike's minute has begun, and is not due for another two
            clock.advance(MINUTE + 30_000)
            settle(application)
            if asks:
                answer = application.influencers.flush(id, application.caller, calc_interim=True)
                assert answer["flushed"]
                assert answer["last_finalized_bucket_end"] <= at
                rows = influencers(application, id)
                interim = [one for one in rows if one["is_interim"]]
                assert at in {one["timestamp"] for one in interim}
                assert service in {one["influencer_field_value"] for one in interim}
                final = influencers(application, id, exclude_interim=True)
                assert final == [one for one in rows if not one["is_interim"]]
                application.influencers.flush(id, application.caller, calc_interim=True)
                assert influencers(application, id) == rows
            advance(application, clock, 3)
            assert not any(one["is_interim"] for one in influencers(application, id))
            found.append(state_of(application, id))
    assert found[0] == found[1]


def test_a_job_that_does_not_run_cannot_be_flushed():
    """And one that is stopped keeps no interim rows."""
    clock = VirtualClock(BEGIN)
    with opened(clock) as application:
        fill(application)
        spike(application, EARLY)
        id = create(application, category_field=["host"])
        with pytest.raises(StateConflict, match="is not open"):
            application.influencers.flush(id, application.caller, calc_interim=True)
        started(application, id)
        advance(application, clock, 59)
        clock.advance(MINUTE + 30_000)
        settle(application)
        application.influencers.flush(id, application.caller, calc_interim=False)
        assert not any(one["is_interim"] for one in influencers(application, id))
        application.influencers.flush(id, application.caller, calc_interim=True)
        assert any(one["is_interim"] for one in influencers(application, id))
        stop(application, id)
        assert not any(one["is_interim"] for one in influencers(application, id))
