"""REST routes of detectors."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.api import documents
from anomalyd.api.rest.call import SEARCH_PARAMETERS, Answer, Call, Operation
from anomalyd.auth.identity import Identity
from anomalyd.model.task import DateRange
from anomalyd.service.detector_update import WriteCondition
from anomalyd.service.detectors import DetectorService

# Writes are visible at once, so ``refresh`` makes no difference.
_WRITE_PARAMETERS = frozenset({"if_seq_no", "if_primary_term", "refresh"})

LONGEST_WARNING = 1_000
"""Characters of names of unknown fields in a header; gRPC takes 8 KiB of headers in all."""


class DetectorRoutes:
    """Answers the routes of detectors with the use cases."""

    def __init__(self, detectors: DetectorService, caller: Identity, version: str) -> None:
        self._detectors = detectors
        self._caller = caller
        self._version = version

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {
            "CreateDetector": Operation(handle=self.create),
            "GetDetector": Operation(handle=self.get, parameters=frozenset({"job", "task"})),
            "UpdateDetector": Operation(handle=self.update, parameters=_WRITE_PARAMETERS),
            "DeleteDetector": Operation(handle=self.delete),
            "SearchDetectors": Operation(handle=self.search, parameters=SEARCH_PARAMETERS),
            "StartDetector": Operation(handle=self.start),
            "StopDetector": Operation(handle=self.stop, parameters=frozenset({"historical"})),
        }

    def create(self, call: Call) -> Answer:
        """Create a detector: 201 with its place, and a warning for fields that were dropped."""
        written = self._detectors.create(call.required_json(), caller=self._caller)
        location = f"{call.path.rstrip('/')}/{written.stored.id}"
        document = documents.written_detector(written)
        headers = (("location", location), *self._warnings(written.ignored_fields))
        return Answer(document=document, status=201, headers=headers)

    def update(self, call: Call) -> Answer:
        """Replace a detector's definition; ``if_seq_no`` and ``if_primary_term`` guard it."""
        written = self._detectors.update(
            call.variables["detector_id"],
            call.required_json(),
            condition=WriteCondition(
                seq_no=call.number("if_seq_no"), primary_term=call.number("if_primary_term")
            ),
            caller=self._caller,
        )
        document = documents.written_detector(written)
        return Answer(document=document, headers=self._warnings(written.ignored_fields))

    def get(self, call: Call) -> Answer:
        """Read a detector; ``job`` and ``task`` ask for more."""
        job, task = call.flag("job"), call.flag("task")
        view = self._detectors.get(call.variables["detector_id"], job=job, task=task)
        return Answer(document=documents.viewed_detector(view, job=job, task=task))

    def delete(self, call: Call) -> Answer:
        """Delete a detector; an unknown one is 200 with ``not_found``."""
        deleted = self._detectors.delete(call.variables["detector_id"])
        return Answer(document=documents.deleted_detector(deleted))

    def search(self, call: Call) -> Answer:
        """Search detectors."""
        return Answer(document=self._detectors.search(call.search_json()))

    def start(self, call: Call) -> Answer:
        """Start detection in real time or, with a body, a historical analysis."""
        body, detector_id = call.json(), call.variables["detector_id"]
        if body is None:
            started = self._detectors.start_realtime(detector_id, caller=self._caller)
        else:
            started = self._detectors.start_historical(detector_id, body, caller=self._caller)
        return Answer(document=documents.started(started))

    def stop(self, call: Call) -> Answer:
        """Stop detection in real time, or the historical analysis."""
        body = call.json()
        if body is not None:
            # The reference reads a body here, too, and refuses what is no range of time.
            DateRange.parse(body)
        detectors = self._detectors
        stop = detectors.stop_historical if call.flag("historical") else detectors.stop_realtime
        stopped = stop(call.variables["detector_id"], caller=self._caller)
        return Answer(document=documents.stopped(stopped))

    def _warnings(self, ignored: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        if not ignored:
            return ()
        # a header holds printable ASCII, and not too much of it
        names = (
            ", ".join(ignored)[:LONGEST_WARNING].encode("unicode_escape")[:LONGEST_WARNING].decode()
        )
        escaped = names.replace("\\", "\\\\").replace('"', '\\"')
        text = f'299 anomalyd-{self._version} "ignored unknown fields: {escaped}"'
        return (("warning", text),)
