"""Validating a detector over both surfaces, against the API document's examples."""

from __future__ import annotations

import json
import time
from typing import Any

import grpc
import pytest

from anomalyd.api.convert import to_document, to_message
from anomalyd.v1 import detector_pb2, detector_service_pb2, detector_service_pb2_grpc
from tests.support.documents import API, MINUTE, detector, load
from tests.support.rest import RestClient

INDEX = "validate_log"
SPARSE = "validate_sparse"

FINE: dict[str, Any] = {}
FEATURE = {
    "feature_name": "average_total_rev",
    "feature_enabled": True,
    "aggregation_query": {"average_total_rev": {"avg": {"field": "total_revenue"}}},
}
EMPTY = "Feature has invalid query returning empty aggregated data"
BROKEN = {
    "detector": {
        "feature_attributes": {
            "message": f"{EMPTY}: average_total_rev",
            "sub_issues": {"average_total_rev": EMPTY},
        }
    }
}
LONGER = {
    "model": {
        "detection_interval": {
            "message": "The selected detector interval might collect sparse data. "
            "Consider changing interval length to: 4",
            "suggested_value": {"period": {"interval": 4, "unit": "Minutes"}},
        }
    }
}
CASES = [
    ("", INDEX, {}, FINE),
    ("/detector", INDEX, {}, FINE),
    ("/detector", SPARSE, {}, FINE),
    ("", INDEX, {"feature_attributes": [FEATURE]}, BROKEN),
    ("/model", INDEX, {"feature_attributes": [FEATURE]}, BROKEN),
    ("/model", SPARSE, {}, LONGER),
    (
        "",
        INDEX,
        {"indices": ["nosuchindex"]},
        {"detector": {"indices": {"message": "index does not exist"}}},
    ),
]


@pytest.fixture(scope="module", autouse=True)
def documents(rest: RestClient) -> None:
    load(rest, INDEX, windows=10)
    now = int(time.time() * 1000) // MINUTE * MINUTE
    lines = []
    for back in range(0, 6 * 24 * 60, 5):
        lines += ['{"index":{}}', json.dumps({"timestamp": now - back * MINUTE, "value": 5.0})]
    properties = {"timestamp": {"type": "date"}, "value": {"type": "double"}}
    rest("PUT", f"/{SPARSE}", {"mappings": {"properties": properties}})
    assert not rest("POST", f"/{SPARSE}/_bulk", ("\n".join(lines) + "\n").encode()).json["errors"]


@pytest.mark.parametrize("prefix", [API, "/_plugins/_anomaly_detection"])
@pytest.mark.parametrize(("kind", "index", "changes", "expected"), CASES)
def test_validate(
    rest: RestClient,
    prefix: str,
    kind: str,
    index: str,
    changes: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    """Always 200; the body is the document's, and the same issue comes first for both types."""
    body = {**detector("validated", index), **changes}
    answer = rest("POST", f"{prefix}/detectors/_validate{kind}", body)
    assert answer.status == 200
    assert answer.body == json.dumps(expected, separators=(",", ":")).encode()
    found = rest("POST", f"{API}/detectors/_search", {"query": {"term": {"name": "validated"}}})
    assert found.json["hits"]["hits"] == []


@pytest.mark.parametrize(("kind", "index", "changes", "expected"), CASES)
def test_validate_typed(
    channel: grpc.Channel,
    kind: str,
    index: str,
    changes: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    """The same as a message."""
    stub = detector_service_pb2_grpc.DetectorServiceStub(channel)
    definition, _ = to_message({**detector("validated", index), **changes}, detector_pb2.Detector)
    aspect = {
        "": detector_service_pb2.VALIDATION_ASPECT_UNSPECIFIED,
        "/detector": detector_service_pb2.VALIDATION_ASPECT_DETECTOR,
        "/model": detector_service_pb2.VALIDATION_ASPECT_MODEL,
    }[kind]
    answer = stub.ValidateDetector(
        detector_service_pb2.ValidateDetectorRequest(detector=definition, aspect=aspect)
    )
    assert to_document(answer) == expected


def test_what_cannot_be_validated(rest: RestClient) -> None:
    """400 for a document that cannot be read, no document, and an unknown type."""
    path = f"{API}/detectors/_validate"
    string = rest("POST", path, {**detector("x", INDEX), "category_field": "host"})
    assert string.status == 400
    assert "expecting START_ARRAY but got VALUE_STRING" in string.reason
    nothing = rest("POST", path)
    assert (nothing.status, nothing.reason) == (400, "request body is required")
    unknown = rest("POST", f"{path}/nosuch", detector("x", INDEX))
    assert (unknown.status, unknown.reason) == (400, "The given validation type doesn't exist")
