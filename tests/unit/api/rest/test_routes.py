"""Which operation a path and method mean."""

from __future__ import annotations

import pytest

from anomalyd.api.rest.routes import RouteTable, declared_routes
from anomalyd.errors import IllegalArgument, MethodNotAllowed, NoHandler

API = "/_anomaly_detection/api"
PLUGIN = "/_plugins/_anomaly_detection"

# every documented path: method, path below the API's prefix, operation, variables
DOCUMENTED = [
    ("POST", "/detectors", "CreateDetector", {}),
    ("POST", "/detectors/_validate", "ValidateDetector", {}),
    ("POST", "/detectors/_validate/detector", "ValidateDetector", {"type": "detector"}),
    ("POST", "/detectors/_validate/model", "ValidateDetector", {"type": "model"}),
    ("POST", "/detectors/_suggest/history", "SuggestParameters", {"type": "history"}),
    ("GET", "/detectors/d1", "GetDetector", {"detector_id": "d1"}),
    ("HEAD", "/detectors/d1", "GetDetector", {"detector_id": "d1"}),
    ("PUT", "/detectors/d1", "UpdateDetector", {"detector_id": "d1"}),
    ("DELETE", "/detectors/d1", "DeleteDetector", {"detector_id": "d1"}),
    ("POST", "/detectors/_preview", "PreviewDetector", {}),
    ("POST", "/detectors/d1/_preview", "PreviewDetector", {"detector_id": "d1"}),
    ("POST", "/detectors/d1/_start", "StartDetector", {"detector_id": "d1"}),
    ("POST", "/detectors/d1/_stop", "StopDetector", {"detector_id": "d1"}),
    ("GET", "/detectors/_search", "SearchDetectors", {}),
    ("POST", "/detectors/_search", "SearchDetectors", {}),
    ("GET", "/detectors/tasks/_search", "SearchTasks", {}),
    ("POST", "/detectors/tasks/_search", "SearchTasks", {}),
    ("GET", "/detectors/results/_search", "SearchResults", {}),
    ("POST", "/detectors/results/_search/", "SearchResults", {}),
    ("GET", "/detectors/results/_search/ri", "SearchResults", {"result_index": "ri"}),
    ("POST", "/detectors/results/_search/ri", "SearchResults", {"result_index": "ri"}),
    ("GET", "/detectors/d1/results/_topAnomalies", "GetTopAnomalies", {"detector_id": "d1"}),
    ("POST", "/detectors/d1/results/_topAnomalies", "GetTopAnomalies", {"detector_id": "d1"}),
    ("GET", "/stats", "GetStats", {}),
    ("GET", "/n1/stats", "GetStats", {"node_id": "n1"}),
    ("GET", "/n1/stats/model_count", "GetStats", {"node_id": "n1", "stat": "model_count"}),
    ("GET", "/stats/model_count", "GetStats", {"stat": "model_count"}),
    ("GET", "/detectors/d1/_profile/", "GetProfile", {"detector_id": "d1"}),
    ("GET", "/detectors/d1/_profile", "GetProfile", {"detector_id": "d1"}),
    ("GET", "/detectors/d1/_profile/a,b", "GetProfile", {"detector_id": "d1", "type": "a,b"}),
    ("DELETE", "/detectors/results", "DeleteResults", {}),
]

