"""Creating detectors: what is stored, and every check of it in the documented words."""

import pytest

from anomalyd.errors import DetectorInvalid, DetectorRefused, IllegalArgument, IndexNotFound
from tests.unit.service.data import NOW, bulk, create, detector, feature


def test_a_created_detector_is_stored_as_documented(filled):
    """The normalised filter, defaults, ids, the caller, and the first version."""
    written = filled.detectors.create(detector(), caller=filled.caller)
    stored = written.stored
    assert (stored.index, stored.version, stored.primary_term) == (
        ".searchguard-ad-anomaly-detectors",
        1,
        1,
    )
    assert len(stored.id) == 20
    source = stored.source
    bounds = {
        "from": 1,
        "to": None,
        "include_lower": False,
        "include_upper": True,
        "boost": 1.0,
    }
    assert source["filter_query"] == {
        "bool": {
            "filter": [{"range": {"value": bounds}}],
            "adjust_pure_negative": True,
            "boost": 1.0,
        }
    }
    assert list(source["filter_query"]["bool"]["filter"][0]["range"]["value"]) == list(bounds)
    assert source["feature_attributes"][0]["aggregation_query"] == {
        "test": {"sum": {"field": "value"}}
    }
    assert source["last_update_time"] == NOW
    assert source["user"] == filled.caller.render()
    assert written.ignored_fields == ()


def test_unknown_fields_are_reported(filled):
    """They are left out of what is stored."""
    written = filled.detectors.create(detector(frequency=1, nosuch=1), caller=filled.caller)
    assert set(written.ignored_fields) == {"frequency", "nosuch"}
    assert "frequency" not in written.stored.source


def test_a_detector_may_have_no_features(filled):
    """Recorded so: features may be added before it is started."""
    create(filled, feature_attributes=...)
    create(filled, name="other", feature_attributes=[feature(feature_enabled=False)])


def test_a_custom_result_index_is_made(filled):
    """It is there, and empty, before the first result."""
    create(filled, result_index="searchguard-ad-result-test")
    body = {"query": {"match_all": {}}}
    found = filled.results.search(body, custom_index="searchguard-ad-result-test", only_custom=True)
    assert found["hits"]["total"]["value"] == 0


REFUSED = [
    (
        {"name": "bad name"},
        "name",
        "Valid characters for detector name are a-z, A-Z, 0-9, -(hyphen), _(underscore) and "
        ".(period)",
    ),
    (
        {"time_field": "host"},
        "time_field",
        "Timestamp field: (host) must be of type date",
    ),
    (
        {"time_field": "when"},
        "time_field",
        "Timestamp field: (when) is not found in index mapping",
    ),
    (
        {"indices": ["nosuchindex*"]},
        "time_field",
        "Timestamp field: (timestamp) is not found in index mapping",
    ),
    (
        {"indices": ["nodate_log"]},
        "time_field",
        "Timestamp field: (timestamp) must be of type date",
    ),
    (
        {"category_field": ["nosuch"]},
        "category_field",
        "Can't find the categorical field nosuch",
    ),
    (
        {"category_field": ["value"]},
        "category_field",
        "A categorical field must be of type keyword or ip.",
    ),
    (
        {"indices": ["empty_log"]},
        "indices",
        "Can't create anomaly detector as no document is found in the indices: [empty_log]",
    ),
    (
        {"feature_attributes": [feature(f"f{n}") for n in range(6)]},
        "feature_attributes",
        "Can't create more than 5 anomaly features",
    ),
    (
        {
            "feature_attributes": [
                feature("f1", aggregation_query={"a1": {"sum": {"field": "value"}}}),
                feature("f1", aggregation_query={"a2": {"sum": {"field": "value"}}}),
            ]
        },
        "feature_attributes",
        "Detector has duplicate feature names: f1",
    ),
    (
        {
            "feature_attributes": [
                feature("f1", aggregation_query={"a": {"sum": {"field": "value"}}}),
                feature("f2", aggregation_query={"a": {"avg": {"field": "value"}}}),
            ]
        },
        "feature_attributes",
        "Detector has duplicate feature aggregation query names: a",
    ),
    (
        {"feature_attributes": [feature("average_total_rev", "avg", "total_revenue")]},
        "feature_attributes",
        "Feature has invalid query returning empty aggregated data: average_total_rev",
    ),
    (
        {"feature_attributes": [feature("f1", "sum", "message")]},
        "feature_attributes",
        "Feature has an invalid query causing a runtime exception: f1",
    ),
    (
        {
            "feature_attributes": [
                feature("f1", "sum", "message"),
                feature("f2"),
                feature("f3", "avg", "nosuch"),
            ]
        },
        "feature_attributes",
        "Validation failed for feature(s) of detector test-detector: "
        "[Feature has an invalid query causing a runtime exception: f1, "
        "Feature has invalid query returning empty aggregated data: f3]",
    ),
]


