"""Proposing settings: what suits the data, and nothing where nothing does."""

import pytest

from anomalyd.application import Application
from anomalyd.errors import DetectorInvalid, DetectorRefused, IllegalArgument, IndexNotFound
from anomalyd.model.interval import Interval
from anomalyd.service.suggest import SuggestedParameter, Suggestions
from tests.unit.service.data import MAPPING, MINUTE, NOW, bulk, detector

DAY = 24 * 60
LAST = NOW - NOW % MINUTE - MINUTE
EVERYTHING = frozenset(SuggestedParameter) - {SuggestedParameter.MEMORY}


def load(application: Application, index: str, minutes: range, **more: object) -> None:
    application.indices.create_index(index, MAPPING)
    documents = [
        {"timestamp": LAST - back * MINUTE, "value": 5.0, "host": "host-1", **more}
        for back in minutes
    ]
    assert not application.indices.bulk(bulk(documents), default_index=index).errors


def suggest(application, index, parameters=EVERYTHING, **changes):
    body = detector(indices=[index], filter_query=..., **changes)
    return application.suggestions.suggest(body, parameters, caller=application.caller)


@pytest.mark.parametrize(
    ("gap", "interval"),
    [(1, 1), (2, 2), (3, 5), (5, 5), (7, 10), (60, 60), (100, 120), (DAY, DAY)],
)
def test_the_shortest_usual_interval_that_is_dense(application, gap, interval):
    """Most windows hold a document, whatever the detector had."""
    load(application, "log", range(0, 40 * gap + DAY, gap))
    found = suggest(application, "log")
    assert found.interval == Interval(interval)
    validated = suggest(application, "log", detection_interval=found.interval.render())
    assert validated.interval == found.interval


def test_all_three(application):
    """History is all there is at the proposed interval; the delay reaches the newest document."""
    load(application, "log", range(0, 5 * 100, 5))
    found = suggest(application, "log")
    assert found == Suggestions(
        interval=Interval(5), history=100, window_delay=Interval(-(-(NOW - LAST) // MINUTE))
    )
    assert application.detectors.search({})["hits"]["total"]["value"] == 0


def test_only_what_is_asked_for(application):
    """History alone goes by the detector's own interval."""
    load(application, "log", range(0, 2 * DAY, 1))
    only = frozenset({SuggestedParameter.HISTORY})
    ten = {"period": {"interval": 10, "unit": "Minutes"}}
    found = suggest(application, "log", only, detection_interval=ten)
    assert (found.interval, found.window_delay) == (None, None)
    assert found.history in (288, 289)
    delay = suggest(application, "log", frozenset({SuggestedParameter.WINDOW_DELAY}))
    assert (delay.interval, delay.history) == (None, None)


def test_a_long_history_is_cut(application):
    """10,000 windows are as many as anybody looks back."""
    load(application, "log", range(0, 10_100))
    assert suggest(application, "log").history == 10_000


def test_too_little_data_suggests_nothing(application):
    """A model needs 32 windows, and a history that many full shingles."""
    load(application, "few", range(20))
    found = suggest(application, "few")
    assert (found.interval, found.history) == (None, None)
    load(application, "some", range(35))
    found = suggest(application, "some")
    assert (found.interval, found.history) == (Interval(1), None)
    assert suggest(application, "some", shingle_size=1).history == 35
    load(application, "one", range(1))
    assert suggest(application, "one").interval is None


def test_the_busiest_entity_decides(application):
    """And without any entity nothing does."""
    load(application, "log", range(0, 2 * DAY, 1))
    load(application, "log-2", range(0, 2 * DAY, 30), host="host-2")
    assert suggest(application, "log*", category_field=["host"]).interval == Interval(1)
    assert suggest(application, "log-2", category_field=["host"]).interval == Interval(30)
    found = suggest(application, "log", category_field=["ip"])
    assert (found.interval, found.history) == (None, None)


def test_the_filter_counts(application):
    """What the detector does not see makes nothing dense."""
    load(application, "log", range(0, 2 * DAY, 1))
    load(application, "log-2", range(0, 2 * DAY, 10), host="host-2")
    body = detector(indices=["log*"], filter_query={"term": {"host": "host-2"}})
    found = application.suggestions.suggest(body, EVERYTHING, caller=application.caller)
    assert found.interval == Interval(10)


def test_no_documents_no_suggestions(filled):
    """An index may be empty still."""
    assert suggest(filled, "empty_log") == Suggestions()


def test_documents_of_the_future(application):
    """They end no window, and nothing is behind."""
    load(application, "log", range(-100, 200))
    found = suggest(application, "log")
    assert (found.interval, found.window_delay) == (Interval(1), Interval(0))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"indices": ["nosuchindex"]}, IndexNotFound),
        ({"time_field": "host"}, DetectorRefused),
        ({"time_field": ...}, DetectorInvalid),
        ({"category_field": ["value"]}, DetectorRefused),
        ({"shingle_size": "abc"}, IllegalArgument),
    ],
)
def test_what_cannot_be_looked_at_is_refused(filled, changes, kind):
    """As when it is created."""
    with pytest.raises(kind):
        filled.suggestions.suggest(detector(**changes), EVERYTHING, caller=filled.caller)


def test_types_are_read_as_a_list():
    """None at all is refused."""
    parse = SuggestedParameter.parse
    assert parse("history, window_delay") == {
        SuggestedParameter.HISTORY,
        SuggestedParameter.WINDOW_DELAY,
    }
    assert parse("nosuch,detection_interval") == {SuggestedParameter.INTERVAL}
    with pytest.raises(IllegalArgument, match="The given suggestion type doesn't exist"):
        parse("nosuch")
