"""The real Envoy in front of the real service: what only the two together can show."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest

from anomalyd.gateway_process import GatewayProcess, GatewaySettings
from anomalyd.running import LONGEST_BODY, RunningService
from anomalyd.schedule.clock import SystemClock
from anomalyd.v1 import detector_service_pb2, detector_service_pb2_grpc
from tests.support.rest import RestAnswer, RestClient

API = "/_anomaly_detection/api"
ES_ERROR = {"root_cause", "type", "reason"}


def is_an_elasticsearch_error(answer: RestAnswer) -> bool:
    """Tell whether the body has the form of Elasticsearch's errors, with the HTTP status."""
    body = answer.json
    cause = body["error"]["root_cause"][0]
    return (
        answer.headers["content-type"].startswith("application/json")
        and body["status"] == answer.status
        and set(body["error"]) >= ES_ERROR
        and (cause["type"], cause["reason"]) == (body["error"]["type"], body["error"]["reason"])
    )


def test_get_with_a_body(rest: RestClient) -> None:
    """The body of a GET arrives, with a length and in chunks."""
    body = {"size": 0, "query": {"match_all": {}}}
    assert rest("GET", f"{API}/detectors/_search", body).status == 200
    chunks = iter([b'{"si', b'ze": 0}'])
    connection = http.client.HTTPConnection(*rest.address)
    connection.request(
        "GET",
        f"{API}/detectors/_search",
        chunks,
        {"content-type": "application/json"},
        encode_chunked=True,
    )
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["hits"]["hits"]) == (200, [])
    connection.close()


def test_pretty_and_filter_path(rest: RestClient) -> None:
    """The common options work on every path."""
    plain = rest("GET", "/?filter_path=version.number,tagline")
    assert plain.body == b'{"version":{"number":"7.10.2"},"tagline":"anomalies in time series"}'
    pretty = rest("GET", "/?pretty&filter_path=version.number&human&error_trace=false&format=json")
    assert pretty.body == b'{\n  "version": {\n    "number": "7.10.2"\n  }\n}\n'
    failed = rest("GET", f"{API}/detectors/x?pretty")
    assert failed.body.startswith(b'{\n  "error": {\n')


def test_unknown_path(rest: RestClient) -> None:
    """400 with the words of Elasticsearch's router."""
    answer = rest("GET", "/no/such/path?x=1")
    assert (answer.status, answer.json) == (
        400,
        {"error": "no handler found for uri [/no/such/path] and method [GET]"},
    )


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_unknown_method(rest: RestClient, method: str) -> None:
    """405 with the methods that would be right, in the body and in Allow."""
    answer = rest(method, f"{API}/detectors/_preview")
    assert answer.status == answer.json["status"] == 405
    assert answer.json["error"] == (
        f"Incorrect HTTP method for uri [{API}/detectors/_preview] and method [{method}], "
        "allowed: [POST]"
    )
    assert answer.headers["allow"] == "POST"


def test_a_method_that_no_route_has(rest: RestClient) -> None:
    """The gateway itself refuses TRACE, in the same form."""
    answer = rest("TRACE", "/")
    assert answer.status == answer.json["status"] == 405
    assert answer.json["error"].startswith("Incorrect HTTP method for uri [/] and method [TRACE]")


def test_options(rest: RestClient) -> None:
    """OPTIONS tells the methods of a path."""
    answer = rest("OPTIONS", "/logs")
    assert (answer.status, answer.headers["allow"]) == (200, "DELETE, HEAD, PUT")


@pytest.mark.parametrize("query", ["nosuch=1", "nosuch", "id=y", "body.data=eA", "detector_id=y"])
def test_unknown_parameter(rest: RestClient, query: str) -> None:
    """Every unknown parameter is refused, also one that the transcoder could bind to a field."""
    answer = rest("GET", f"{API}/detectors/x?{query}")
    name = query.partition("=")[0]
    assert answer.status == 400
    assert is_an_elasticsearch_error(answer)
    assert answer.reason == (
        f"request [{API}/detectors/x] contains unrecognized parameter: [{name}]"
    )


