"""Sends the requests of the API document in its order, with ids and times that exist here."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.contract.document.blocks import Document, Request
from tests.contract.document.service import API, ENDED, Subject
from tests.support.rest import RestAnswer

DOCUMENTED_NOW = 1_633_394_460_000
"""The end of the examples' time range, at a full minute."""
DOCUMENTED_TIMES = range(1_600_000_000_000, 1_700_000_000_000)
RUN_MINUTES = 3_000
NOTHING_SINCE_MINUTES = 660
DEADLINE_SECONDS = 30.0

Send = Callable[[Request], RestAnswer]

# Endpoints that the document lists without the body they need: the line whose body they borrow.
BORROWED = {325: 336, 326: 337, 329: 413, 2063: 2221, 2068: 2221, 2074: 2221, 2079: 2221}
# The example is sent to a system that has no detector of its name yet.
RENAMED = frozenset({325, 326, 329, 336, 337, 413})
# Which of our detectors takes the place of the example's, from which line on.
PARTS = (
    (3069, "example"),
    (2900, "past"),
    (2882, "several"),
    (2387, "pair"),
    (2327, "several"),
    (1664, "example"),
    (1628, "single"),
    (1136, "disposable"),
    (0, "single"),
)
DELETED = 1136
PREVIEWED = 1137
# Before this line our detectors have analysed the past.
ANALYSED = 1664
# At these lines the detector runs in real time, at those it does not.
LIVE = frozenset({596, 714})
CALM = frozenset({1000, 1583})
# What is watched in real time from ANALYSED on.
WATCHED = ("example", "pair", "several", "plain")
# At these lines an analysis is under way.
UNDER_WAY = frozenset({2574, 2738, 2915, 2916})

_INTERFACE = {
    "features": {
        "test_feature": {
            "aggregationBy": "sum",
            "aggregationOf": "value",
            "featureType": "simple_aggs",
        }
    },
    "filters": [],
}
# What the examples of searches and profiles presuppose, and no request of the document creates.
FURTHER: Mapping[str, Mapping[str, Any]] = {
    "example": {"name": "testhc", "category_field": ["error_type"]},
    "pair": {"name": "testhc-mc", "category_field": ["ip", "error_type"]},
    "past": {"name": "testhc-past", "category_field": ["ip", "error_type"]},
    "plain": {"name": "detector1"},
}

PLACEHOLDERS = {
    "{custom_result_index}": "searchguard-ad-result-test",
    "{type}": "state",
    "{type1},{type2}": "state,error",
    "{stat}": "detector_count",
}
VALUE_KEYS = ("detector_id", "task_id", "parent_task_id")


