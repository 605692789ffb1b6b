"""The part of Elasticsearch's document API that loads data, and the stock bulk helper on it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest
from opensearchpy import OpenSearch, helpers

from anomalyd.running import RunningService
from tests.support.rest import RestClient
from tests.support.shapes import shape

WRITE = [
    ("_index", str),
    ("_id", str),
    ("_version", int),
    ("result", str),
    ("_shards", [("total", int), ("successful", int), ("failed", int)]),
    ("_seq_no", int),
    ("_primary_term", int),
]


@pytest.fixture
def opensearch(service: RunningService) -> Iterator[OpenSearch]:
    client = OpenSearch(service.rest_address, timeout=60, http_compress=True)
    yield client
    client.close()


def test_info(rest: RestClient) -> None:
    """Clients ask for name and version first; some look for the product header."""
    answer = rest("GET", "/")
    assert answer.status == 200
    assert answer.json["version"]["number"] == "7.10.2"
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    assert rest("HEAD", "/").status == 200


def test_index_life(rest: RestClient) -> None:
    """Create, exists, mapping, more mapping, delete."""
    body = {"mappings": {"properties": {"t": {"type": "date"}}}}
    created = rest("PUT", "/life", body)
    assert (created.status, created.json) == (
        200,
        {"acknowledged": True, "shards_acknowledged": True, "index": "life"},
    )
    again = rest("PUT", "/life")
    assert (again.status, again.json["error"]["type"]) == (
        400,
        "resource_already_exists_exception",
    )
    assert rest("HEAD", "/life").status == 200
    added = rest("PUT", "/life/_mapping", {"properties": {"host": {"type": "keyword"}}})
    assert added.json == {"acknowledged": True}
    mapping = rest("GET", "/life/_mapping").json
    assert mapping["life"]["mappings"]["properties"]["host"] == {"type": "keyword"}
    assert "life" in rest("GET", "/_mapping").json
    assert rest("DELETE", "/life").json == {"acknowledged": True}
    assert rest("HEAD", "/life").status == 404
    gone = rest("DELETE", "/life")
    assert (gone.status, gone.json["error"]["type"]) == (404, "index_not_found_exception")
    assert rest("DELETE", "/life?ignore_unavailable=true").status == 200


def test_bad_index_names(rest: RestClient) -> None:
    """An index name with capitals is refused as Elasticsearch does."""
    answer = rest("PUT", "/Capital")
    assert (answer.status, answer.json["error"]["type"]) == (400, "invalid_index_name_exception")


def test_our_own_indices_are_safe(rest: RestClient) -> None:
    """Detectors and results cannot be changed or deleted through the document API."""
    for method, path in (
        ("DELETE", "/.searchguard-ad-anomaly-detectors"),
        ("PUT", "/.searchguard-ad-other"),
    ):
        assert rest(method, path).status == 400


def test_one_document(rest: RestClient) -> None:
    """Write, read, replace, create only, delete."""
    made = rest("PUT", "/one/_doc/1?refresh=wait_for", {"a": 1})
    assert (made.status, made.headers["location"]) == (201, "/one/_doc/1")
    assert shape(made.json) == WRITE
    found = rest("GET", "/one/_doc/1")
    assert list(found.json) == [
        "_index",
        "_id",
        "_version",
        "_seq_no",
        "_primary_term",
        "found",
        "_source",
    ]
    assert found.json["_source"] == {"a": 1}
    replaced = rest("PUT", "/one/_doc/1", {"a": 2})
    assert (replaced.status, replaced.json["result"], replaced.json["_version"]) == (
        200,
        "updated",
        2,
    )
    refused = rest("PUT", "/one/_create/1", {"a": 3})
    assert (refused.status, refused.json["error"]["type"]) == (
        409,
        "version_conflict_engine_exception",
    )
    assert rest("PUT", "/one/_doc/1?op_type=create", {"a": 3}).status == 409
    named = rest("POST", "/one/_doc", {"a": 4})
    assert (named.status, len(named.json["_id"])) == (201, 20)
    assert rest("DELETE", "/one/_doc/1").json["result"] == "deleted"
    again = rest("DELETE", "/one/_doc/1")
    assert (again.status, again.json["result"]) == (404, "not_found")
    missing = rest("GET", "/one/_doc/1")
    assert (missing.status, missing.json) == (
        404,
        {"_index": "one", "_id": "1", "found": False},
    )
    assert rest("HEAD", "/one/_doc/1").status == 404


def test_a_document_must_be_an_object(rest: RestClient) -> None:
    """A body that is no object, or none at all, is the caller's mistake."""
    assert rest("PUT", "/one/_doc/x", [1]).json["error"]["type"] == "parsing_exception"
    assert rest("PUT", "/one/_doc/x", b"{").json["error"]["type"] == "json_parse_exception"
    assert rest("PUT", "/one/_doc/x").json["error"]["type"] == "parse_exception"