def test_malformed_json(rest: RestClient) -> None:
    """The body's error is ours to tell, not the transcoder's: no lenient JSON, a place."""
    for body in (b'{"name": "x", ', b"{name: 1}", b"{'a': 1}"):
        answer = rest("POST", f"{API}/detectors", body)
        assert answer.status == 400
        assert is_an_elasticsearch_error(answer)
        assert answer.json["error"]["type"] == "json_parse_exception"
        assert "line 1, column" in answer.reason


def test_array_as_body(rest: RestClient) -> None:
    """The error has Elasticsearch's line and column."""
    answer = rest("POST", f"{API}/detectors", b"[]")
    assert answer.status == 400
    assert answer.json["error"]["line"] == answer.json["error"]["col"] == 1
    assert "[START_OBJECT] but found [START_ARRAY]" in answer.reason


def test_media_type(rest: RestClient) -> None:
    """A body that says it is something else is refused; what curl says by itself is read."""
    answer = rest("POST", f"{API}/detectors", b"x", headers={"content-type": "text/plain"})
    assert (answer.status, answer.json) == (
        406,
        {"error": "Content-Type header [text/plain] is not supported", "status": 406},
    )
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert rest("POST", f"{API}/detectors/_search", b'{"size":0}', headers=form).status == 200


def test_head(rest: RestClient) -> None:
    """HEAD has the status and no body."""
    assert (rest("HEAD", "/").status, rest("HEAD", "/").body) == (200, b"")
    assert rest("HEAD", "/nosuchindex").status == 404


def test_a_path_that_is_not_text(rest: RestClient) -> None:
    """A broken escape is the caller's mistake: 400, not 500."""
    answer = rest("GET", "/%FF/_search")
    assert answer.status == 400
    assert is_an_elasticsearch_error(answer)


def test_escaped_slashes_stay(rest: RestClient) -> None:
    """%2F is part of a name, not a step of the path."""
    answer = rest("GET", "/a%2Fb/_search")
    assert answer.status in (400, 404)
    assert "a/b" in answer.reason


