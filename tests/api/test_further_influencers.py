"""Fields of the detector's ``influencers`` list: whose documents make an interval unusual."""

from __future__ import annotations

import json
import time
from typing import Any

import grpc
import numpy as np
import pytest

from anomalyd.v1 import detector_service_pb2 as pb
from anomalyd.v1.detector_service_pb2_grpc import DetectorServiceStub
from tests.support.documents import API, MINUTE, START, detector, finished_task
from tests.support.rest import RestClient

INDEX = "further_log"
WINDOWS = 900
SPIKE = 850
HOSTS = ("web-1", "web-2", "web-3")
STEPS = ("browse", "cart", "payment", "search", "support")
BLAMED = "payment"
JOBS = "/_ml/anomaly_detectors"


@pytest.fixture(scope="module", autouse=True)
def documents(rest: RestClient) -> None:
    """Each minute, host and step one document; once the payments of one host took far longer."""
    properties = {
        "timestamp": {"type": "date"},
        "value": {"type": "double"},
        "host": {"type": "keyword"},
        "step": {"type": "keyword"},
        "client": {"type": "ip"},
        "message": {"type": "text"},
    }
    rest("PUT", f"/{INDEX}", {"mappings": {"properties": properties}})
    rng = np.random.default_rng(4)
    lines = []
    for window in range(WINDOWS + 1):
        for host in HOSTS:
            for step in STEPS:
                value = 20.0 + float(rng.normal(0, 2)) + window % 12
                if window == SPIKE and host == HOSTS[0] and step == BLAMED:
                    value += 400.0
                document = {
                    "timestamp": START + window * MINUTE + 1_000,
                    "value": value,
                    "host": host,
                    "step": [step] if window % 2 else step,
                    "client": f"10.0.0.{rng.integers(0, 9)}",
                }
                lines += ['{"index":{}}', json.dumps(document)]
    answer = rest("POST", f"/{INDEX}/_bulk", ("\n".join(lines) + "\n").encode())
    assert not answer.json["errors"]


def feature(function: str) -> dict[str, Any]:
    return {
        "feature_name": function,
        "feature_enabled": True,
        "aggregation_query": {function: {function: {"field": "value"}}},
    }


def analysed(rest: RestClient, name: str, **more: Any) -> str:
    """Run a detector over everything; returns its id."""
    created = rest("POST", f"{API}/detectors", detector(name, INDEX, **more))
    assert created.status == 201, created.body
    id = str(created.json["_id"])
    period = {"start_time": START, "end_time": START + WINDOWS * MINUTE}
    assert rest("POST", f"{API}/detectors/{id}/_start", period).status == 200
    assert finished_task(rest, id)["state"] == "FINISHED"
    # those of a single series come a moment later
    deadline = time.monotonic() + 30
    while not influencers(rest, id) and time.monotonic() < deadline:
        time.sleep(0.05)
    return id


def influencers(rest: RestClient, id: str, query: str = "") -> list[dict[str, Any]]:
    answer = rest("GET", f"{JOBS}/{id}/results/influencers?size=1000{query}")
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["influencers"]
    return found


def at_the_spike(rest: RestClient, id: str, field: str) -> list[dict[str, Any]]:
    start = START + SPIKE * MINUTE
    found = influencers(rest, id, f"&start={start}&end={start + MINUTE}")
    return [each for each in found if each["influencer_field_name"] == field]


@pytest.mark.parametrize(
    ("name", "functions", "more"),
    [
        ("sum", ("sum",), {}),
        ("max", ("max",), {}),
        ("means", ("avg", "value_count"), {}),
        ("split", ("avg", "max"), {"category_field": ["host"]}),
    ],
)
def test_the_value_behind_a_spike_is_first(
    rest: RestClient, name: str, functions: tuple[str, ...], more: dict[str, Any]
) -> None:
    """Whether its part subtracts or the rest is asked for; one series or one per host."""
    features = [feature(function) for function in functions]
    id = analysed(
        rest, f"further-{name}", feature_attributes=features, influencers=["step"], **more
    )
    first, *others = at_the_spike(rest, id, "step")
    assert first["influencer_field_value"] == BLAMED
    assert first["step"] == BLAMED
    assert first["influencer_score"] >= 75
    assert all(each["influencer_score"] < 25 for each in others)
    names = {each["influencer_field_name"] for each in influencers(rest, id)}
    assert names == {"step", *more.get("category_field", ())}


def test_the_list_is_kept_and_can_be_changed(rest: RestClient, channel: grpc.Channel) -> None:
    """Over REST and gRPC: absent unless set, echoed, replaced and taken away by updates."""
    bare = detector("further-bare", INDEX)
    created = rest("POST", f"{API}/detectors", bare | {"influencers": ["step", "client"]})
    assert created.json["anomaly_detector"]["influencers"] == ["step", "client"]
    id = created.json["_id"]
    typed = DetectorServiceStub(channel)
    shown = typed.GetDetector(pb.GetDetectorRequest(id=id)).anomaly_detector
    assert list(shown.influencers) == ["step", "client"]
    shown.influencers[:] = ["client"]
    typed.UpdateDetector(pb.UpdateDetectorRequest(id=id, detector=shown))
    read = rest("GET", f"{API}/detectors/{id}").json["anomaly_detector"]
    assert read["influencers"] == ["client"]
    assert rest("PUT", f"{API}/detectors/{id}", bare).status == 200
    assert "influencers" not in rest("GET", f"{API}/detectors/{id}").json["anomaly_detector"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (["stap"], "Can't find the influencer field stap did you mean [step]?"),
        (["message"], "An influencer field must be of type keyword or ip: message"),
        (["value"], "An influencer field must be of type keyword or ip: value"),
        (["host"], "The field host is a category field, which is an influencer anyway."),
        (["step", "step"], "[influencers] must have names of fields, each of them once"),
        (["a", "a.b"], "Fields [a] and [a.b] cannot both be used in the same analysis_config"),
        ([f"f{at}" for at in range(11)], "[influencers] can have at most 10 fields"),
    ],
)
def test_a_list_that_cannot_be_is_refused(
    rest: RestClient, fields: list[str], message: str
) -> None:
    """Creation and validation say the same, and name the key."""
    wrong = detector("further-wrong", INDEX, category_field=["host"], influencers=fields)
    answer = rest("POST", f"{API}/detectors", wrong)
    assert answer.status == 400
    assert answer.reason == message
    validated = rest("POST", f"{API}/detectors/_validate", wrong).json
    assert validated["detector"]["influencers"]["message"] == message
