"""REST route of results as they happen: server-sent events, as the HTML standard frames them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anomalyd.api.rest.call import Call, Operation, StreamedAnswer
from anomalyd.api.rest.json_body import encode
from anomalyd.errors import IllegalArgument
from anomalyd.service.watching import WatchedPage, WatchService

EVENT_STREAM = "text/event-stream; charset=UTF-8"
PARAMETERS = frozenset(
    {"detector_id", "task_id", "grade_above", "after", "category_field", "entity"}
)


class WatchRoutes:
    """Answers the route that follows results."""

    def __init__(self, watching: WatchService) -> None:
        self._watching = watching

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        return {"WatchResults": Operation(handle=self.results, parameters=PARAMETERS)}

    def results(self, call: Call) -> StreamedAnswer:
        """Follow results; ``Last-Event-ID`` or ``after`` says from where on.

        Raises: IllegalArgument, DetectorNotFound, Throttled.
        """
        pages = self._watching.results(_request(call), active=call.active)
        return StreamedAnswer(chunks=map(_events, pages), content_type=EVENT_STREAM)


def _request(call: Call) -> dict[str, Any]:
    query = call.query
    request: dict[str, Any] = {
        name: query[name]
        for name in ("detector_id", "task_id", "grade_above", "after")
        if name in query
    }
    # what the browser remembers is newer than what its page was written with
    if call.last_event_id:
        request["after"] = call.last_event_id
    name, value = query.get("category_field"), query.get("entity")
    if (name is None) != (value is None):
        raise IllegalArgument(
            "[category_field] and [entity] belong together: the field and its value",
            field="entity" if value is None else "category_field",
        )
    if name is not None:
        request["entity"] = [{"name": name, "value": value}]
    return request


def _events(page: WatchedPage) -> bytes:
    """Return a page as events: one per result, or a comment that shows that we live."""
    return b"".join(_parts(page))


def _parts(page: WatchedPage) -> Iterator[bytes]:
    for position, result in page.results:
        yield b"id: %d\nevent: result\ndata: %b\n\n" % (position, encode(result, pretty=False))
    if page.behind:
        yield b'event: behind\ndata: {"behind":%d}\n\n' % page.behind
    if not page.results and page.position >= 0:
        # an event without data is not shown to the page, but its id is remembered
        yield b": nothing new\nid: %d\n\n" % page.position
    elif not page.results:
        yield b": nothing yet\n\n"
