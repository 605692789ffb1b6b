"""Previews as callers see them: exact, refused with a reason, stored nowhere."""

import threading

import pytest

from anomalyd.engine.analysis import Analysis
from anomalyd.errors import (
    DetectorInvalid,
    DetectorNotFound,
    DetectorRefused,
    IllegalArgument,
    IndexNotFound,
    ParsingError,
    Throttled,
)
from tests.unit.service.data import (
    FIRST,
    INCIDENT,
    MAPPING,
    MINUTE,
    MINUTES,
    NOW,
    analyse,
    bulk,
    create,
    detector,
    feature,
    results,
)

RANGE = {"period_start": FIRST, "period_end": NOW}
NOT_IN_PREVIEWS = {"task_id", "model_id", "execution_start_time", "execution_end_time"}


def preview(application, body=None, *, detector_id=None, **changes):
    """Preview an inline detector, or the one with the id."""
    if body is None:
        body = RANGE if detector_id else RANGE | {"detector": detector(**changes)}
    return application.previews.preview(body, caller=application.caller, detector_id=detector_id)


def comparable(result):
    """What a stored result and a previewed one have in common."""
    return {
        key: value
        for key, value in result.items()
        if key not in NOT_IN_PREVIEWS and key != "schema_version"
    }


@pytest.mark.parametrize("categories", [{}, {"category_field": ["host"]}])
def test_a_preview_equals_the_historical_run(filled, categories):
    """All windows, the same scores, grades, thresholds and values, bit for bit."""
    id = create(filled, feature_attributes=[feature(), feature("top", "max")], **categories)
    previewed = preview(filled, detector_id=id)["anomaly_result"]
    stored = results(filled, analyse(filled, id)["task_id"])

    def place(result):
        return result.get("entity", [{"value": ""}])[0]["value"], result["data_start_time"]

    assert len(previewed) > MINUTES / 2
    assert sorted(map(comparable, previewed), key=place) == sorted(
        map(comparable, stored), key=place
    )
    incident = [one for one in previewed if one["data_start_time"] == FIRST + INCIDENT * MINUTE]
    assert any(one["anomaly_grade"] > 0 for one in incident)


def test_an_inline_detector_is_shown_as_the_document_does(filled):
    """No id, no user, no time of update; defaults filled in; results without run times."""
    answer = preview(filled)
    shown = answer["anomaly_detector"]
    assert "last_update_time" not in shown
    assert "user" not in shown
    assert (shown["shingle_size"], shown["detector_type"]) == (8, "SINGLE_ENTITY")
    first = answer["anomaly_result"][0]
    assert list(first) == [
        "detector_id", "data_start_time", "data_end_time", "schema_version", "feature_data",
        "anomaly_score", "anomaly_grade", "confidence", "threshold",
    ]  # fmt: skip
    assert first["detector_id"] is None
    assert first["schema_version"] == 0
    (feature_data,) = first["feature_data"]
    assert feature_data["feature_id"] == shown["feature_attributes"][0]["feature_id"]
    assert isinstance(feature_data["data"], float)


def test_a_stored_detector_is_shown_with_its_user(filled):
    """Its results carry its id and its user; the body's id serves as well as the path's."""
    id = create(filled)
    answer = preview(filled, RANGE | {"detector_id": id})
    assert answer == preview(filled, detector_id=id)
    assert answer["anomaly_detector"] == filled.detectors.get(id).stored.source
    first = answer["anomaly_result"][0]
    assert (first["detector_id"], first["user"]) == (id, filled.caller.render())


def test_an_inline_detector_wins_over_the_id_in_the_path(filled):
    """As observed: somebody who edits a detector sees what the edited one would find."""
    id = create(filled)
    body = RANGE | {"detector": detector(name="edited", category_field=["host"])}
    answer = preview(filled, body, detector_id=id)
    assert answer["anomaly_detector"]["name"] == "edited"
    assert answer["anomaly_result"][0]["detector_id"] is None
    assert answer["anomaly_result"][0]["entity"] == [{"name": "host", "value": "host-1"}]


def test_the_five_biggest_entities_are_shown(filled):
    """Entity after entity, the one with the most documents first; parts sorted by name."""
    sizes = {f"s{number}": 100 - number for number in range(7)}
    documents = [
        {"timestamp": FIRST + minute * MINUTE, "value": 5, "service": name, "host": "h"}
        for name, size in sizes.items()
        for minute in range(size)
    ]
    filled.indices.create_index("many_log", MAPPING)
    filled.indices.bulk(bulk(documents), default_index="many_log")
    answer = preview(filled, indices=["many_log"], category_field=["service"])
    entities = [one["entity"][0]["value"] for one in answer["anomaly_result"]]
    assert list(dict.fromkeys(entities)) == ["s0", "s1", "s2", "s3", "s4"]
    both = preview(filled, indices=["many_log"], category_field=["service", "host"])[
        "anomaly_result"
    ][0]["entity"]
    assert both == [
        {"name": "host", "value": "h"},
        {"name": "service", "value": "s0"},
    ]


