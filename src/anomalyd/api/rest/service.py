"""REST routes of the service itself: its name, and the dashboard's files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources

from anomalyd.api.rest.call import Answer, Call, Operation
from anomalyd.errors import NoHandler

COMPATIBLE_WITH = "7.10.2"
"""The version of Elasticsearch whose API the document routes follow."""

_MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=UTF-8",
    ".css": "text/css; charset=UTF-8",
    ".js": "text/javascript; charset=UTF-8",
}
# The page loads its own files and talks to its own origin.
_POLICY = "default-src 'self'; img-src 'self' data:"


class ServiceRoutes:
    """Answers the routes that belong to no resource.

    Args:
        node_id: of this process.
        version: of anomalyd.
    """

    def __init__(self, *, node_id: str, version: str) -> None:
        self._node_id = node_id
        self._version = version
        self._files = _dashboard_files()

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {
            "GetInfo": Operation(handle=self.info),
            "GetDashboard": Operation(handle=self.dashboard),
        }

    def info(self, call: Call) -> Answer:
        """Name the service and its version, in the form that Elasticsearch clients look for."""
        del call
        document = {
            "name": self._node_id,
            "cluster_name": "anomalyd",
            "cluster_uuid": self._node_id,
            "version": {
                "number": COMPATIBLE_WITH,
                "distribution": "anomalyd",
                "build_version": self._version,
            },
            "tagline": "anomalies in time series",
        }
        return Answer(document=document)

    def dashboard(self, call: Call) -> Answer:
        """Send a file of the dashboard; the folder's path without a slash leads to the folder."""
        name = call.variables.get("file", "")
        if not name and not call.path.endswith("/"):
            return Answer(content=b"", status=301, headers=(("location", f"{call.path}/"),))
        content = self._files.get(name or "index.html")
        if content is None:
            raise NoHandler(f"no handler found for uri [{call.path}] and method [{call.method}]")
        digest = hashlib.sha256(content).hexdigest()[:16]
        headers = (
            ("content-security-policy", _POLICY),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-cache"),
            ("etag", f'"{digest}"'),
        )
        suffix = "." + (name or "index.html").rpartition(".")[2]
        return Answer(content=content, content_type=_MEDIA_TYPES[suffix], headers=headers)


def _dashboard_files() -> Mapping[str, bytes]:
    folder = resources.files("anomalyd.dashboard")
    return {
        each.name: each.read_bytes()
        for each in folder.iterdir()
        if any(each.name.endswith(suffix) for suffix in _MEDIA_TYPES)
    }
