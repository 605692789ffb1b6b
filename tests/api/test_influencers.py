"""Influencers end to end: analysed orders, read over REST and gRPC."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from anomalyd.v1 import influencer_service_pb2 as pb
from anomalyd.v1.influencer_service_pb2_grpc import InfluencerServiceStub
from tests.support.documents import finished_task
from tests.support.orders import CUSTOMER, HOUR, Order, analysed, frequent, orders
from tests.support.rest import RestAnswer, RestClient

JOBS = "/_ml/anomaly_detectors"
PLAIN, PLANTED = "influencers-plain", "influencers-planted"
CUSTOMERS = 500
PLACE = -40
"""Which of the planted customer's candidates: one of the last days, when the past is known."""


@pytest.fixture(scope="module")
def shop() -> list[Order]:
    """The orders of the most frequent customers; the others have one or two each."""
    return sorted(frequent(orders(), CUSTOMERS))


@pytest.fixture(scope="module")
def plain(rest: RestClient, shop: list[Order]) -> str:
    """The orders as they are."""
    return analysed(rest, PLAIN, shop)


@pytest.fixture(scope="module")
def planted(rest: RestClient, shop: list[Order]) -> tuple[str, int]:
    """One customer's orders of one hour times ten; returns the customer and the hour."""
    candidates = [order for order in shop if 80 < order[2] < 130]
    time, customer, _ = candidates[PLACE]
    hour = time // HOUR * HOUR
    changed = [
        (at, name, price * 10 if (name, at // HOUR * HOUR) == (customer, hour) else price)
        for at, name, price in shop
    ]
    analysed(rest, PLANTED, changed)
    return customer, hour


def get(rest: RestClient, job: str, query: str = "", kind: str = "influencers") -> RestAnswer:
    return rest("GET", f"{JOBS}/{job}/results/{kind}{query}")


def found(rest: RestClient, job: str, query: str = "") -> list[dict[str, Any]]:
    answer = get(rest, job, query)
    assert answer.status == 200, answer.body
    influencers: list[dict[str, Any]] = answer.json["influencers"]
    return influencers


def test_a_customer_who_spent_ten_times_as_much_is_to_blame(
    rest: RestClient, planted: tuple[str, int]
) -> None:
    """First in that hour, with a critical score and a tiny probability."""
    customer, hour = planted
    first, *others = found(rest, PLANTED, f"?start={hour}&end={hour + HOUR}")
    assert first["influencer_field_value"] == customer
    assert first["influencer_score"] >= 75
    assert first["probability"] < 1e-5
    assert all(each["influencer_score"] < 75 for each in others)
    record = get(rest, PLANTED, f"?start={hour}&end={hour + HOUR}", "records").json["records"][0]
    assert record[CUSTOMER] == [customer]
    assert record["record_score"] == first["initial_influencer_score"]
    (bucket,) = get(rest, PLANTED, f"/{hour}?expand=true", "buckets").json["buckets"]
    assert bucket["anomaly_score"] >= 50
    assert bucket["records"][0]["partition_field_value"] == customer


def test_on_ordinary_days_no_more_hours_are_critical_than_by_design(
    rest: RestClient, plain: str, shop: list[Order]
) -> None:
    """A score of 75 or more in at most 0.4375 % of the hours."""
    hours = {time // HOUR for time, _, _ in shop}
    critical = {each["timestamp"] for each in found(rest, plain, "?influencer_score=75&size=10000")}
    assert len(critical) <= math.ceil(0.004375 * len(hours))


@pytest.mark.parametrize(
    ("query", "body", "reason"),
    [
        ("", None, f"Cannot flush because job [{PLAIN}] is not open"),
        ("?calc_interim", b"", f"Cannot flush because job [{PLAIN}] is not open"),
        ("", {"calc_interim": True}, f"Cannot flush because job [{PLAIN}] is not open"),
        ("?calc_interims", b"", "did you mean [calc_interim]?"),
        ("", {"calc_interims": True}, "unknown field [calc_interims]"),
        ("?calc_interim=maybe", b"", "as only [true] or [false] are allowed."),
    ],
)
def test_only_running_jobs_are_flushed(
    rest: RestClient, plain: str, query: str, body: object, reason: str
) -> None:
    """And the request is read strictly."""
    answer = rest("POST", f"{JOBS}/{PLAIN}/_flush{query}", body)
    assert answer.status == 400
    assert reason in answer.reason
    assert rest("POST", f"{JOBS}/nobody/_flush").status == 404


def test_an_influencer_is_the_documented_object(rest: RestClient, plain: str) -> None:
    """Keys in their order, the one named after the field among them; numbers in full."""
    answer = get(rest, PLAIN, "?size=1&human")
    (influencer,) = answer.json["influencers"]
    assert list(influencer) == [
        "job_id",
        "result_type",
        "influencer_field_name",
        "influencer_field_value",
        CUSTOMER,
        "influencer_score",
        "initial_influencer_score",
        "probability",
        "bucket_span",
        "is_interim",
        "timestamp",
        "timestamp_string",
    ]
    assert influencer["job_id"] == PLAIN
    assert influencer["result_type"] == "influencer"
    assert influencer["influencer_field_name"] == CUSTOMER
    assert influencer[CUSTOMER] == influencer["influencer_field_value"]
    assert influencer["bucket_span"] == 3600
    assert influencer["is_interim"] is False
    assert 0 < influencer["probability"] < 0.035
    assert influencer["timestamp"] % HOUR == 0
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    by_id = found(rest, plain, "?size=1")[0]
    assert by_id == {
        **{key: influencer[key] for key in by_id},
        "job_id": plain,
    }


def test_pages_filters_and_order(rest: RestClient, plain: str) -> None:
    """The count is that of all matches; pages tile them; the default is the highest score first."""
    everything = found(rest, plain, "?size=10000")
    answer = get(rest, plain).json
    assert answer["count"] == len(everything)
    assert answer["influencers"] == everything[:100]
    scores = [each["influencer_score"] for each in everything]
    assert scores == sorted(scores, reverse=True)
    pages = [found(rest, plain, f"?from={at}&size=7") for at in range(0, len(everything), 7)]
    assert [each for page in pages for each in page] == everything
    beyond = get(rest, plain, "?from=9000&size=1000").json
    assert beyond == {"count": len(everything), "influencers": []}
    times = [each["timestamp"] for each in found(rest, plain, "?sort=timestamp&desc=false")]
    assert times == sorted(times)
    body = {"sort": CUSTOMER, "desc": "false", "page": {"from": 1, "size": "3"}}
    names = sorted(each["influencer_field_value"].encode() for each in everything)
    answer = rest("POST", f"{JOBS}/{plain}/results/influencers", body)
    assert [each[CUSTOMER].encode() for each in answer.json["influencers"]] == names[1:4]


def test_times_are_dates_date_math_or_epoch_milliseconds(rest: RestClient, plain: str) -> None:
    """From the start, inclusive, to before the end; -1 is no time; the wrong way round is empty."""
    everything = found(rest, plain, "?size=10000&sort=timestamp&desc=false")
    middle = everything[len(everything) // 2]["timestamp"]
    later = [each for each in everything if each["timestamp"] >= middle]
    assert get(rest, plain, f"?start={middle}&size=0").json["count"] == len(later)
    assert get(rest, plain, f"?end={middle}").json["count"] == len(everything) - len(later)
    assert get(rest, plain, "?start=-1&end=-1").json["count"] == len(everything)
    assert get(rest, plain, f"?start={middle}&end={middle}").json["count"] == 0
    assert get(rest, plain, "?start=now-1d/d").json["count"] == 0
    noon = round(datetime(2016, 12, 20, 12, tzinfo=UTC).timestamp() * 1000)
    earlier = sum(each["timestamp"] < noon for each in everything)
    assert get(rest, plain, "?end=2016-12-20||%2B12h").json["count"] == earlier
    assert get(rest, plain, "?start=2016-01-01").json["count"] == len(everything)


@pytest.mark.parametrize(
    ("query", "status", "type_", "cause", "reason"),
    [
        ("?start=noon", 400, "search_phase_execution", "parse", "failed to parse date field"),
        ("?sort=colour", 400, "search_phase_execution", "query_shard", "No mapping found"),
        (
            "?from=9999&size=2",
            400,
            "search_phase_execution",
            "illegal_argument",
            "Result window is too large, from + size must be less than or equal to: [10000] "
            "but was [10001].",
        ),
        ("?size=-1", 400, "illegal_argument", "illegal_argument", "Parameter [size] cannot be < 0"),
    ],
)
def test_what_cannot_be_searched(
    rest: RestClient, plain: str, query: str, status: int, type_: str, cause: str, reason: str
) -> None:
    """The status, both types, and the reason of the cause."""
    answer = get(rest, plain, query)
    assert answer.status == answer.json["status"] == status
    assert answer.json["error"]["type"] == f"{type_}_exception"
    root = answer.json["error"]["root_cause"][0]
    assert root["type"] == f"{cause}_exception"
    assert root["reason"].startswith(reason)


@pytest.mark.parametrize("kind", ["influencers", "records", "buckets"])
@pytest.mark.parametrize("prefix", [JOBS, "/_xpack/ml/anomaly_detectors"])
def test_an_unknown_job_is_not_found(rest: RestClient, kind: str, prefix: str) -> None:
    """After its parameters have been looked at."""
    answer = rest("GET", f"{prefix}/nobody/results/{kind}")
    assert answer.status == 404
    assert answer.json["error"]["type"] == "resource_not_found_exception"
    assert answer.reason == "No known job with id 'nobody'"
    assert rest("GET", f"{prefix}/nobody/results/{kind}?from=x").status == 400


def test_buckets_and_overall_buckets(rest: RestClient, plain: str) -> None:
    """A bucket's score is the largest of its influencers'; overall buckets sum jobs up."""
    answer = get(rest, plain, "?size=10000", "buckets").json
    assert answer["count"] == len(answer["buckets"])
    times = [bucket["timestamp"] for bucket in answer["buckets"]]
    assert times == sorted(set(times))
    for bucket in answer["buckets"]:
        names = {each["influencer_field_name"] for each in bucket["bucket_influencers"]}
        assert names == {CUSTOMER, "bucket_time"}
        scores = [each["anomaly_score"] for each in bucket["bucket_influencers"]]
        assert bucket["anomaly_score"] == max(scores)
    assert get(rest, plain, "/1", "buckets").status == 404
    overall = get(rest, f"{PLAIN},{plain}", "?bucket_span=1d", "overall_buckets").json
    best = {bucket["timestamp"]: bucket["overall_score"] for bucket in overall["overall_buckets"]}
    for bucket in answer["buckets"]:
        day = bucket["timestamp"] // (24 * HOUR) * 24 * HOUR
        assert best[day] >= bucket["anomaly_score"]
    assert get(rest, plain, "?bucket_span=1m", "overall_buckets").status == 400
    assert get(rest, plain, "?top_n=0", "overall_buckets").status == 400


def test_grpc_says_what_rest_says(rest: RestClient, channel: grpc.Channel, plain: str) -> None:
    """The same influencers, records and buckets, field by field."""
    stub = InfluencerServiceStub(channel)
    answer = stub.GetInfluencers(pb.GetInfluencersRequest(job_id=plain))
    shown = get(rest, plain).json
    assert answer.count == shown["count"]
    for message, document in zip(answer.influencers, shown["influencers"], strict=True):
        assert {key: getattr(message, key) for key in document if key != CUSTOMER} == {
            key: value for key, value in document.items() if key != CUSTOMER
        }
    records = stub.GetRecords(pb.GetRecordsRequest(job_id=plain))
    assert records.count == get(rest, plain, "", "records").json["count"]
    buckets = stub.GetBuckets(pb.GetBucketsRequest(job_id=plain))
    first = get(rest, plain, "", "buckets").json["buckets"][0]
    assert buckets.buckets[0].anomaly_score == first["anomaly_score"]
    overall = stub.GetOverallBuckets(pb.GetOverallBucketsRequest(job_id=plain))
    assert overall.count == get(rest, plain, "", "overall_buckets").json["count"]
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetInfluencers(pb.GetInfluencersRequest(job_id=plain, sort="colour"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "No mapping found for [colour] in order to sort on"


def test_an_analysis_done_again_gives_the_same(rest: RestClient, plain: str) -> None:
    """The same orders, the same detector, another run: the same influencers, to the last digit."""
    before = found(rest, plain, "?size=10000")
    times = [
        each["timestamp"] for each in get(rest, plain, "?size=10000", "buckets").json["buckets"]
    ]
    body = {"start_time": min(times), "end_time": max(times) + HOUR}
    api = "/_anomaly_detection/api/detectors"
    assert rest("POST", f"{api}/{plain}/_start", body).status == 200
    assert finished_task(rest, plain)["state"] == "FINISHED"
    after = found(rest, plain, "?size=10000")
    assert json.dumps(after) == json.dumps(before)


def test_a_deleted_job_is_gone(rest: RestClient, shop: list[Order]) -> None:
    """With its influencers, by its name as by its id."""
    detector_id = analysed(rest, "influencers-deleted", shop[:300])
    assert get(rest, detector_id, "", "buckets").json["count"] > 0
    assert rest("DELETE", f"/_anomaly_detection/api/detectors/{detector_id}").status == 200
    for job in (detector_id, "influencers-deleted"):
        assert get(rest, job).status == 404