def test_nothing_is_stored(filled):
    """No detector, no task, no result."""
    preview(filled, category_field=["host"])
    for search in (filled.detectors.search, filled.tasks.search, filled.results.search):
        assert search({})["hits"]["total"]["value"] == 0


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        (
            {"period_start": 1, "detector_id": "x"},
            IllegalArgument,
            "Must set both period start and end date with epoch of milliseconds",
        ),
        (
            {"period_start": 2, "period_end": 2, "detector_id": "x"},
            IllegalArgument,
            "Period start date should be before end date",
        ),
        (RANGE, IllegalArgument, "Must set detector id or detector"),
        (
            RANGE | {"period_start": "2026-11-21T00:00:00Z"},
            IllegalArgument,
            'For input string: "2026-11-21T00:00:00Z"',
        ),
        (
            RANGE | {"detector_id": "nosuchdetector"},
            DetectorNotFound,
            "Can't find anomaly detector with id:nosuchdetector",
        ),
        (
            RANGE | {"detector": detector(feature_attributes=[])},
            IllegalArgument,
            "Can't preview detector without feature",
        ),
        (
            RANGE | {"detector": detector(feature_attributes=[feature(feature_enabled=False)])},
            IllegalArgument,
            "Can't preview detector without an enabled feature",
        ),
        (RANGE | {"detector": detector(name="")}, DetectorInvalid, "Detector name should be set"),
        (
            RANGE | {"detector": 3},
            ParsingError,
            "Failed to parse object: expecting token of type [START_OBJECT] but found "
            "[VALUE_NUMBER]",
        ),
    ],
)
def test_refused_requests(filled, body, error, reason):
    """The documented messages."""
    with pytest.raises(error) as caught:
        preview(filled, body)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"indices": ["nosuch"]}, IndexNotFound, "no such index [nosuch]"),
        (
            {"time_field": "value"},
            DetectorRefused,
            "Timestamp field: (value) must be of type date",
        ),
        (
            {"category_field": ["message"]},
            DetectorRefused,
            "A categorical field must be of type keyword or ip.",
        ),
        (
            {"feature_attributes": [feature(), feature("odd", "sum", "nosuch")]},
            DetectorRefused,
            "Feature has invalid query returning empty aggregated data: odd",
        ),
        (
            {"feature_attributes": [feature("odd", "sum", "message")]},
            DetectorRefused,
            "Feature has an invalid query causing a runtime exception: odd",
        ),
    ],
)
def test_a_detector_that_cannot_work_is_told_why(filled, changes, error, reason):
    """Never an empty list: the error of creation instead."""
    with pytest.raises(error) as caught:
        preview(filled, **changes)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("start", "end", "changes", "found"),
    [
        (FIRST, FIRST + 20 * MINUTE, {}, "20 from its first to its last data"),
        (NOW + MINUTE, NOW + 600 * MINUTE, {}, "none: there is no data in the range"),
        (0, NOW, {"indices": ["empty_log"]}, "none: there is no data in the range"),
        (
            FIRST,
            NOW,
            {"filter_query": {"range": {"timestamp": {"lt": FIRST + 9 * MINUTE}}}},
            f"9 with data, of {MINUTES - 1} in the range",
        ),
        (
            FIRST,
            NOW,
            {"category_field": ["host"], "filter_query": {"term": {"host": "nosuch"}}},
            f"0 with data, of {MINUTES - 1} in the range",
        ),
    ],
)
def test_a_range_too_short_says_how_much_is_needed(filled, start, end, changes, found):
    """32 windows with data, and how many there are."""
    body = {"period_start": start, "period_end": end, "detector": detector(**changes)}
    with pytest.raises(IllegalArgument) as caught:
        preview(filled, body)
    assert caught.value.reason == (
        "Not enough data to preview: a model needs 32 detection intervals to train on, the range "
        f"has {found}. Choose a longer range or a shorter interval"
    )


def test_a_range_too_long_is_refused(filled):
    """Nothing is sampled or cut: 10,000 windows is the most."""
    filled.indices.create_index("long_log", MAPPING)
    documents = [{"timestamp": time, "value": 1.0} for time in (0, 10_001 * MINUTE)]
    filled.indices.bulk(bulk(documents), default_index="long_log")
    body = {
        "period_start": 0,
        "period_end": NOW,
        "detector": detector(indices=["long_log"]),
    }
    with pytest.raises(IllegalArgument, match=r"at most 10000 detection intervals.* has 10001"):
        preview(filled, body)


def test_previews_at_the_same_time_are_limited(filled, monkeypatch):
    """The third of three is refused, and has its turn once another has ended."""
    id = create(filled)
    inside, go_on = threading.Semaphore(0), threading.Event()
    step = Analysis.step

    def slow(self, windows):
        inside.release()
        go_on.wait(10)
        return step(self, windows)

    monkeypatch.setattr(Analysis, "step", slow)
    threads = [
        threading.Thread(target=preview, args=(filled,), kwargs={"detector_id": id})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
        assert inside.acquire(timeout=10)
    with pytest.raises(Throttled, match="Request throttled"):
        preview(filled, detector_id=id)
    go_on.set()
    for thread in threads:
        thread.join()
    assert preview(filled, detector_id=id)["anomaly_result"]
