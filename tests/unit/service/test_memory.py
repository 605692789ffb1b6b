"""What a detector will need is told before it is started; starts that cannot fit are refused."""

import random

import pytest

from anomalyd.app import build
from anomalyd.config import Settings
from anomalyd.errors import MemoryExceeded
from anomalyd.executor.base import ModelShape
from anomalyd.executor.memory import full_size
from anomalyd.schedule.clock import VirtualClock
from anomalyd.service.suggest import SuggestedParameter
from anomalyd.service.validation_issue import ValidationAspect
from tests.unit.service.data import FIRST, HOSTS, MINUTE, create, detector, feature, fill
from tests.unit.service.realtime import advance, live_results, settle, started, stop, task

MODEL = full_size(ModelShape(features=1, shingle_size=8))


@pytest.fixture
def clock():
    return VirtualClock(FIRST + 100 * MINUTE)


def opened(clock, models, folder=None):
    """An application whose budget has room for so many ready models of one feature."""
    return build(
        Settings(
            data_dir=folder,
            model_memory_budget=round(MODEL * (models + 0.5) / 0.7),
            dedicated_cache_size=2,
        ),
        clock=clock,
        random_bytes=random.Random(1).randbytes,
    )


def need(application, **changes):
    body = detector(**changes)
    body = {key: value for key, value in body.items() if value is not ...}
    found = application.validation.validate(
        body, ValidationAspect.DETECTOR, caller=application.caller, memory=True
    )
    suggested = application.suggestions.suggest(
        body, frozenset({SuggestedParameter.MEMORY}), caller=application.caller
    )
    assert found.issue is None
    assert found.memory == suggested.memory
    return found.memory


def test_the_need_follows_from_the_data(clock):
    """Entities of the newest windows times the size of a full model."""
    with opened(clock, 5) as application:
        fill(application)
        single = need(application)
        assert (single.entities, single.model_size, single.needed) == (1, MODEL, MODEL)
        assert (single.least, single.reserved, single.startable) == (MODEL, 0, True)
        several = need(application, category_field=["host"])
        assert (several.entities, several.needed) == (len(HOSTS), len(HOSTS) * MODEL)
        assert several.least == 2 * MODEL
        filtered = need(
            application, category_field=["host"], filter_query={"term": {"host": "host-2"}}
        )
        assert filtered.entities == 1
        two = [feature(), feature(name="other", function="max")]
        wide = need(application, feature_attributes=two, shingle_size=16)
        assert wide.model_size == full_size(ModelShape(features=2, shingle_size=16))
        started(application, create(application, category_field=["host"]))
        assert need(application, name="other").reserved == 2 * MODEL


def test_an_issue_comes_without_an_estimate(clock):
    """A detector that cannot be created needs nothing."""
    with opened(clock, 5) as application:
        fill(application)
        found = application.validation.validate(
            detector(time_field="nope"),
            ValidationAspect.DETECTOR,
            caller=application.caller,
            memory=True,
        )
        assert found.issue.field == "time_field"
        assert found.memory is None


def test_a_start_that_does_not_fit_is_refused_and_nobody_is_stopped(clock, tmp_path):
    """Those that run go on; nothing is left of the refused one; room that is given back counts."""
    with opened(clock, 3, tmp_path) as application:
        fill(application)
        running = create(application, name="a", category_field=["host"])
        single = create(application, name="b")
        refused = create(application, name="c")
        started(application, running)
        started(application, single)
        assert not need(application, name="d").startable
        with pytest.raises(MemoryExceeded, match="AD models memory usage exceeds our limit"):
            application.detectors.start_realtime(refused, caller=application.caller)
        assert application.orphans() == ()
        assert application.detectors.get(refused, job=True, task=True).job is None
        advance(application, clock, 5)
        for id in (running, single):
            assert task(application, id)["state"] == "RUNNING"
        assert len(live_results(application, running)) == 6 * len(HOSTS)
        stop(application, single)
        assert started(application, refused) == "RUNNING"
    with opened(clock, 1, tmp_path) as smaller:
        settle(smaller)
        advance(smaller, clock, 2)
        assert smaller.realtime.lives().keys() == {running, refused}