@dataclass
class Replay:
    """A conversation in the document's order.

    Attributes:
        subject: who is asked.
        detectors: ids by part: single, several, disposable.
        answers: what came back, by line of the request.
    """

    subject: Subject
    detectors: dict[str, str] = field(default_factory=dict)
    answers: dict[int, RestAnswer] = field(default_factory=dict)

    def run(self, document: Document) -> None:
        """Send everything."""
        bodies = {request.line: request.body for request in document.requests}
        for request in document.requests:
            self.prepare(request)
            answer = self.send(request, body=bodies.get(BORROWED.get(request.line, 0)))
            self.answers[request.line] = answer
            if request.method == "POST" and request.path.endswith("/api/detectors"):
                several = "category_field" in (request.body or {})
                self.detectors["several" if several else "single"] = answer.json["_id"]

    def prepare(self, request: Request) -> None:
        """Bring about what a request presupposes and no request before it did."""
        if request.line == DELETED:
            self.create("disposable", {"name": "disposable"})
        if request.line in LIVE:
            self.go_live(self.part_of(request))
        if request.line in CALM:
            self.calm(self.part_of(request))
        if request.line == ANALYSED:
            self.subject.wait(self.detectors["single"])
            for part, definition in FURTHER.items():
                self.create(part, definition)
            for part in ("several", *FURTHER):
                self.start(part)
                self.subject.wait(self.detectors[part])
            for part in WATCHED:
                self.go_live(part)
        if request.line in UNDER_WAY:
            self.start_again(self.part_of(request))

    def create(self, part: str, definition: Mapping[str, Any]) -> None:
        """Create one more detector."""
        feature = {
            "feature_name": "test_feature",
            "feature_enabled": True,
            "aggregation_query": {"test_feature": {"sum": {"field": "value"}}},
        }
        body = {
            "description": "test",
            "time_field": "timestamp",
            "indices": ["server_log"],
            "feature_attributes": [feature],
            "detection_interval": {"period": {"interval": 5, "unit": "Minutes"}},
            "window_delay": {"period": {"interval": 1, "unit": "Minutes"}},
            "ui_metadata": _INTERFACE,
            **definition,
        }
        if part == "plain":
            # Nothing of what it would learn from in real time passes: it stays in INIT.
            old = self.subject.now - NOTHING_SINCE_MINUTES * 60_000
            body["filter_query"] = {"range": {"timestamp": {"lt": old}}}
        created = self.subject.rest("POST", f"{API}/detectors", body)
        assert created.status == 201, created.body
        self.detectors[part] = created.json["_id"]

    def go_live(self, part: str) -> None:
        """Have a detector run in real time, past its start."""
        detector = f"{API}/detectors/{self.detectors[part]}"
        deadline = time.monotonic() + DEADLINE_SECONDS
        if not self._live(part):
            started = self.subject.rest("POST", f"{detector}/_start")
            assert started.status == 200, started.body
        while self._realtime(part)["state"] == "CREATED":
            assert time.monotonic() < deadline, "it did not start"
            time.sleep(0.01)

    def calm(self, part: str) -> None:
        """Have a detector not run in real time."""
        if self._live(part):
            path = f"{API}/detectors/{self.detectors[part]}/_stop"
            assert self.subject.rest("POST", path).status == 200

    def _live(self, part: str) -> bool:
        task = self._realtime(part)
        return task is not None and task["state"] not in ENDED

    def _realtime(self, part: str) -> Any:
        path = f"{API}/detectors/{self.detectors[part]}?task=true"
        return self.subject.rest("GET", path).json["realtime_detection_task"]

    def start(self, part: str) -> None:
        """Start an analysis of the past."""
        now = self.subject.now
        self.subject.run(self.detectors[part], now - RUN_MINUTES * 60_000, now)

    def start_again(self, part: str) -> None:
        """Have an analysis under way, past its first piece, unless there is one."""
        detector_id = self.detectors[part]
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self._under_way(detector_id):
            assert time.monotonic() < deadline, "no piece was worked on"
            task = self.subject.task(detector_id)
            if task is None or task["state"] in ENDED:
                self.start(part)
            time.sleep(0.01)

    def _under_way(self, detector_id: str) -> bool:
        task = self.subject.task(detector_id)
        if task is None or task["state"] in ENDED:
            return False
        if task["task_type"] != "HISTORICAL_HC_DETECTOR":
            return "current_piece" in task
        answer = self.subject.rest("GET", f"{API}/detectors/{detector_id}/_profile/ad_task")
        return bool(answer.json["ad_task"].get("entity_task_profiles"))

    def send(
        self,
        request: Request,
        *,
        part: str | None = None,
        path: str | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> RestAnswer:
        """Send a request with ids and times that exist; ``path`` and ``body`` replace its own."""
        part = part or self.part_of(request)
        given = body if body is not None else request.body
        filled = self.filled_path(path or request.path, part)
        if given is not None and request.line in RENAMED:
            given = {**given, "name": "validated-detector"}
        content = None if given is None else self.filled_body(given, part)
        return self.subject.rest(request.method, f"/{filled}", content)

    def part_of(self, request: Request) -> str:
        """Return which detector a request is about."""
        if PREVIEWED <= request.line < 1628:
            return "single"
        return next(part for line, part in PARTS if request.line >= line)

    def filled_path(self, path: str, part: str) -> str:
        """Replace placeholders and the document's ids."""
        for placeholder, value in PLACEHOLDERS.items():
            path = path.replace(placeholder, value)
        detector_id = self.detectors.get(part, "none-yet")
        path = path.replace("{detectorId}", detector_id)
        path = path.replace("VEHKTXwBwf_U8gjUXY2s", detector_id)
        if "{nodeId}" in path or "SWD7ihu9TaaW1zKwFZNVNg" in path:
            node = self.subject.task(self.detectors["several"])["coordinating_node"]
            path = path.replace("{nodeId}", node).replace("SWD7ihu9TaaW1zKwFZNVNg", node)
        return path

    def filled_body(self, body: Mapping[str, Any], part: str) -> Any:
        """Replace ids; move times so that the examples' now is ours."""
        return self._filled(copy.deepcopy(body), part)

    def _filled(self, value: Any, part: str) -> Any:
        if isinstance(value, dict):
            return {key: self._member(key, item, part) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item, part) for item in value]
        if isinstance(value, int) and value in DOCUMENTED_TIMES:
            return value - DOCUMENTED_NOW + self.subject.now
        return value

    def _member(self, key: str, value: Any, part: str) -> Any:
        if key in VALUE_KEYS:
            found = self.detectors[part] if key == "detector_id" else self._task_id(part)
            return {**value, "value": found} if isinstance(value, dict) else found
        # The last part of what was analysed stays.
        if key == "lte":
            return self.subject.now - RUN_MINUTES // 2 * 60_000
        # The document's example asks from 1973 to 2001.
        if key == "start_time_ms":
            return self.subject.now - RUN_MINUTES * 60_000
        if key == "end_time_ms":
            return self.subject.now
        if key == "value" and value == "i-00f28ec1eb8997686":
            return "192.168.1.2"
        if key == "name" and value == "host":
            return "ip"
        return self._filled(value, part)

    def _task_id(self, part: str) -> str:
        return str(self.subject.task(self.detectors[part])["task_id"])
