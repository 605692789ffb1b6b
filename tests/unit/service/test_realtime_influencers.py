"""Fields of the ``influencers`` list while a detector runs, on a clock that is moved."""

import random
import shutil

import orjson

from anomalyd.app import build
from anomalyd.config import Settings
from anomalyd.model.influencer import ResultsRequest
from anomalyd.schedule.clock import VirtualClock
from tests.unit.service.data import FIRST, MINUTE, create, fill
from tests.unit.service.realtime import advance, settle, started

BEGIN = FIRST + 100 * MINUTE
SPIKE = BEGIN + 110 * MINUTE
OPTIONS = {"influencers": ["service", "ip"]}


def opened(clock, data_dir=None, seed=1, **changes):
    """An application on a folder, or in memory."""
    return build(
        Settings(data_dir=data_dir, **changes),
        clock=clock,
        random_bytes=random.Random(seed).randbytes,
    )


def spike(application, start=SPIKE):
    """One line of a service that there is not else."""
    line = {"timestamp": start + 5, "value": 4000.0, "host": "host-1", "service": "mail"}
    body = b'{"index":{}}\n' + orjson.dumps(line) + b"\n"
    assert not application.indices.bulk(body, default_index="server_log").errors


def influencers(application, id):
    """All of a job's influencers, in order of time."""
    request = ResultsRequest(size=1_000, sort="timestamp", descending=False)
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
