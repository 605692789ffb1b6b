"""Detectors over REST, against the API document's examples: status, key order, types."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.documents import API, detector, load
from tests.support.rest import RestClient
from tests.support.shapes import shape

INDEX = "detectors_log"
PLUGIN = "/_plugins/_anomaly_detection"

USER = {
    "name": "admin",
    "backend_roles": ["admin"],
    "roles": ["own_index", "all_access"],
    "custom_attribute_names": [],
    "user_requested_tenant": "__user__",
}


def stored(name: str, **more: Any) -> dict[str, Any]:
    """The example detector as the document shows it once it is stored."""
    interval = {"from": 1, "to": None, "include_lower": False, "include_upper": True, "boost": 1.0}
    return {
        "name": name,
        "description": "Test detector",
        "time_field": "timestamp",
        "indices": [f"{INDEX}*"],
        "filter_query": {
            "bool": {
                "filter": [{"range": {"value": interval}}],
                "adjust_pure_negative": True,
                "boost": 1.0,
            }
        },
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": 1, "unit": "Minutes"}},
        "shingle_size": 8,
        "schema_version": 0,
        "feature_attributes": [
            {
                "feature_id": "U0HKTXwBwf_U8gjUXY2m",
                "feature_name": "test",
                "feature_enabled": True,
                "aggregation_query": {"test": {"sum": {"field": "value"}}},
            }
        ],
        "last_update_time": 1633392680364,
        **more,
    }


@pytest.fixture(scope="module", autouse=True)
def documents(rest: RestClient) -> None:
    load(rest, INDEX, windows=10)


def create(rest: RestClient, name: str, **more: Any) -> str:
    answer = rest("POST", f"{API}/detectors", detector(name, INDEX, **more))
    assert answer.status == 201, answer.body
    return str(answer.json["_id"])


def test_create(rest: RestClient) -> None:
    """201, the place in Location, and the document in the example's order."""
    answer = rest("POST", f"{API}/detectors", detector("created", INDEX))
    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    body = answer.json
    expected = {
        "_id": "VEHKTXwBwf_U8gjUXY2s",
        "_version": 1,
        "_seq_no": 5,
        "anomaly_detector": stored("created", user=USER, detector_type="SINGLE_ENTITY"),
        "_primary_term": 1,
    }
    assert shape(body) == shape(expected)
    made = body["anomaly_detector"]
    assert len(body["_id"]) == len(made["feature_attributes"][0]["feature_id"]) == 20
    assert answer.headers["location"] == f"{API}/detectors/{body['_id']}"
    assert made["user"] == USER
    assert made["filter_query"] == expected["anomaly_detector"]["filter_query"]
    assert "warning" not in answer.headers


def test_create_with_category_fields(rest: RestClient) -> None:
    """Category fields stand before the user, and the type says what it has become."""
    answer = rest(
        "POST", f"{API}/detectors", detector("created-hc", INDEX, category_field=["host"])
    )
    expected = stored("x", category_field=["host"], user=USER, detector_type="MULTI_ENTITY")
    assert answer.status == 201
    assert shape(answer.json["anomaly_detector"]) == shape(expected)
    assert answer.json["anomaly_detector"]["detector_type"] == "MULTI_ENTITY"


@pytest.mark.parametrize(
    "name", ["a\nb", "\x00\x7f", "\u00e9\U0001f600", '"\\', "x" * 20_000, "\U0001f600" * 2_000]
)
def test_any_name_fits_into_the_warning(rest: RestClient, name: str) -> None:
    """Whatever a header cannot hold is escaped, and a long one is cut."""
    body = detector("warned", INDEX, **{name: 1})
    answer = rest("POST", f"{API}/detectors", body)
    assert answer.status == 201, answer.body
    assert len(answer.headers["warning"]) > len("299 anomalyd-")
    assert rest("DELETE", f"{API}/detectors/{answer.json['_id']}").status == 200


def test_unknown_fields_are_accepted_with_a_warning(rest: RestClient) -> None:
    """The Warning header names what was dropped, whatever its letters are."""
    body = detector("warned", INDEX, colour="blue", größe=1)
    answer = rest("POST", f"{API}/detectors", body)
    assert answer.status == 201
    assert answer.headers["warning"].startswith("299 anomalyd-")
    assert "colour" in answer.headers["warning"]
    assert "colour" not in answer.json["anomaly_detector"]


@pytest.mark.parametrize("prefix", [f"{API}", PLUGIN])
def test_get(rest: RestClient, prefix: str) -> None:
    """GET has the primary term before the sequence number, as the document shows it."""
    name = "got-" + prefix.strip("/").replace("/", "-")
    detector_id = create(rest, name)
    answer = rest("GET", f"{prefix}/detectors/{detector_id}")
    assert answer.status == 200
    assert list(answer.json) == ["_id", "_version", "_primary_term", "_seq_no", "anomaly_detector"]
    assert answer.json["_id"] == detector_id
    head = rest("HEAD", f"{prefix}/detectors/{detector_id}")
    assert (head.status, head.body) == (200, b"")


def test_get_with_job_and_tasks_before_any_start(rest: RestClient) -> None:
    """The keys are there with null."""
    detector_id = create(rest, "never-started")
    body = rest("GET", f"{API}/detectors/{detector_id}?job=true&task").json
    assert list(body)[5:] == [
        "anomaly_detector_job",
        "realtime_detection_task",
        "historical_analysis_task",
    ]
    assert [body[key] for key in list(body)[5:]] == [None, None, None]


