"""Every message of the reference that applies, provoked over both surfaces (behaviour §2, §8-§13).

Elsewhere, with what they need: validation's suggestions in ``test_validate.py`` and the unit tests
of its checks, errors of running tasks and full slots in ``tests/unit/service/test_historical.py``,
throttled previews in the unit tests of previews, real time with real time.

Not here: "Detection interval should be set", for a detector without one gets the default of ten
minutes; "No anomaly detector found with ID", which is 404 in the words of all other operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import pytest

from tests.support.documents import API, MINUTE, START, detector, load
from tests.support.rest import RestClient
from tests.support.surfaces import ROUTES, TypedSurface

INDEX = "messages_log"
EMPTY = "messages_empty"
BASE = detector("messages", INDEX)
FEATURE = BASE["feature_attributes"][0]
PREFIX = "searchguard-ad-result-"
RANGE = {"start_time": START, "end_time": START + 100 * MINUTE}
PERIOD = {"period_start": START, "period_end": START + 100 * MINUTE}
TOP = {"start_time_ms": START, "end_time_ms": START + 100 * MINUTE}


def without(key: str, document: Mapping[str, Any] = BASE) -> dict[str, Any]:
    """Return a document but for one key."""
    return {name: value for name, value in document.items() if name != key}


def features(*chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return a detector with these features."""
    return {**BASE, "feature_attributes": list(chosen)}


def feature(name: str, aggregation: str | None = None) -> dict[str, Any]:
    """Return a feature; its aggregation is called like it unless said otherwise."""
    query = {aggregation or name: {"sum": {"field": "value"}}}
    return {"feature_name": name, "feature_enabled": True, "aggregation_query": query}


def period(interval: int) -> dict[str, Any]:
    """Return a time configuration in minutes."""
    return {"period": {"interval": interval, "unit": "Minutes"}}


CREATE: list[tuple[str, dict[str, Any], int]] = [
    ("Detector name should be set", without("name"), 400),
    ("Time field should be set", without("time_field"), 400),
    ("Indices should be set", {**BASE, "indices": []}, 400),
    (
        "Detection interval must be a positive integer",
        {**BASE, "detection_interval": period(0)},
        400,
    ),
    ("Shingle size must be a positive integer", {**BASE, "shingle_size": 0}, 400),
    ("We can have only 2 categorical field/s.", {**BASE, "category_field": ["a", "b", "c"]}, 400),
    (f"Result index must start with {PREFIX}", {**BASE, "result_index": "mine"}, 400),
    (
        "Result index name size must contains less than 255 characters",
        {**BASE, "result_index": PREFIX + "a" * 255},
        400,
    ),
    (
        "Result index name has invalid character. Valid characters are a-z, 0-9, -(hyphen) and "
        "_(underscore)",
        {**BASE, "result_index": PREFIX + "a!"},
        400,
    ),
    ("Feature name should be set", features(without("feature_name", FEATURE)), 400),
    (
        "Feature aggregation query should be set",
        features(without("aggregation_query", FEATURE)),
        400,
    ),
    (
        "Valid characters for detector name are a-z, A-Z, 0-9, -(hyphen), _(underscore) and "
        ".(period)",
        {**BASE, "name": "a b"},
        400,
    ),
    (
        "Name should be shortened. The maximum limit is 64 characters.",
        {**BASE, "name": "a" * 65},
        400,
    ),
    ("Timestamp field: (value) must be of type date", {**BASE, "time_field": "value"}, 400),
    (
        "Timestamp field: (nosuch) is not found in index mapping",
        {**BASE, "time_field": "nosuch"},
        400,
    ),
    (
        "A categorical field must be of type keyword or ip.",
        {**BASE, "category_field": ["value"]},
        400,
    ),
    ("Can't find the categorical field nosuch", {**BASE, "category_field": ["nosuch"]}, 400),
    (
        f"Can't create anomaly detector as no document is found in the indices: [{EMPTY}]",
        {**BASE, "indices": [EMPTY]},
        400,
    ),
    (
        "Can't create more than 5 anomaly features",
        features(*(feature(f"f{at}") for at in range(6))),
        400,
    ),
    (
        "Detector has duplicate feature names: a",
        features(feature("a", "x"), feature("a", "y")),
        400,
    ),
    (
        "Detector has duplicate feature aggregation query names: x",
        features(feature("a", "x"), feature("b", "x")),
        400,
    ),
    ("no such index [nosuchindex]", {**BASE, "indices": ["nosuchindex"]}, 404),
    ("Cannot create anomaly detector with name [there] as it's", {**BASE, "name": "there"}, 400),
]
OTHERS: list[tuple[str, str, dict[str, Any], int]] = [
    ("Can't find detector with id: nosuch", "UpdateDetector", BASE, 404),
    ("Can't find detector with id: nosuch", "StartDetector", RANGE, 404),
    (
        "Must set both period start and end date with epoch of milliseconds",
        "PreviewDetector",
        {"detector": BASE, "period_start": START},
        400,
    ),
    (
        "Period start date should be before end date",
        "PreviewDetector",
        {"detector": BASE, "period_start": START, "period_end": START},
        400,
    ),
    ("Must set detector id or detector", "PreviewDetector", PERIOD, 400),
    (
        "Can't preview detector without feature",
        "PreviewDetector",
        {"detector": features(), **PERIOD},
        400,
    ),
    (
        "Can't find anomaly detector with id:nosuch",
        "PreviewDetector",
        {"detector_id": "nosuch", **PERIOD},
        404,
    ),
    ("Can't find detector with id: nosuch", "GetTopAnomalies", TOP, 404),
]
OF_ONE: list[tuple[str, str, dict[str, Any], int]] = [
    ("Can't change detector category field", "UpdateDetector", {"category_field": ["host"]}, 400),
    (
        "Can't change detector result index",
        "UpdateDetector",
        {"result_index": f"{PREFIX}messages"},
        400,
    ),
    (
        "Detection data range's start time must not be null",
        "StartDetector",
        {"end_time": START},
        400,
    ),
    (
        "Detection data range's end time must not be null",
        "StartDetector",
        {"start_time": START},
        400,
    ),
    (
        "Detection data range's end time must be after start time",
        "StartDetector",
        {"start_time": START, "end_time": START - 1},
        400,
    ),
    ("Detector not started", "StopDetector", {}, 400),
    ("No category fields found for detector ID", "GetTopAnomalies", TOP, 400),
    (
        "Must set both start time and end time with epoch of milliseconds",
        "GetTopAnomalies",
        {"start_time_ms": START},
        400,
    ),
    (
        "Start time should be before end time",
        "GetTopAnomalies",
        {"start_time_ms": START, "end_time_ms": START},
        400,
    ),
]
OF_MANY: list[tuple[str, str, dict[str, Any], int]] = [
    ("Size must be a positive integer", "GetTopAnomalies", {**TOP, "size": 0}, 400),
    ("Size cannot exceed 10000", "GetTopAnomalies", {**TOP, "size": 10_001}, 400),
    ("No historical tasks found for detector ID", "GetTopAnomalies", TOP, 400),
    (
        "Category field nosuch doesn't exist for detector ID",
        "GetTopAnomalies",
        {**TOP, "category_field": ["nosuch"]},
        400,
    ),
]


