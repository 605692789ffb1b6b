"""Results and tasks as they happen.

A watcher reads the store from its own position on whenever something was written; nothing is
queued for it. So a slow reader costs one page of memory, is told how far behind it is, and one
that comes back with the position of its last result has missed nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from anomalyd.errors import DetectorNotFound, TaskNotFound, Throttled
from anomalyd.model.index_names import IndexNames
from anomalyd.model.task import TaskState
from anomalyd.model.watch import ResultWatch
from anomalyd.query.parse_search import parse_search
from anomalyd.schedule.clock import Clock
from anomalyd.store.base import DocumentStore, ResultStore
from anomalyd.store.signal import WriteSignal

Document = dict[str, Any]

PAGE = 500
"""Results that are read at once for a watcher."""
HEARTBEAT_SECONDS = 10.0
"""The longest silence, so that nothing on the way takes the connection for dead."""
LOOK_SECONDS = 0.5
"""How often a watcher looks whether its caller has gone."""


@dataclass(frozen=True, kw_only=True)
class WatchedPage:
    """What is new, possibly nothing.

    Attributes:
        results: position and document of each, oldest first.
        position: everything that matches up to here has been sent.
        behind: results of all detectors that were written after it and are still to be looked at.
    """

    results: tuple[tuple[int, Document], ...]
    position: int
    behind: int


class WatchService:
    """Follows results and tasks. Thread-safe; each watcher is served on its caller's thread.

    Args:
        results: the results.
        documents: where detectors and tasks are.
        names: the indices.
        signal: rings when results or the progress of tasks were written.
        clock: for date math.
        most: watchers at once.
    """

    def __init__(
        self,
        *,
        results: ResultStore,
        documents: DocumentStore,
        names: IndexNames,
        signal: WriteSignal,
        clock: Clock,
        most: int,
    ) -> None:
        self._results = results
        self._documents = documents
        self._names = names
        self._signal = signal
        self._clock = clock
        self._most = most
        self._watchers = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """End all watchers in order; twice is fine."""
        self._signal.close()

    def results(
        self, body: Mapping[str, Any], *, active: Callable[[], bool]
    ) -> Iterator[WatchedPage]:
        """Return pages of results as they are written, until the caller or the service ends.

        The first page comes at once, so that the caller knows the position that it starts from.
        After at most ``HEARTBEAT_SECONDS`` without a result an empty page tells that it lives.

        Args:
            body: see ``ResultWatch.parse``.
            active: whether the caller is still there.

        Raises:
            IllegalArgument: the body.
            DetectorNotFound.
            Throttled: too many watchers.
        """
        watch = ResultWatch.parse(body)
        patterns = self._patterns(watch.detector_id)
        return self._pages(watch, patterns, active)

    def task(self, task_id: str, *, active: Callable[[], bool]) -> Iterator[Document]:
        """Return a task's document now and after every change, its last one at the end.

        Raises: TaskNotFound, also when the task is deleted meanwhile. Throttled.
        """
        if self._documents.get(self._names.state, task_id) is None:
            raise TaskNotFound(task_id)
        return self._task_changes(task_id, active)

    def _pages(
        self, watch: ResultWatch, patterns: tuple[str, ...], active: Callable[[], bool]
    ) -> Iterator[WatchedPage]:
        with self._counted():
            latest = self._results.position()
            # a position from before results were deleted may lie above everything there is
            position = latest if watch.after is None else min(watch.after, latest)
            silent_since: float | None = None
            while active() and not self._signal.closed:
                seen = self._signal.writes
                page = self._page(watch, patterns, position)
                now = self._clock.monotonic()
                if page.results or silent_since is None or (
                    now - silent_since >= HEARTBEAT_SECONDS
                ):  # fmt: skip
                    yield page
                    silent_since = self._clock.monotonic()
                position = page.position
                if not page.behind:
                    self._signal.wait(seen, LOOK_SECONDS)

    def _page(self, watch: ResultWatch, patterns: tuple[str, ...], position: int) -> WatchedPage:
        latest = self._results.position()
        if latest <= position:
            return WatchedPage(results=(), position=position, behind=0)
        body = {
            "query": watch.query(),
            "sort": [{"_seq_no": "asc"}],
            "search_after": [position],
            "size": PAGE,
            "seq_no_primary_term": True,
            "track_total_hits": False,
        }
        indices = [index for pattern in patterns for index in self._results.indices(pattern)]
        answer = self._results.search(indices, parse_search(body), now=self._clock.now())
        hits = answer["hits"]["hits"]
        results = tuple((hit["_seq_no"], hit["_source"]) for hit in hits)
        if len(results) < PAGE:
            # everything up to `latest` was there to be found; what came since is for the next page
            reached = max(latest, results[-1][0]) if results else latest
        else:
            reached = results[-1][0]
        return WatchedPage(results=results, position=reached, behind=max(0, latest - reached))

    def _patterns(self, detector_id: str | None) -> tuple[str, ...]:
        if detector_id is None:
            return self._names.results, f"{self._names.custom_results}*"
        stored = self._documents.get(self._names.detectors, detector_id)
        if stored is None:
            raise DetectorNotFound(detector_id)
        return (stored.source.get("result_index") or self._names.results,)

    def _task_changes(self, task_id: str, active: Callable[[], bool]) -> Iterator[Document]:
        with self._counted():
            sent = -1
            while active() and not self._signal.closed:
                seen = self._signal.writes
                stored = self._documents.get(self._names.state, task_id)
                if stored is None:
                    raise TaskNotFound(task_id)
                if stored.seq_no != sent:
                    sent = stored.seq_no
                    yield {"task_id": stored.id, **stored.source}
                if TaskState(stored.source["state"]).ended:
                    return
                self._signal.wait(seen, LOOK_SECONDS)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            if self._watchers >= self._most:
                raise Throttled(
                    f"{self._most} callers are watching already, which is the limit "
                    f"[max_watchers]; search for newer results instead, or try again later"
                )
            self._watchers += 1
        try:
            yield
        finally:
            with self._lock:
                self._watchers -= 1