OTHERS = [
    ("GET", "/", "GetInfo", {}),
    ("HEAD", "/", "GetInfo", {}),
    ("GET", "/_ml/anomaly_detectors/j/results/influencers", "GetInfluencers", {"job_id": "j"}),
    ("PUT", "/logs", "CreateIndex", {"index": "logs"}),
    ("DELETE", "/logs-*,web", "DeleteIndex", {"index": "logs-*,web"}),
    ("HEAD", "/logs", "IndexExists", {"index": "logs"}),
    ("GET", "/logs/_mapping", "GetMapping", {"index": "logs"}),
    ("GET", "/_mapping", "GetMapping", {}),
    ("PUT", "/logs/_mapping", "PutMapping", {"index": "logs"}),
    ("POST", "/_bulk", "Bulk", {}),
    ("PUT", "/logs/_bulk", "Bulk", {"index": "logs"}),
    ("POST", "/logs/_doc", "IndexDocument", {"index": "logs"}),
    ("PUT", "/logs/_doc/1", "IndexDocument", {"index": "logs", "id": "1"}),
    ("PUT", "/logs/_create/1", "CreateDocument", {"index": "logs", "id": "1"}),
    ("GET", "/logs/_doc/1", "GetDocument", {"index": "logs", "id": "1"}),
    ("DELETE", "/logs/_doc/1", "DeleteDocument", {"index": "logs", "id": "1"}),
    ("POST", "/logs/_search", "SearchDocuments", {"index": "logs"}),
    ("GET", "/_all/_search", "SearchDocuments", {"index": "_all"}),
    ("GET", "/_search", "SearchDocuments", {}),
    ("GET", "/logs/_count", "CountDocuments", {"index": "logs"}),
    ("POST", "/logs/_refresh", "RefreshIndex", {"index": "logs"}),
    ("GET", "/_dashboard/", "GetDashboard", {}),
    ("GET", "/_dashboard/chart.js", "GetDashboard", {"file": "chart.js"}),
]


@pytest.fixture(scope="module")
def table() -> RouteTable:
    return RouteTable(declared_routes())


@pytest.mark.parametrize("prefix", [API, PLUGIN])
@pytest.mark.parametrize(("method", "path", "operation", "variables"), DOCUMENTED)
def test_documented_paths(
    table: RouteTable,
    prefix: str,
    method: str,
    path: str,
    operation: str,
    variables: dict[str, str],
) -> None:
    """Every documented path works under both prefixes."""
    match = table.match(method, prefix + path)
    assert (match.operation, match.variables) == (operation, variables)


@pytest.mark.parametrize(("method", "path", "operation", "variables"), OTHERS)
def test_other_paths(
    table: RouteTable, method: str, path: str, operation: str, variables: dict[str, str]
) -> None:
    """The document API of the embedded source, the influencers and the dashboard."""
    match = table.match(method, path)
    assert (match.operation, match.variables) == (operation, variables)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", f"{API}/detectors", "POST"),
        ("PUT", f"{API}/detectors", "POST"),
        ("GET", f"{API}/detectors/_preview", "POST"),
        ("GET", f"{API}/detectors/d1/_start", "POST"),
        ("GET", f"{API}/detectors/results", "DELETE"),
        ("DELETE", f"{API}/detectors/_search", "GET, POST"),
        ("PATCH", f"{API}/detectors/d1", "DELETE, GET, HEAD, PUT"),
        ("GET", "/logs", "DELETE, HEAD, PUT"),
    ],
)
def test_the_path_decides_and_the_method_is_checked(
    table: RouteTable, method: str, path: str, allowed: str
) -> None:
    """A known path with another method is refused with the methods that would be right."""
    with pytest.raises(MethodNotAllowed) as caught:
        table.match(method, path)
    assert caught.value.details["allowed"] == allowed
    assert caught.value.reason == (
        f"Incorrect HTTP method for uri [{path}] and method [{method}], allowed: [{allowed}]"
    )


@pytest.mark.parametrize(
    "path", ["/no/such/path", f"{API}/nothing", "/_nosuch", "/_nosuch/_search", f"{API}/a/b/c/d"]
)
def test_unknown_paths(table: RouteTable, path: str) -> None:
    """No template has this form; what begins with an underscore is no index."""
    with pytest.raises(NoHandler) as caught:
        table.match("GET", path)
    assert caught.value.reason == f"no handler found for uri [{path}] and method [GET]"


def test_segments_are_decoded_once(table: RouteTable) -> None:
    """%2F does not split a segment, %25 stays a per cent sign, + stays a plus."""
    match = table.match("GET", "/a%2Fb%2520c+d/_doc/%C3%A9")
    assert match.variables == {"index": "a/b%20c+d", "id": "é"}


def test_a_path_that_is_not_text_is_refused(table: RouteTable) -> None:
    """Bytes that are not UTF-8 are the caller's mistake, not ours."""
    with pytest.raises(IllegalArgument, match="not UTF-8"):
        table.match("GET", "/%FF/_search")


def test_ids_may_begin_with_an_underscore(table: RouteTable) -> None:
    """Generated ids are URL-safe base64, which has underscores."""
    match = table.match("GET", f"{API}/detectors/_-x")
    assert match.variables == {"detector_id": "_-x"}
