"""What stood in the recorded system before a request came: detectors, and analyses of the past."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.contract.document.service import API, ENDED, Subject
from tests.contract.transcripts.recording import NODE, Recording, Translation
from tests.support.rest import RestAnswer

SINGLE = "GdQLAaIBx3R5YayM86h_"
SEVERAL = "HNQLAaIBx3R5YayM9KjH"
TWO_CATEGORIES = "HtQLAaIBx3R5YayM9aiR"
OF_ADDRESSES = "INQLAaIBx3R5YayM9qhm"
CUSTOM = "ItQLAaIBx3R5YayM-aje"
UPDATED = "L9QLAaIBx3R5YayM_qhU"
DISABLED = "NNQLAaIBx3R5YayM_6ic"
HISTORICAL = "PtQMAaIBx3R5YayMA6ht"
ERRORS = "QNQMAaIBx3R5YayMBKiL"
STOPPED = "QtQMAaIBx3R5YayMBag0"
TASK_STOPPED = "XNQMAaIBx3R5YayMZKkR"
TASK_HISTORICAL = "Z9QMAaIBx3R5YayMmbUS"
TASK_SEVERAL = "zdQMAaIBx3R5YayM3MOV"

# Detectors that were there, by the number of the first request that presupposes them.
PRESUPPOSED: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "127": {
        SINGLE: {"name": "test-detector"},
        SEVERAL: {"name": "test-hc-detector", "category_field": ["host"]},
        OF_ADDRESSES: {"name": "test-hcip-detector", "category_field": ["ip"]},
        CUSTOM: {"name": "test-custom", "result_index": "searchguard-ad-result-test"},
    },
    "147": {
        UPDATED: {"name": "uimeta-detector"},
        DISABLED: {"name": "all-disabled"},
        HISTORICAL: {"name": "historical-detector"},
        ERRORS: {"name": "start-errors-detector"},
    },
}
# Creations that are recorded themselves.
CREATED = {"129": TWO_CATEGORIES, "147": STOPPED}
# At these numbers an analysis of the detector is under way.
UNDER_WAY = {"346": HISTORICAL}
UNDER_WAY |= dict.fromkeys(("361", "362", "363", "364"), STOPPED)
# Detectors that run in real time from this number on.
LIVE_FROM: Mapping[str, Sequence[str]] = {"324": (SINGLE, SEVERAL)}
OTHER_PREFIX = "opensearch-ad-plugin-result-"
DEADLINE_SECONDS = 30.0
DAYS = (1_795_097_880_000, 1_795_313_820_000)


@dataclass
class Scenario:
    """Replays recordings in their order.

    Attributes:
        subject: who is asked.
        ids: recorded ids and ours.
    """

    subject: Subject
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def translation(self) -> Translation:
        """Recorded names to ours, as far as they are known by now."""
        return Translation(self.ids, self.subject.now)

    def ask(self, recording: Recording, template: Mapping[str, Any]) -> RestAnswer:
        """Bring about what the request presupposes, and send it."""
        self._prepare(recording.number, template)
        path = self._path(recording)
        headers = {"content-type": recording.content_type} if recording.content_type else None
        body = self.translation.value(recording.body)
        if recording.number == "092":
            # The prefix that is wrong there is the right one here, and the other way about.
            body["result_index"] = OTHER_PREFIX + "test"
        sent = body.encode() if isinstance(body, str) else body
        answer = self.subject.rest(recording.method, path, sent, headers=headers)
        if recording.number in CREATED and answer.status == 201:
            self.ids[CREATED[recording.number]] = answer.json["_id"]
        return answer

    def _path(self, recording: Recording) -> str:
        path = self.translation.text(recording.path)
        if recording.number == "248":
            detector = self.subject.rest("GET", f"{API}/detectors/{self.ids[UPDATED]}")
            path = path.replace("if_seq_no=38", f"if_seq_no={detector.json['_seq_no']}")
        return path

    def _prepare(self, number: str, template: Mapping[str, Any]) -> None:
        for recorded, changes in PRESUPPOSED.get(number, {}).items():
            self._create(recorded, template, changes)
        if number in UNDER_WAY:
            self._start_again(UNDER_WAY[number])
        for recorded in LIVE_FROM.get(number, ()):
            self._go_live(recorded)
        own = {
            "322": self._before_equal_times,
            "346": self._before_a_stop,
            "347": self._before_a_stopped_task,
            "369": self._before_a_range_without_data,
            "376": self._before_searches,
            "496": self._before_figures_of_the_node,
            "523": lambda: self._stop(SINGLE),
            "528": lambda: self._stop(SINGLE),
            "541": self._before_a_deleted_detector,
        }
        if number in own:
            own[number]()
        if number == "551":
            for name in ("first", "second", "third"):
                self._create(name, template, {"name": name})

    def _before_equal_times(self) -> None:
        self._run(ERRORS, (DAYS[1], DAYS[1]))

    def _before_a_stop(self) -> None:
        self.ids[TASK_STOPPED] = self._task_id(HISTORICAL)

    def _before_a_stopped_task(self) -> None:
        self.subject.wait(self.ids[HISTORICAL])

    def _before_a_range_without_data(self) -> None:
        self._run(OF_ADDRESSES, (1_000_000_000_000, 1_000_086_400_000))

    def _before_searches(self) -> None:
        for recorded in (HISTORICAL, TWO_CATEGORIES, CUSTOM):
            self._run(recorded, DAYS)
        self.subject.wait(self.ids[SEVERAL])
        self.ids[TASK_HISTORICAL] = self._task_id(HISTORICAL)
        self.ids[TASK_SEVERAL] = self._task_id(SEVERAL)

    def _before_figures_of_the_node(self) -> None:
        self.ids[NODE] = self.subject.task(self.ids[SEVERAL])["coordinating_node"]

    def _go_live(self, recorded: str) -> None:
        """Start a detector in real time and wait until it has learned from the past."""
        detector = f"{API}/detectors/{self.ids[recorded]}"
        self.subject.rest("POST", f"{detector}/_start")
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._realtime(detector)["state"] == "CREATED":
            assert time.monotonic() < deadline, "it did not start"
            time.sleep(0.01)

    def _stop(self, recorded: str) -> None:
        self.subject.rest("POST", f"{API}/detectors/{self.ids[recorded]}/_stop")

    def _realtime(self, detector: str) -> Any:
        return self.subject.rest("GET", f"{detector}?task=true").json["realtime_detection_task"]

    def _before_a_deleted_detector(self) -> None:
        self._stop(SINGLE)
        self._stop(SEVERAL)
        deleted = self.subject.rest("DELETE", f"{API}/detectors/{self.ids[SINGLE]}")
        assert deleted.json["result"] == "deleted"

    def _create(
        self, recorded: str, template: Mapping[str, Any], changes: Mapping[str, Any]
    ) -> None:
        body = copy.deepcopy({**template, **changes})
        if recorded == DISABLED:
            body["feature_attributes"][0]["feature_enabled"] = False
        created = self.subject.rest("POST", f"{API}/detectors", body)
        assert created.status == 201, created.body
        self.ids[recorded] = created.json["_id"]

    def _start(self, recorded: str, times: tuple[int, int]) -> RestAnswer:
        start, end = (self.translation.value(time) for time in times)
        path = f"{API}/detectors/{self.ids[recorded]}/_start"
        return self.subject.rest("POST", path, {"start_time": start, "end_time": end})

    def _run(self, recorded: str, times: tuple[int, int]) -> None:
        if self._start(recorded, times).status == 200:
            self.subject.wait(self.ids[recorded])

    def _start_again(self, recorded: str) -> None:
        task = self.subject.task(self.ids[recorded])
        if task is None or task["state"] in ENDED:
            assert self._start(recorded, DAYS).status == 200
        if "category_field" not in self.subject.task(self.ids[recorded])["detector"]:
            deadline = time.monotonic() + DEADLINE_SECONDS
            while "current_piece" not in (task := self.subject.task(self.ids[recorded])):
                assert time.monotonic() < deadline, task
                time.sleep(0.01)

    def _task_id(self, recorded: str) -> str:
        return str(self.subject.task(self.ids[recorded])["task_id"])
