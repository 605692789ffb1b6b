"""Replacing a detector's definition: what stays, what is refused, who wins."""

import pytest

from anomalyd.auth.identity import Identity
from anomalyd.errors import (
    ActionInvalid,
    DetectorInvalid,
    DetectorNotFound,
    DetectorRefused,
    IllegalArgument,
    IndexNotFound,
    StateConflict,
    VersionConflict,
)
from anomalyd.service.detector_update import WriteCondition
from tests.unit.service.data import create, detector, end_of, feature, start


def update(application, detector_id, caller=None, **changes):
    condition = WriteCondition(
        seq_no=changes.pop("if_seq_no", None), primary_term=changes.pop("if_primary_term", None)
    )
    return application.detectors.update(
        detector_id,
        detector(**changes),
        condition=condition,
        caller=caller or application.caller,
    )


def test_an_update_replaces_the_definition(filled, clock):
    """The next version of the same document; what a field had before does not shine through."""
    detector_id = create(filled, shingle_size=4)
    clock.advance(5_000)
    written = update(filled, detector_id, description="Test update detector", nosuch=1)
    stored = written.stored
    assert (stored.id, stored.version) == (detector_id, 2)
    assert stored.source["description"] == "Test update detector"
    assert stored.source["shingle_size"] == 8
    assert stored.source["last_update_time"] == clock.now()
    assert written.ignored_fields == ("nosuch",)
    assert filled.detectors.get(detector_id).stored == stored


def test_features_keep_the_ids_that_they_come_with(filled):
    """A feature without its id is another feature."""
    detector_id = create(filled)
    (before,) = filled.detectors.get(detector_id).stored.source["feature_attributes"]
    added = feature("latency", "max", "value")
    stored = update(filled, detector_id, feature_attributes=[before, added]).stored
    kept, new = stored.source["feature_attributes"]
    assert kept == before
    assert len(new["feature_id"]) == 20
    (other,) = update(filled, detector_id).stored.source["feature_attributes"]
    assert other["feature_id"] != before["feature_id"]


def test_a_result_index_stays_unless_named(filled):
    """The API document's update leaves out the result index that its create names."""
    detector_id = create(filled, result_index="searchguard-ad-result-test")
    stored = update(filled, detector_id, description="Test update detector").stored
    assert stored.source["result_index"] == "searchguard-ad-result-test"


def test_a_detector_stays_its_creators(filled):
    """Whoever updates it."""
    detector_id = create(filled)
    stored = update(filled, detector_id, caller=Identity(name="somebody")).stored
    assert stored.source["user"] == filled.caller.render()


def test_an_unknown_detector_is_not_made(filled):
    """PUT creates nothing."""
    with pytest.raises(DetectorNotFound, match="Can't find detector with id: nosuchdetector"):
        update(filled, "nosuchdetector")
    assert filled.detectors.search({})["hits"]["total"]["value"] == 0


REFUSED = [
    ({"name": ...}, DetectorInvalid, "name", "Detector name should be set"),
    (
        {"time_field": "host"},
        DetectorRefused,
        "time_field",
        "Timestamp field: (host) must be of type date",
    ),
    (
        {"category_field": ["host"]},
        DetectorRefused,
        "category_field",
        "Can't change detector category field",
    ),
    (
        {"result_index": "searchguard-ad-result-other"},
        DetectorRefused,
        "result_index",
        "Can't change detector result index",
    ),
    (
        {"feature_attributes": [feature(f"f{n}") for n in range(6)]},
        DetectorRefused,
        "feature_attributes",
        "Can't create more than 5 anomaly features",
    ),
]


@pytest.mark.parametrize(("changes", "kind", "aspect", "reason"), REFUSED)
def test_what_may_not_be_written_is_refused(filled, changes, kind, aspect, reason):
    """As when it is created, and what must stay as it was; nothing is stored."""
    detector_id = create(filled)
    with pytest.raises(kind) as caught:
        update(filled, detector_id, **changes)
    assert (type(caught.value), caught.value.aspect, caught.value.reason) == (kind, aspect, reason)
    assert filled.detectors.get(detector_id).stored.version == 1


def test_a_missing_index_is_not_found(filled):
    """404, as when it is created."""
    detector_id = create(filled)
    with pytest.raises(IndexNotFound):
        update(filled, detector_id, indices=["nosuchindex"])


def test_category_fields_may_change_their_order(filled):
    """Recorded so from a real node."""
    detector_id = create(filled, category_field=["host", "service"])
    stored = update(filled, detector_id, category_field=["service", "host"]).stored
    assert stored.source["category_field"] == ["service", "host"]
    with pytest.raises(DetectorRefused, match="Can't change detector category field"):
        update(filled, detector_id, category_field=["host"])


def test_a_name_of_another_detector_is_refused(filled):
    """Its own it may keep."""
    other = create(filled, name="other")
    detector_id = create(filled)
    with pytest.raises(DetectorRefused, match=f"already used by detector \\[{other}\\]"):
        update(filled, detector_id, name="other")
    assert update(filled, detector_id, name="renamed").stored.source["name"] == "renamed"


def test_the_last_detector_that_is_allowed_can_be_updated(filled):
    """Limits count the others."""
    ids = [create(filled, name=f"hc-{n}", category_field=["host"]) for n in range(3)]
    changed = update(filled, ids[0], name="hc-0", category_field=["host"], description="x")
    assert changed.stored.version == 2


def test_a_running_detector_is_not_updated(filled):
    """Its run has to be stopped or over first."""
    detector_id = create(filled)
    task_id = start(filled, detector_id)
    with pytest.raises(StateConflict, match="Detector is running"):
        update(filled, detector_id)
    end_of(filled, task_id)
    assert update(filled, detector_id).stored.version == 2


def test_a_version_that_was_seen_guards_the_write(filled):
    """The second of two who saw the same version is told."""
    detector_id = create(filled)
    seen = filled.detectors.get(detector_id).stored
    condition = {"if_seq_no": seen.seq_no, "if_primary_term": seen.primary_term}
    assert update(filled, detector_id, description="first", **condition).stored.version == 2
    with pytest.raises(VersionConflict):
        update(filled, detector_id, description="second", **condition)
    assert filled.detectors.get(detector_id).stored.source["description"] == "first"


@pytest.mark.parametrize(
    ("seq_no", "primary_term", "kind", "message"),
    [
        (-1, 1, IllegalArgument, r"sequence numbers must be non negative. got \[-1\]"),
        (1, 0, IllegalArgument, r"primary term must be a positive number. got \[0\]"),
        (1, None, ActionInvalid, r"ifSeqNo is set, but primary term is \[0\]"),
        (None, 1, ActionInvalid, r"ifSeqNo is unassigned, but primary term is \[1\]"),
    ],
)
def test_half_a_condition_is_refused(seq_no, primary_term, kind, message):
    """Elasticsearch's words."""
    with pytest.raises(kind, match=message):
        WriteCondition(seq_no=seq_no, primary_term=primary_term)