@pytest.mark.parametrize(("changes", "aspect", "reason"), REFUSED)
def test_what_the_data_does_not_allow_is_refused(filled, changes, aspect, reason):
    """One message per check of behaviour §2, and nothing is stored."""
    with pytest.raises(DetectorRefused) as caught:
        create(filled, **changes)
    assert (caught.value.aspect, caught.value.reason) == (aspect, reason)
    assert filled.detectors.search({})["hits"]["total"]["value"] == 0


def test_issues_of_features_are_told_per_feature(filled):
    """For ``_validate``'s sub_issues."""
    with pytest.raises(DetectorRefused) as caught:
        create(filled, feature_attributes=[feature("rev", "avg", "nosuch")])
    assert caught.value.sub_issues == {
        "rev": "Feature has invalid query returning empty aggregated data"
    }


def test_a_missing_index_is_not_found(filled):
    """404 with the index's name, unlike a pattern that matches nothing."""
    with pytest.raises(IndexNotFound) as caught:
        create(filled, indices=["nosuchindex"])
    assert caught.value.reason == "no such index [nosuchindex]"


def test_a_name_is_used_once(filled):
    """The message names the detector that has it."""
    first = create(filled)
    with pytest.raises(DetectorRefused) as caught:
        create(filled)
    assert caught.value.reason == (
        "Cannot create anomaly detector with name [test-detector] as it's already used by "
        f"detector [{first}]"
    )


def test_there_are_limits_per_type(filled):
    """Three detectors with category fields in this system; single ones are counted apart."""
    for number in range(3):
        create(filled, name=f"hc-{number}", category_field=["host"])
    with pytest.raises(DetectorRefused) as caught:
        create(filled, name="hc-3", category_field=["ip"])
    assert caught.value.reason == "Can't create more than 3 multi-entity anomaly detectors."
    create(filled)


def test_rules_of_the_definition_come_first(filled):
    """A wrong shingle size is told before the missing index is looked for."""
    with pytest.raises(DetectorInvalid, match="Shingle size must be a positive integer"):
        create(filled, indices=["nosuchindex"], shingle_size=0)


@pytest.mark.parametrize("function", ["terms", "date_histogram"])
def test_a_feature_gives_one_number(filled, function):
    """An aggregation with many buckets is none."""
    options = {"field": "timestamp", "fixed_interval": "1h"}
    if function == "terms":
        options = {"field": "host"}
    with pytest.raises(DetectorInvalid, match="Custom query error"):
        create(
            filled,
            feature_attributes=[feature(aggregation_query={"a": {function: options}})],
        )


def test_features_run_on_data_from_before_1970(application):
    """Windows of the check reach below the epoch."""
    old = [{"timestamp": "1950-01-01T00:00:00Z", "value": 3.5}]
    application.indices.bulk(bulk(old), default_index="old")
    assert create(application, indices=["old"], filter_query=...)


def test_a_type_error_is_an_argument_error(filled):
    """Not a broken rule."""
    with pytest.raises(IllegalArgument, match="For input string"):
        create(filled, shingle_size="abc")


def test_a_document_index_cannot_take_results(filled):
    """An index of that name with other fields is refused."""
    filled.indices.create_index("searchguard-ad-result-mine", {})
    with pytest.raises(DetectorRefused) as caught:
        create(filled, result_index="searchguard-ad-result-mine")
    assert caught.value.reason == (
        "Result index mapping is not correct for index: searchguard-ad-result-mine"
    )
