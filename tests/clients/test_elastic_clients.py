"""Elastic's own clients, unmodified, read influencers through the gateway."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import elasticsearch
import pytest
from elasticsearch import Elasticsearch

from tests.support.documents import detector, load, run
from tests.support.rest import RestClient

NODE = Path(__file__).resolve().parent / "node"
JOB = "elastic-clients"
RESULTS = f"/_ml/anomaly_detectors/{JOB}/results"


@pytest.fixture(scope="module")
def job(rest: RestClient) -> str:
    """A job with influencers, named as its detector."""
    load(rest, JOB)
    api = "/_anomaly_detection/api/detectors"
    created = rest("POST", api, detector(JOB, JOB, category_field=["host"]))
    run(rest, created.json["_id"])
    return JOB


def over_rest(rest: RestClient, query: str) -> dict[str, Any]:
    answer: dict[str, Any] = rest("GET", f"{RESULTS}/{query}").json
    assert answer["count"] > 0
    return answer


def test_the_python_client(rest: RestClient, job: str) -> None:
    """It takes the service for Elasticsearch, and gets what curl gets."""
    host, port = rest.address
    with Elasticsearch(f"http://{host}:{port}") as client:
        assert client.ml.get_influencers(job_id=job).body == over_rest(rest, "influencers")
        narrowed = client.ml.get_influencers(
            job_id=job, sort="timestamp", desc=False, influencer_score=1, start="-1", size=3
        )
        query = "influencers?sort=timestamp&desc=false&influencer_score=1&size=3"
        assert narrowed.body == over_rest(rest, query)
        paged = client.ml.get_influencers(job_id=job, page={"from": 1, "size": 2})
        assert paged.body == over_rest(rest, "influencers?from=1&size=2")
        assert client.ml.get_records(job_id=job).body == over_rest(rest, "records")
        assert client.ml.get_buckets(job_id=job).body == over_rest(rest, "buckets")
        overall = client.ml.get_overall_buckets(job_id=job, top_n=1)
        assert overall.body == over_rest(rest, "overall_buckets?top_n=1")
        with pytest.raises(elasticsearch.BadRequestError, match="is not open"):
            client.ml.flush_job(job_id=job, calc_interim=True)
        with pytest.raises(elasticsearch.NotFoundError, match="No known job with id 'nobody'"):
            client.ml.get_influencers(job_id="nobody")
        with pytest.raises(elasticsearch.BadRequestError, match="No mapping found"):
            client.ml.get_influencers(job_id=job, sort="colour")


def test_its_media_type_comes_back(rest: RestClient, job: str) -> None:
    """Clients of Elasticsearch ask for a type of their own, with their version in it."""
    accept = "application/vnd.elasticsearch+json; compatible-with=8"
    answer = rest("GET", f"{RESULTS}/influencers", headers={"accept": accept})
    expected = "application/vnd.elasticsearch+json;compatible-with=8"
    assert answer.headers["content-type"] == expected
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    plain = rest("GET", f"{RESULTS}/influencers")
    assert plain.headers["content-type"] == "application/json; charset=UTF-8"


def test_the_javascript_client(rest: RestClient, job: str) -> None:
    """The same, from JavaScript."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    if not (NODE / "node_modules" / "@elastic" / "elasticsearch").exists():
        install = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
        subprocess.run(install, cwd=NODE, check=True, timeout=300)
    host, port = rest.address
    command = ["node", str(NODE / "get_influencers.mjs"), f"http://{host}:{port}", job]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    printed = json.loads(done.stdout)
    assert printed["all"] == over_rest(rest, "influencers?size=50")
    query = "influencers?sort=timestamp&desc=false&influencer_score=1&exclude_interim"
    assert printed["narrowed"] == over_rest(rest, query)
    assert printed["records"] == over_rest(rest, "records?size=50")
    assert printed["buckets"] == over_rest(rest, "buckets?anomaly_score=1")
    assert printed["unknown"] == {"status": 404, "type": "resource_not_found_exception"}