def test_search_count_refresh(rest: RestClient) -> None:
    """Search with a body or with parameters; count; refresh."""
    lines = b"".join(b'{"index":{"_id":"%d"}}\n{"n":%d}\n' % (i, i) for i in range(20))
    assert rest("POST", "/counted/_bulk?refresh=true", lines).json["errors"] is False
    query = {"query": {"range": {"n": {"gte": 15}}}}
    found = rest("POST", "/counted/_search", {**query, "sort": [{"n": "desc"}], "size": 2}).json
    assert list(found) == ["took", "timed_out", "_shards", "hits"]
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["19", "18"]
    assert found["hits"]["total"] == {"value": 5, "relation": "eq"}
    assert len(rest("GET", "/counted/_search?size=3&from=18").json["hits"]["hits"]) == 2
    assert rest("GET", "/counted/_count", query).json["count"] == 5
    assert rest("GET", "/count*/_count").json == {
        "count": 20,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
    }
    assert rest("POST", "/counted/_refresh").json["_shards"]["failed"] == 0
    wrong = rest("POST", "/counted/_count", {"size": 1})
    assert (wrong.status, wrong.reason) == (400, "request does not support [size]")


def test_numbers_of_documents_are_exact(rest: RestClient) -> None:
    """What was written comes back digit for digit, in its order."""
    text = b'{"b":1.0,"a":9007199254740993,"c":1e-10,"d":{"y":null,"x":[]}}'
    assert rest("PUT", "/exact/_doc/1", text).status == 201
    body = rest("GET", "/exact/_doc/1").body
    source = json.loads(body, parse_float=str, parse_int=str)["_source"]
    assert list(source) == ["b", "a", "c", "d"]
    assert source["b"] == "1.0"
    assert source["a"] == "9007199254740993"
    assert list(source["d"]) == ["y", "x"]


def test_any_name_of_a_field(rest: RestClient) -> None:
    """Also one that no SQL statement could hold; the document comes back as it was."""
    document = {"\0a": 1, "a\0": {"\0": "x"}, '"; --': 2, " a": 3}
    assert rest("PUT", "/odd_names/_doc/1", document).status == 201
    assert rest("GET", "/odd_names/_doc/1").json["_source"] == document


def test_bulk_reports_per_item(rest: RestClient) -> None:
    """One bad document fails alone; the answer says which and why."""
    rest("PUT", "/items", {"mappings": {"properties": {"n": {"type": "long"}}}})
    body = (
        b'{"index":{"_id":"1"}}\n{"n":1}\n'
        b'{"create":{"_id":"1"}}\n{"n":2}\n'
        b'{"index":{"_id":"2"}}\n{"n":"many"}\n'
        b'{"delete":{"_id":"1"}}\n'
    )
    answer = rest("POST", "/items/_bulk", body)
    assert answer.status == 200
    assert list(answer.json) == ["took", "errors", "items"]
    assert answer.json["errors"] is True
    good, taken, bad, deleted = answer.json["items"]
    assert shape(good["index"]) == [*WRITE, ("status", int)]
    assert (good["index"]["status"], good["index"]["result"]) == (201, "created")
    assert list(taken["create"]) == ["_index", "_id", "status", "error"]
    assert (taken["create"]["status"], taken["create"]["error"]["type"]) == (
        409,
        "version_conflict_engine_exception",
    )
    assert (bad["index"]["status"], bad["index"]["error"]["type"]) == (
        400,
        "mapper_parsing_exception",
    )
    assert (deleted["delete"]["status"], deleted["delete"]["result"]) == (200, "deleted")


@pytest.mark.parametrize("body", [b"garbage\n", b"", b'{"index":{}}\n{"a":1}'])
def test_a_body_that_is_no_bulk_body(rest: RestClient, body: bytes) -> None:
    """The request fails as a whole, and nothing is written."""
    answer = rest("POST", "/never/_bulk", body)
    assert answer.status == 400
    assert rest("HEAD", "/never").status == 404


def test_a_gzipped_bulk_body_arrives_whole(rest: RestClient) -> None:
    """Very compressible bodies too: all documents are there."""
    body = b'{"index":{}}\n{"a":1,"b":"hello world"}\n' * 5000
    answer = rest(
        "POST", "/zipped/_bulk", gzip.compress(body), headers={"content-encoding": "gzip"}
    )
    assert answer.json["errors"] is False
    assert rest("GET", "/zipped/_count").json["count"] == 5000


def test_the_stock_bulk_helper(opensearch: OpenSearch) -> None:
    """opensearch-py loads documents as it does into OpenSearch, with its own gzip."""
    actions = ({"_index": "helped", "_id": str(i), "n": i} for i in range(2500))
    succeeded, errors = helpers.bulk(opensearch, actions, chunk_size=1000, refresh=True)
    assert (succeeded, errors) == (2500, [])
    assert opensearch.count(index="helped")["count"] == 2500
    assert opensearch.indices.exists(index="helped")
    assert opensearch.get(index="helped", id="7")["_source"] == {"n": 7}
    found = opensearch.search(index="helped", body={"query": {"term": {"n": 7}}})
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["7"]
    assert len(list(helpers.streaming_bulk(opensearch, [{"_index": "helped", "n": 1}]))) == 1
    opensearch.indices.delete(index="helped", ignore_unavailable=True)


def test_the_dashboard(rest: RestClient) -> None:
    """The page and its files, with a policy that lets it talk to its own origin only."""
    assert rest("GET", "/_dashboard").headers["location"] == "/_dashboard/"
    page = rest("GET", "/_dashboard/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert (
        rest("GET", "/_dashboard/dashboard.js")
        .headers["content-type"]
        .startswith("text/javascript")
    )
    assert rest("GET", "/_dashboard/__init__.py").status == 400
    assert rest("GET", "/_dashboard/..%2F..%2Ferrors.py").status == 400
