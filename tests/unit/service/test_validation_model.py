"""Would the models train: each suggestion of behaviour §13, on data that deserves it."""

import pytest

from anomalyd.application import Application
from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.model.detector import Detector
from anomalyd.model.interval import Interval, TimeUnit
from anomalyd.service.validation_issue import ValidationAspect
from anomalyd.service.validation_model import ModelChecks
from anomalyd.source.embedded import EmbeddedIndices, EmbeddedSource
from tests.unit.service.data import MAPPING, MINUTE, NOW, bulk, detector, feature

DAY = 24 * 60
LAST = NOW - NOW % MINUTE - MINUTE


def load(application: Application, index: str, documents: list[dict]) -> None:
    application.indices.create_index(index, MAPPING)
    assert not application.indices.bulk(bulk(documents), default_index=index).errors


def every(minutes: int, *, over: int = 60 * DAY // 24, **more: object) -> list[dict]:
    """One document each so many minutes, back from the last minute."""
    return [
        {"timestamp": LAST - back * MINUTE, "value": 5.0, "host": "host-1", **more}
        for back in range(0, over, minutes)
    ]


def validate(application, index, **changes):
    body = detector(indices=[index], filter_query=...) | changes
    return application.validation.validate(
        {key: value for key, value in body.items() if value is not ...},
        ValidationAspect.MODEL,
        caller=application.caller,
    ).issue


def minutes(count: int) -> dict:
    return {"period": {"interval": count, "unit": "Minutes"}}


def told(issue) -> tuple:
    assert issue.aspect is ValidationAspect.MODEL
    return issue.field, issue.message, issue.suggested


SPARSE = (
    "Source index data is potentially too sparse for model training. "
    "Consider changing interval length or ingesting more data"
)


def test_dense_and_fresh_data_have_no_issue(application):
    """Recorded so."""
    load(application, "dense", every(1))
    assert validate(application, "dense") is None
    assert validate(application, "dense", detection_interval=minutes(2)) is None
    assert application.detectors.search({})["hits"]["total"]["value"] == 0


def test_a_longer_interval_is_suggested(application):
    """The document's example: data every five minutes, an interval of one."""
    load(application, "sparse", every(5, over=5 * DAY))
    assert told(validate(application, "sparse")) == (
        "detection_interval",
        "The selected detector interval might collect sparse data. "
        "Consider changing interval length to: 4",
        Interval(4),
    )
    assert validate(application, "sparse", detection_interval=minutes(4)) is None


def test_a_longer_interval_in_its_own_unit(application):
    """Thirty seconds where there is a document per minute."""
    load(application, "seconds", every(1, over=3 * DAY))
    period = {"period": {"interval": 30, "unit": "Seconds"}}
    issue = validate(application, "seconds", detection_interval=period)
    assert issue.field == "detection_interval"
    assert issue.suggested == Interval(53, TimeUnit.SECONDS)


def test_a_shorter_interval_is_suggested_for_young_data(application):
    """A day of minutes holds too few windows of ten minutes, and enough of two."""
    load(application, "young", every(1, over=DAY))
    issue = validate(application, "young", detection_interval=minutes(10))
    assert issue.field == "detection_interval"
    assert issue.suggested == Interval(3)


def test_data_that_stay_behind_want_a_window_delay(application):
    """As many whole minutes as the newest document is old."""
    late = [{**document, "timestamp": document["timestamp"] - 6 * MINUTE} for document in every(1)]
    load(application, "late", late)
    behind = -(-(NOW - (LAST - 6 * MINUTE)) // MINUTE)
    assert told(validate(application, "late")) == (
        "window_delay",
        f"Latest seen data point is at least {behind} minutes ago, "
        f"consider changing window delay to at least {behind} minutes.",
        Interval(behind),
    )
    assert validate(application, "late", window_delay=minutes(behind)) is None


def test_documents_of_the_future_do_not_count(application):
    """The windows end now, and nothing is late."""
    load(application, "future", [*every(1), {"timestamp": NOW + DAY * MINUTE, "value": 1.0}])
    assert validate(application, "future") is None


def test_too_little_data_is_told(application):
    """Twenty minutes of it, or one document an hour: no interval helps."""
    load(application, "short", every(1, over=20))
    assert told(validate(application, "short")) == ("indices", SPARSE, None)


def test_a_filter_that_leaves_too_little_is_told(application):
    """The data are dense, what passes the filter is not."""
    rare = every(400, over=5 * DAY, value=100.0)
    load(application, "filtered", [*every(1, over=5 * DAY), *rare])
    issue = validate(application, "filtered", filter_query={"range": {"value": {"gt": 50}}})
    assert told(issue) == (
        "filter_query",
        "Data is too sparse after data filter is applied. Consider changing the data filter",
        None,
    )


def test_the_busiest_entity_counts(application):
    """It decides for all of them."""
    documents = [*every(1, over=2 * DAY), *every(60, over=2 * DAY, host="host-2")]
    load(application, "hosts", documents)
    assert validate(application, "hosts", category_field=["host"]) is None


def test_categories_that_split_too_finely_are_told(application):
    """Many hosts take turns: all together are dense, each alone is not."""
    turns = [
        {"timestamp": LAST - back * MINUTE, "value": 5.0, "host": f"host-{back % 400}"}
        for back in range(5 * DAY)
    ]
    load(application, "turns", turns)
    sparse = (
        "Data is most likely too sparse with the given category fields. "
        "Consider revising category field/s or ingesting more data "
    )
    assert told(validate(application, "turns", category_field=["host"])) == (
        "category_field",
        sparse,
        None,
    )
    assert told(validate(application, "turns", category_field=["ip"])) == (
        "category_field",
        sparse,
        None,
    )


def test_features_that_seldom_have_a_value_are_told(application):
    """The filtered data are neither dense nor sparse; the feature's field is hardly ever there."""
    half = [
        {"timestamp": LAST - back * MINUTE, "value": 9.0 if back % 1440 < 720 else 1.0}
        for back in range(60 * DAY)
    ]
    seldom = [{"timestamp": LAST - back * MINUTE, "latency": 9.0} for back in range(0, 700, 100)]
    load(application, "features", [*half, *[{**each, "value": 9.0} for each in seldom]])
    above = {"range": {"value": {"gt": 5}}}
    message = (
        "Data is most likely too sparse when given feature queries are applied. "
        "Consider revising feature queries."
    )
    within = {
        "within": {
            "filter": {"exists": {"field": "latency"}},
            "aggs": {"x": feature()["aggregation_query"]["test"]},
        }
    }
    issue = validate(
        application,
        "features",
        filter_query=above,
        feature_attributes=[
            feature("often"),
            feature("seldom", "max", "latency"),
            feature("within", aggregation_query=within),
            feature("off", "max", "latency", feature_enabled=False)
            | {"aggregation_query": {"off": {"max": {"field": "latency"}}}},
        ],
    )
    assert told(issue) == ("feature_attributes", message, None)
    assert issue.sub_issues == {"seldom": message, "within": message}
    assert told(validate(application, "features", filter_query=above)) == ("indices", SPARSE, None)


def test_documents_without_times_are_told(application):
    """A detector without features may be created on them."""
    load(application, "timeless", [{"value": 1.0}])
    assert told(validate(application, "timeless", feature_attributes=...)) == (
        "time_field",
        "There isn't enough historical data found with current timefield selected.",
        None,
    )


class TimedSource:
    """A source whose every answer takes a while, by the virtual clock."""

    def __init__(self, source, clock, *, milliseconds):
        self._source, self._clock, self._milliseconds = source, clock, milliseconds
        self.queries = 0

    def __getattr__(self, name):
        def ask(*arguments, **options):
            self.queries += 1
            self._clock.advance(self._milliseconds)
            return getattr(self._source, name)(*arguments, **options)

        return ask


@pytest.mark.parametrize(("milliseconds", "field"), [(1, "indices"), (4_000, "timeout")])
def test_the_time_is_limited(clock, milliseconds, field):
    """Ten seconds; the message is the documented one, and no further query begins."""
    with Database() as database:
        catalogue = Catalogue(database)
        indices = EmbeddedIndices(catalogue, ids=CountedIds(bytes), now=clock.now)
        indices.create_index("slow", MAPPING)
        indices.bulk(bulk(every(50, over=DAY)), default_index="slow")
        inner = EmbeddedSource(catalogue, now=clock.now)
        source = TimedSource(inner, clock, milliseconds=milliseconds)
        issue = ModelChecks(source=source, clock=clock).first_issue(
            Detector(
                name="slow",
                description="",
                time_field="timestamp",
                indices=("slow",),
                features=(),
                filter_query={"match_all": {}},
                detection_interval=Interval(1),
                window_delay=Interval(1),
                shingle_size=8,
                category_fields=("host",),
                result_index=None,
                user=None,
                last_update_time=0,
            )
        )
    assert issue.field == field
    if field == "timeout":
        assert issue.message == "Timed out getting interval recommendation"
        assert source.queries == 3
