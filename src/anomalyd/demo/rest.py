"""The documented REST API as the demonstration uses it: plain HTTP, plain JSON."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from anomalyd.errors import AnomalydError

TIMEOUT = 60.0
API = "_anomaly_detection/api"
PAGE = 10_000
"""The most hits that one search answers with."""


class RequestRefused(AnomalydError):
    """The service answered with an error; the reason is the service's.

    Args:
        status: HTTP status.
        reason: what the body says.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status


class RestClient:
    """Sends requests through the gateway.

    Args:
        base: ``http://host:port``.
    """

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send one request and return the answer's JSON. Raises: RequestRefused."""
        request = urllib.request.Request(  # noqa: S310 - always http
            f"{self.base}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
                content: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise RequestRefused(error.code, _reason(error.read())) from error
        except urllib.error.URLError as error:
            raise RequestRefused(503, f"{self.base} does not answer: {error.reason}") from error
        return content

    def create_detector(self, document: Mapping[str, Any]) -> str:
        """Create a detector and return its id."""
        answer = self.request("POST", f"{API}/detectors", document)
        return str(answer["_id"])

    def start_historical(self, detector_id: str, start: int, end: int) -> str:
        """Start a historical analysis of ``[start, end)`` and return the task's id."""
        body = {"start_time": start, "end_time": end}
        answer = self.request("POST", f"{API}/detectors/{detector_id}/_start", body)
        return str(answer["_id"])

    def historical_task(self, detector_id: str) -> dict[str, Any]:
        """Return the detector's latest historical task."""
        answer = self.request("GET", f"{API}/detectors/{detector_id}?task=true")
        task: dict[str, Any] = answer["historical_analysis_task"]
        return task

    def search_results(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Search results and return the answer's ``hits``."""
        answer = self.request("POST", f"{API}/detectors/results/_search", body)
        hits: dict[str, Any] = answer["hits"]
        return hits


def _reason(body: bytes) -> str:
    """Return the reason of an error body, or the body itself when it has another form."""
    try:
        error = json.loads(body)["error"]
        return str(error["reason"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:500]
