"""What this process has done since it started, counted in one place."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from anomalyd.engine.analysis import StoppedEarlyError


@dataclass(frozen=True, kw_only=True)
class NodeCounts:
    """The counters at one moment, under their documented names (the document, "Get stats").

    A *batch task* is the historical analysis of one series: a single-entity detector's task, or
    an entity's. Those of ``ad_execute`` and ``ad_hc_execute`` count windows of real time, worked on
    and failed.

    Attributes:
        ad_total_batch_task_execution_count: begun, or gone on with after a restart.
        ad_executing_batch_task_count: being worked on now.
        ad_canceled_batch_task_count: stopped by a user while being worked on.
        ad_batch_task_failure_count: failed.
    """

    ad_execute_request_count: int = 0
    ad_canceled_batch_task_count: int = 0
    ad_hc_execute_request_count: int = 0
    ad_hc_execute_failure_count: int = 0
    ad_execute_failure_count: int = 0
    ad_batch_task_failure_count: int = 0
    ad_total_batch_task_execution_count: int = 0
    ad_executing_batch_task_count: int = 0


class NodeCounters:
    """Counts. Thread-safe."""

    def __init__(self) -> None:
        self._counts = NodeCounts()
        self._lock = threading.Lock()

    def read(self) -> NodeCounts:
        """Return all counters as they are now."""
        with self._lock:
            return self._counts

    @contextmanager
    def executing(self, series: int, *, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Count batch tasks from the block's begin to its end, and how it ended.

        Args:
            series: how many are worked on in the block.
            cancelled: whether a block that ends with ``StoppedEarlyError`` was stopped by a user,
                and not by the end of the service.
        """
        self._add("ad_total_batch_task_execution_count", series)
        self._add("ad_executing_batch_task_count", series)
        try:
            yield
        except StoppedEarlyError:
            if cancelled():
                self._add("ad_canceled_batch_task_count", series)
            raise
        except Exception:
            self.failed(series)
            raise
        finally:
            self._add("ad_executing_batch_task_count", -series)

    def failed(self, series: int) -> None:
        """Count batch tasks that failed."""
        self._add("ad_batch_task_failure_count", series)

    def executed(self, *, hc: bool, failed: bool = False, windows: int = 1) -> None:
        """Count windows of real time.

        Args:
            hc: of a detector with category fields.
            failed: they could not be worked on.
            windows: how many.
        """
        kind = "ad_hc_execute" if hc else "ad_execute"
        self._add(f"{kind}_request_count", windows)
        if failed:
            self._add(f"{kind}_failure_count", windows)

    def _add(self, counter: str, number: int) -> None:
        with self._lock:
            raised = getattr(self._counts, counter) + number
            self._counts = dataclasses.replace(self._counts, **{counter: raised})