@pytest.fixture(scope="module")
def ids(rest: RestClient) -> dict[str, str]:
    """Load data, create a detector of each kind, and return their ids."""
    load(rest, INDEX, windows=100)
    types = {"timestamp": {"type": "date"}, "value": {"type": "double"}}
    assert rest("PUT", f"/{EMPTY}", {"mappings": {"properties": types}}).status == 200
    single = rest("POST", f"{API}/detectors", {**BASE, "name": "there"})
    many = rest("POST", f"{API}/detectors", {**BASE, "name": "many", "category_field": ["host"]})
    return {"": "nosuch", "one": single.json["_id"], "many": many.json["_id"]}


def rows() -> list[Any]:
    """Return all rows as (message, operation, body, status, whose)."""
    told = [(text, "CreateDetector", body, status, "") for text, body, status in CREATE]
    told += [(*row, "") for row in OTHERS]
    told += [(*row, "one") for row in OF_ONE] + [(*row, "many") for row in OF_MANY]
    return [pytest.param(*row, id=f"{row[1]}: {row[0][:48]}") for row in told]


@pytest.mark.parametrize(("message", "operation", "body", "status", "whose"), rows())
def test_over_rest_and_grpc(
    rest: RestClient,
    channel: grpc.Channel,
    ids: dict[str, str],
    message: str,
    operation: str,
    body: dict[str, Any],
    status: int,
    whose: str,
) -> None:
    """The same words; the status of the HTTP answer and a code that fits it."""
    sent = {**BASE, "name": "there", **body} if operation == "UpdateDetector" else body
    method, path = ROUTES[operation]
    answer = rest(method, path.format(id=ids[whose]), sent or None)
    assert (answer.status, message in answer.reason) == (status, True), answer.body
    with pytest.raises(grpc.RpcError) as caught:
        TypedSurface(channel)(operation, sent, id=ids[whose])
    assert message in caught.value.details()
    assert (caught.value.code() is grpc.StatusCode.NOT_FOUND) == (status == 404)
