"""The detector ⇄ its document: defaults, order of checks, messages."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomalyd.errors import (
    AnomalydError,
    CorruptState,
    DetectorInvalid,
    IllegalArgument,
    ParsingError,
)
from anomalyd.model.detector import Detector, DetectorType
from anomalyd.model.detector_parse import DetectorRules, check_name, parse_detector
from anomalyd.model.ids import ByteIds
from tests.unit.model.test_reading import JSON

USER = {"name": "admin"}


class Queries:
    """Normalises nothing and refuses what is called ``nosuchquery``."""

    def filter_query(self, query):
        if "nosuchquery" in query:
            raise ParsingError("unknown query [nosuchquery]")
        return query

    def aggregation_query(self, aggregation):
        if "nosuchagg" in next(iter(aggregation.values())):
            raise ParsingError("Unknown aggregation type [nosuchagg]")
        return aggregation


def document(**changes):
    """The document's first example, with some keys changed, or left out where None."""
    base = {
        "name": "test-detector",
        "description": "Test detector",
        "time_field": "timestamp",
        "indices": ["server_log*"],
        "feature_attributes": [
            {
                "feature_name": "test",
                "feature_enabled": True,
                "aggregation_query": {"test": {"sum": {"field": "value"}}},
            }
        ],
        "filter_query": {"bool": {"filter": []}},
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": 1, "unit": "Minutes"}},
    }
    return {key: value for key, value in (base | changes).items() if value is not ...}


def parse(body):
    rules = DetectorRules(
        queries=Queries(),
        ids=ByteIds(random.Random(5).randbytes),
        category_field_limit=lambda: 2,
        result_index_prefix="searchguard-ad-result-",
    )
    return parse_detector(body, rules=rules, user=USER, now=1_633_392_680_364)


def test_the_example_comes_back_in_the_documented_order():
    """Key order and defaults are those of the document's answer."""
    parsed = parse(document(result_index="searchguard-ad-result-test", category_field=["ip"]))
    rendered = parsed.detector.render()
    assert list(rendered) == [
        "name", "description", "time_field", "indices", "filter_query", "detection_interval",
        "window_delay", "shingle_size", "schema_version", "feature_attributes",
        "last_update_time", "category_field", "user", "detector_type", "result_index",
    ]  # fmt: skip
    assert rendered["shingle_size"] == 8
    assert rendered["schema_version"] == 0
    assert rendered["detector_type"] == "MULTI_ENTITY"
    feature = rendered["feature_attributes"][0]
    assert list(feature) == ["feature_id", "feature_name", "feature_enabled", "aggregation_query"]
    assert len(feature["feature_id"]) == 20
    assert parsed.ignored_fields == ()


def test_a_rendered_detector_is_restored_as_it_was():
    """What the store keeps reads back equal, and what it shows can be sent again."""
    detector = parse(document(ui_metadata={"filters": []}, category_field=[])).detector
    assert Detector.restore(detector.render()) == detector
    assert detector.type is DetectorType.SINGLE_ENTITY
    again = parse(detector.render())
    assert again.detector == detector
    assert again.ignored_fields == ()


def test_what_is_left_out_gets_its_default():
    """No interval is ten minutes, no delay is none, no filter is everything."""
    detector = parse(
        document(
            detection_interval=...,
            window_delay=...,
            filter_query=...,
            feature_attributes=...,
            description=...,
        )
    ).detector
    assert detector.detection_interval.milliseconds == 600_000
    assert detector.window_delay.milliseconds == 0
    assert detector.filter_query == {"match_all": {"boost": 1.0}}
    assert detector.features == ()
    assert detector.render()["description"] == ""


def test_an_empty_filter_is_no_filter():
    """``{}`` is accepted, as recorded."""
    assert parse(document(filter_query={})).detector.filter_query == {"match_all": {"boost": 1.0}}


def test_lenient_values_are_understood():
    """A number as name, a text or fraction as interval, seconds, a feature that says no state."""
    detector = parse(
        document(
            name=123,
            detection_interval={"period": {"interval": "90", "unit": "seconds"}},
            window_delay={"period": {"interval": 1.5, "unit": "MINUTES"}},
            feature_attributes=[{"feature_name": "f", "aggregation_query": {"a": {"sum": {}}}}],
        )
    ).detector
    assert detector.name == "123"
    assert detector.detection_interval.render() == {"period": {"interval": 90, "unit": "Seconds"}}
    assert detector.window_delay.render() == {"period": {"interval": 1, "unit": "Minutes"}}
    assert detector.enabled_features == detector.features


def test_a_given_feature_id_is_kept():
    """A feature keeps its id over updates."""
    feature = {"feature_id": "mine", "feature_name": "f", "aggregation_query": {"a": {"sum": {}}}}
    assert parse(document(feature_attributes=[feature])).detector.features[0].id == "mine"