def test_gzipped_answers(rest: RestClient) -> None:
    """An answer is compressed for those who ask, and the same as without."""
    plain = rest("GET", "/_dashboard/")
    packed = rest("GET", "/_dashboard/", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < len(plain.body)
    assert gzip.decompress(packed.body) == plain.body


def test_gzipped_requests(rest: RestClient) -> None:
    """A gzipped body is read whole; a broken one is refused whole."""
    packed = gzip.compress(b'{"size": 0}' + b" " * 1_000_000)
    headers = {"content-encoding": "gzip"}
    assert rest("POST", f"{API}/detectors/_search", packed, headers=headers).status == 200
    broken = rest("POST", f"{API}/detectors/_search", packed[:-20], headers=headers)
    assert (broken.status, is_an_elasticsearch_error(broken)) == (400, True)
    assert "not valid gzip" in broken.reason


def test_a_body_of_100_mb(rest: RestClient) -> None:
    """The longest body passes."""
    body = b'{"size": 0}'.ljust(LONGEST_BODY)
    assert rest("POST", f"{API}/detectors/_search", body).status == 200


def test_a_longer_body(rest: RestClient) -> None:
    """One byte more is 413 in Elasticsearch's form, compressed or not."""
    answer = send_while_it_lasts(rest, b" " * (LONGEST_BODY + 1))
    assert answer.status == 413
    assert is_an_elasticsearch_error(answer)
    assert str(LONGEST_BODY) in answer.reason
    packed = gzip.compress(b" " * (LONGEST_BODY + 1), compresslevel=1)
    zipped = rest("POST", "/_bulk", packed, headers={"content-encoding": "gzip"})
    assert (zipped.status, zipped.reason) == (413, answer.reason)


def send_while_it_lasts(rest: RestClient, body: bytes) -> RestAnswer:
    """Send a body that the other side will not read to its end, and read its answer."""
    host, port = rest.address
    with socket.create_connection((host, port), timeout=60) as connection:
        head = (
            f"POST /_bulk HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(body)
        response = http.client.HTTPResponse(connection)
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return RestAnswer(response.status, headers, response.read())


def test_forged_paths_are_ignored(rest: RestClient) -> None:
    """Only the gateway says what the original path was."""
    forged = {"x-envoy-original-path": "/", "x-envoy-original-method": "DELETE"}
    answer = rest("GET", f"{API}/detectors/x", headers=forged)
    assert (answer.status, answer.reason) == (404, "Can't find detector with id: x")


def test_typed_services_are_not_behind_the_rest_port(rest: RestClient) -> None:
    """The paths of gRPC methods are paths like any other here."""
    answer = rest("POST", "/anomalyd.v1.DetectorService/GetDetector", {"id": "x"})
    assert answer.status == 400
    assert "no handler found" in answer.json["error"]


def test_grpc_on_the_rest_port(service: RunningService) -> None:
    """A gRPC client that has mistaken the port is told so."""
    with grpc.insecure_channel(urlsplit(service.rest_address or "").netloc) as channel:
        stub = detector_service_pb2_grpc.DetectorServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.GetDetector(detector_service_pb2.GetDetectorRequest(id="x"))
    assert "gRPC has a port of its own" in caught.value.details()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_another_origin_are_refused(rest: RestClient, origin: str) -> None:
    """A browser sends the origin of the page; only our own dashboard's is let in."""
    answer = rest("POST", f"{API}/detectors/_search", {"size": 0}, headers={"origin": origin})
    assert (answer.status, is_an_elasticsearch_error(answer)) == (403, True)
    ours = {"origin": "http://{}:{}".format(*rest.address)}
    assert rest("POST", f"{API}/detectors/_search", {"size": 0}, headers=ours).status == 200


def test_request_ids(rest: RestClient) -> None:
    """The caller's id comes back; without one the gateway makes one."""
    assert rest("GET", "/", headers={"x-request-id": "mine"}).headers["x-request-id"] == "mine"
    assert len(rest("GET", "/").headers["x-request-id"]) > 10


def test_inner_headers_stay_inside(rest: RestClient) -> None:
    """Nothing of gRPC or of Envoy's own shows."""
    for path in ("/", f"{API}/detectors/x"):
        names = set(rest("GET", path).headers)
        assert not {name for name in names if name.startswith(("grpc", "x-envoy", "x-http"))}


@pytest.fixture
def gateway_to_nowhere(tmp_path: Path) -> Iterator[RestClient]:
    """A gateway whose service is not there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings = GatewaySettings(
            host="127.0.0.1",
            rest_port=0,
            upstream_host="127.0.0.1",
            upstream_port=unused.getsockname()[1],
            folder=tmp_path,
        )
        gateway = GatewayProcess(settings, SystemClock())
        gateway.start()
        with RestClient(f"http://127.0.0.1:{gateway.port}") as client:
            yield client
        gateway.stop()


def test_a_folder_with_a_long_path(tmp_path: Path) -> None:
    """Sockets have short paths; the gateway starts wherever the data directory is."""
    folder = tmp_path / ("deep-" * 30)
    settings = GatewaySettings(
        host="127.0.0.1", rest_port=0, upstream_host="127.0.0.1", upstream_port=1, folder=folder
    )
    gateway = GatewayProcess(settings, SystemClock())
    gateway.start()
    assert gateway.port > 0
    gateway.stop()
    assert (folder / "envoy.yaml").exists()


def test_the_service_is_down(gateway_to_nowhere: RestClient) -> None:
    """503 in Elasticsearch's form, with the time to wait."""
    answer = gateway_to_nowhere("GET", f"{API}/detectors/x")
    assert answer.status == 503
    assert is_an_elasticsearch_error(answer)
    assert answer.headers["retry-after"] == "1"
    assert answer.reason == "the service behind the gateway does not answer"


def test_an_answer_as_yaml(rest: RestClient) -> None:
    """Errors, too."""
    answer = rest("GET", f"{API}/detectors/count?format=yaml")
    assert answer.headers["content-type"] == "application/yaml; charset=UTF-8"
    assert answer.body.startswith(b"---\nmatch: ")
    refused = rest("GET", f"{API}/detectors/nosuch?format=yaml")
    assert refused.status == 404
    assert refused.body.startswith(b"---\nerror:\n  root_cause:\n  - type: ")
