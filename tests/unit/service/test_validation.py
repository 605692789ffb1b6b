"""Validating a definition: the first issue as the document words it, and nothing is stored."""

import pytest

from anomalyd.errors import IllegalArgument, ParsingError
from anomalyd.service.validation_issue import ValidationAspect
from tests.unit.service.data import create, detector, feature


def validate(application, aspect=ValidationAspect.DETECTOR, **changes):
    found = application.validation.validate(detector(**changes), aspect, caller=application.caller)
    assert found.memory is None
    return found.issue


FINE = [
    {},
    {"name": 123},
    {"detection_interval": {"period": {"interval": "1", "unit": "Minutes"}}},
    {"detection_interval": {"period": {"interval": 1.5, "unit": "Minutes"}}},
    {"detection_interval": {"period": {"interval": 30, "unit": "Seconds"}}},
    {"window_delay": {"period": {"interval": 0, "unit": "Minutes"}}},
    {"feature_attributes": ...},
    {"feature_attributes": [feature(feature_enabled=False)]},
    {"feature_attributes": [feature(f"f{n}") for n in range(5)]},
    {"filter_query": {}},
    {"nosuchfield": 1},
    {"history": 40},
    {"suggested_seasonality": 1},
]


@pytest.mark.parametrize("changes", FINE, ids=str)
def test_what_may_be_created_has_no_issue(filled, changes):
    """As recorded from a real node."""
    assert validate(filled, **changes) is None
    assert filled.detectors.search({})["hits"]["total"]["value"] == 0


NEGATIVE = {"period": {"interval": -1, "unit": "Minutes"}}
ISSUES = [
    ({"name": ...}, "name", "Detector name should be set"),
    (
        {"name": "x" * 65},
        "name",
        "Name should be shortened. The maximum limit is 64 characters.",
    ),
    ({"time_field": ...}, "time_field", "Time field should be set"),
    ({"time_field": "host"}, "time_field", "Timestamp field: (host) must be of type date"),
    ({"indices": ...}, "indices", "Indices should be set"),
    ({"indices": ["nosuchindex"]}, "indices", "index does not exist"),
    (
        {"indices": ["nosuchindex*"]},
        "time_field",
        "Timestamp field: (timestamp) is not found in index mapping",
    ),
    (
        {"indices": ["empty_log"]},
        "indices",
        "Can't create anomaly detector as no document is found in the indices: [empty_log]",
    ),
    ({"detection_interval": None}, "detection_interval", "Detection interval should be set"),
    (
        {"detection_interval": NEGATIVE},
        "detection_interval",
        "Detection interval must be a positive integer",
    ),
    (
        {"window_delay": NEGATIVE},
        "window_delay",
        "Window delay interval must be a positive integer",
    ),
    (
        {"shingle_size": 61},
        "shingle_size",
        "Shingle size must be a positive integer no larger than 60. Got 61",
    ),
    (
        {"filter_query": {"nosuchquery": {}}},
        "filter_query",
        "Custom query error in data filter: unknown query [nosuchquery]",
    ),
    (
        {"result_index": "opensearch-ad-plugin-result-test"},
        "result_index",
        "Result index must start with searchguard-ad-result-",
    ),
    (
        {"category_field": ["host", "service", "ip"]},
        "category_field",
        "We can have only 2 categorical field/s.",
    ),
    (
        {"category_field": ["value"]},
        "category_field",
        "A categorical field must be of type keyword or ip.",
    ),
    (
        {"feature_attributes": [feature("f1"), feature("f1")]},
        "feature_attributes",
        "Detector has duplicate feature names: f1. "
        "Detector has duplicate feature aggregation query names: f1",
    ),
]


@pytest.mark.parametrize(("changes", "field", "message"), ISSUES)
def test_the_first_issue_is_told_under_its_field(filled, changes, field, message):
    """Whatever would come after it."""
    issue = validate(filled, **changes)
    assert (issue.aspect, issue.field, issue.message) == (ValidationAspect.DETECTOR, field, message)
    assert (issue.sub_issues, issue.suggested) == ({}, None)
    assert validate(filled, ValidationAspect.MODEL, **changes) == issue


def test_an_issue_of_features_is_told_per_feature(filled):
    """The document's example."""
    issue = validate(filled, feature_attributes=[feature("average_total_rev", "avg", "nosuch")])
    said = "Feature has invalid query returning empty aggregated data"
    assert issue.message == f"{said}: average_total_rev"
    assert issue.sub_issues == {"average_total_rev": said}
    issue = validate(filled, feature_attributes=[feature("f1", "sum", "message")])
    assert issue.sub_issues == {"f1": "Feature has an invalid query causing a runtime exception"}


def test_limits_and_names_of_the_system(filled):
    """Counts stand under general_settings, a name that is taken under name."""
    for number in range(3):
        create(filled, name=f"hc-{number}", category_field=["host"])
    issue = validate(filled, category_field=["host"])
    assert issue.field == "general_settings"
    assert issue.message == "Can't create more than 3 multi-entity anomaly detectors."
    taken = create(filled)
    issue = validate(filled)
    assert issue.field == "name"
    assert taken in issue.message


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({"category_field": "host"}, ParsingError, "expecting START_ARRAY but got VALUE_STRING"),
        (
            {"feature_attributes": [feature("")]},
            IllegalArgument,
            "Feature name should be set",
        ),
        (
            {"detection_interval": {"period": {"interval": 1, "unit": "Hours"}}},
            IllegalArgument,
            "Time unit Hours is not supported",
        ),
    ],
)
def test_what_cannot_be_read_is_an_error(filled, changes, kind, reason):
    """400 instead of an issue, as recorded."""
    with pytest.raises(kind, match=reason):
        validate(filled, **changes)


def test_types_are_read_as_a_list():
    """The deepest known one counts; none at all is refused."""
    assert ValidationAspect.parse("detector") is ValidationAspect.DETECTOR
    assert ValidationAspect.parse("detector,model") is ValidationAspect.MODEL
    assert ValidationAspect.parse("nosuch, model") is ValidationAspect.MODEL
    with pytest.raises(IllegalArgument, match="The given validation type doesn't exist"):
        ValidationAspect.parse("nosuch")