def test_get_unknown(rest: RestClient) -> None:
    """404 with the documented words, also for HEAD, which has no body."""
    answer = rest("GET", f"{API}/detectors/nosuchdetector?job=true")
    assert answer.status == answer.json["status"] == 404
    cause = {
        "type": "status_exception",
        "reason": "Can't find detector with id: nosuchdetector",
    }
    assert answer.json == {"error": {"root_cause": [cause], **cause}, "status": 404}
    assert rest("HEAD", f"{API}/detectors/nosuchdetector").status == 404


def test_search(rest: RestClient) -> None:
    """The document's example search, as POST and as GET with a body."""
    create(rest, "searched")
    query = {"query": {"wildcard": {"indices": {"value": "detectors_l*"}}}, "size": 1}
    answer = rest("POST", f"{API}/detectors/_search", query)
    expected = {
        "took": 2,
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": 4, "relation": "eq"},
            "max_score": 1.0,
            "hits": [
                {
                    "_index": ".searchguard-ad-anomaly-detectors",
                    "_id": "Zi5zTXwBwf_U8gjUTfJG",
                    "_version": 1,
                    "_seq_no": 1,
                    "_primary_term": 1,
                    "_score": 1.0,
                    "_source": stored("x", user=USER, detector_type="SINGLE_ENTITY"),
                }
            ],
        },
    }
    assert answer.status == 200
    assert shape(answer.json) == shape(expected)
    assert answer.json["hits"]["hits"][0]["_index"] == ".searchguard-ad-anomaly-detectors"
    again = rest("GET", f"{API}/detectors/_search", query)
    assert again.json["hits"] == answer.json["hits"]


def test_search_without_a_body(rest: RestClient) -> None:
    """A search needs a body, or the parameter ``source``."""
    answer = rest("GET", f"{API}/detectors/_search")
    assert (answer.status, answer.reason) == (
        400,
        "request body or source parameter is required",
    )
    assert rest("GET", f"{API}/detectors/_search?source=%7B%22size%22%3A0%7D").status == 200


def test_delete(rest: RestClient) -> None:
    """The deleted document's place; a second time it is not found, with status 200."""
    detector_id = create(rest, "deleted")
    answer = rest("DELETE", f"{API}/detectors/{detector_id}")
    expected = {
        "_index": ".searchguard-ad-anomaly-detectors",
        "_id": "70TxTXwBjd8s6RK4j1Pj",
        "_version": 2,
        "result": "deleted",
        "forced_refresh": True,
        "_shards": {"total": 2, "successful": 2, "failed": 0},
        "_seq_no": 9,
        "_primary_term": 1,
    }
    assert answer.status == 200
    assert shape(answer.json) == shape(expected)
    assert answer.json["result"] == "deleted"
    assert answer.json["_version"] == 2
    again = rest("DELETE", f"{API}/detectors/{detector_id}")
    assert (again.status, again.json["result"]) == (200, "not_found")
    assert rest("GET", f"{API}/detectors/{detector_id}").status == 404


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        ({"name": None}, "a_d_validation_exception", "Detector name should be set"),
        ({"time_field": None}, "a_d_validation_exception", "Time field should be set"),
        (
            {"category_field": ["a", "b", "c"]},
            "a_d_validation_exception",
            "We can have only 2 categorical field/s.",
        ),
        (
            {"category_field": ["nosuch"]},
            "status_exception",
            "Can't find the categorical field nosuch",
        ),
        (
            {"filter_query": {"nosuchquery": {}}},
            "a_d_validation_exception",
            "Custom query error in data filter: unknown query [nosuchquery]",
        ),
        ({"shingle_size": "abc"}, "number_format_exception", 'For input string: "abc"'),
    ],
    ids=["name", "time field", "categories", "category", "filter", "number"],
)
def test_rules_of_a_detector(
    rest: RestClient, change: dict[str, Any], kind: str, reason: str
) -> None:
    """A broken rule is 400 with the reference's own words and name of the error."""
    answer = rest("POST", f"{API}/detectors", {**detector("invalid", INDEX), **change})
    assert answer.status == answer.json["status"] == 400
    assert (answer.json["error"]["type"], answer.reason) == (kind, reason)


def test_a_missing_index_is_404(rest: RestClient) -> None:
    """The error names the index in the form of Elasticsearch."""
    answer = rest("POST", f"{API}/detectors", {**detector("x", "x"), "indices": ["nosuchindex"]})
    assert answer.status == 404
    assert answer.json["error"]["type"] == "index_not_found_exception"
    assert answer.json["error"]["index"] == "nosuchindex"


def test_a_name_that_is_taken(rest: RestClient) -> None:
    """400, naming the detector that has it."""
    detector_id = create(rest, "taken")
    answer = rest("POST", f"{API}/detectors", detector("taken", INDEX))
    assert answer.status == 400
    assert answer.reason == (
        "Cannot create anomaly detector with name [taken] as it's already used by detector "
        f"[{detector_id}]"
    )


def test_a_custom_result_index(rest: RestClient) -> None:
    """It is kept, and searched when the path names it."""
    create(rest, "custom", result_index="searchguard-ad-result-shapes")
    answer = rest("POST", f"{API}/detectors/results/_search/searchguard-ad-result-shapes", {})
    assert answer.status == 200
    alone = rest(
        "POST",
        f"{API}/detectors/results/_search/searchguard-ad-result-shapes"
        "?only_query_custom_result_index=true",
        {},
    )
    assert alone.json["hits"]["total"]["value"] == 0