def test_unknown_fields_are_reported_not_kept():
    """What nothing here knows must not look as if it did something."""
    feature = {"feature_name": "f", "aggregation_query": {"a": {"sum": {}}}, "weight": 2}
    parsed = parse(
        document(
            nosuchfield=1,
            frequency=3,
            feature_attributes=[feature],
            window_delay={"period": {"interval": 1, "unit": "Minutes", "jitter": 3}},
        )
    )
    assert set(parsed.ignored_fields) == {
        "nosuchfield", "frequency", "feature_attributes.weight", "window_delay.period.jitter",
    }  # fmt: skip
    assert "frequency" not in parsed.detector.render()


PERIOD = {"interval": 0, "unit": "Minutes"}


@pytest.mark.parametrize(
    ("changes", "aspect", "reason"),
    [
        ({"name": ...}, "name", "Detector name should be set"),
        ({"name": " "}, "name", "Detector name should be set"),
        ({"time_field": ...}, "time_field", "Time field should be set"),
        ({"indices": []}, "indices", "Indices should be set"),
        (
            {"detection_interval": None},
            "detection_interval",
            "Detection interval should be set",
        ),
        (
            {"detection_interval": {"period": PERIOD}},
            "detection_interval",
            "Detection interval must be a positive integer",
        ),
        (
            {"window_delay": {"period": {"interval": -1, "unit": "Minutes"}}},
            "window_delay",
            "Window delay interval must be a positive integer",
        ),
        (
            {"shingle_size": 61},
            "shingle_size",
            "Shingle size must be a positive integer no larger than 60. Got 61",
        ),
        (
            {"category_field": ["a", "b", "c"]},
            "category_field",
            "We can have only 2 categorical field/s.",
        ),
        (
            {"result_index": "my-results"},
            "result_index",
            "Result index must start with searchguard-ad-result-",
        ),
        (
            {"result_index": "searchguard-ad-result-" + "x" * 250},
            "result_index",
            "Result index name size must contains less than 255 characters",
        ),
        (
            {"result_index": "searchguard-ad-result-A"},
            "result_index",
            "Result index name has invalid character. Valid characters are a-z, 0-9, -(hyphen) "
            "and _(underscore)",
        ),
        (
            {"filter_query": {"nosuchquery": {}}},
            "filter_query",
            "Custom query error in data filter: unknown query [nosuchquery]",
        ),
        (
            {
                "feature_attributes": [
                    {"feature_name": "f", "aggregation_query": {"f": {"nosuchagg": {}}}}
                ]
            },
            "feature_attributes",
            "Custom query error: Unknown aggregation type [nosuchagg]",
        ),
    ],
)
def test_a_broken_rule_is_named_in_the_documented_words(changes, aspect, reason):
    """One message per rule, with the aspect that ``_validate`` shows it under."""
    with pytest.raises(DetectorInvalid) as caught:
        parse(document(**changes))
    assert (caught.value.aspect, caught.value.reason) == (aspect, reason)


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"shingle_size": "abc"}, IllegalArgument, 'For input string: "abc"'),
        (
            {"detection_interval": {"period": {"interval": 2, "unit": "Hours"}}},
            IllegalArgument,
            "Time unit Hours is not supported",
        ),
        (
            {"feature_attributes": [{"aggregation_query": {"t": {"sum": {}}}}]},
            IllegalArgument,
            "Feature name should be set",
        ),
        (
            {"feature_attributes": [{"feature_name": "f1"}]},
            IllegalArgument,
            "Feature aggregation query should be set",
        ),
        (
            {"category_field": "host"},
            ParsingError,
            "Failed to parse list:  expecting START_ARRAY but got VALUE_STRING",
        ),
    ],
)
def test_a_wrong_type_is_an_argument_error(changes, error, reason):
    """Types are looked at before rules."""
    with pytest.raises(error) as caught:
        parse(document(name=..., **changes))
    assert caught.value.reason == reason


def test_the_first_broken_rule_is_told():
    """The order is the documented one, however the keys are ordered."""
    with pytest.raises(DetectorInvalid, match="Detector name should be set"):
        parse({"shingle_size": 0, "filter_query": {"nosuchquery": {}}})


@pytest.mark.parametrize("name", ["bad name", "ä", "", "a" * 65])
def test_names_are_checked(name):
    """Letters, digits, hyphen, underscore and period; at most 64."""
    with pytest.raises(DetectorInvalid) as caught:
        check_name(name)
    assert caught.value.aspect == "name"
    check_name("a-Z_0.9" + "x" * 57)


def test_a_damaged_document_is_no_detector():
    """A stored document that lacks something is corrupt state, not the caller's fault."""
    with pytest.raises(CorruptState):
        Detector.restore({"name": "x"})


FIELDS = [*document(), "shingle_size", "category_field", "result_index", "ui_metadata", "other"]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_no_document_breaks_the_parser(changes):
    """Any JSON gives a detector that reads back, or an error that is meant for the caller."""
    try:
        detector = parse(document() | changes).detector
    except AnomalydError:
        return
    assert Detector.restore(detector.render()) == detector
