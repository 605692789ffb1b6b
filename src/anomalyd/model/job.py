"""The job of a detector that runs in real time; its id is the detector's (the document, ?job)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomalyd.model.interval import Interval

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job's document as a value.

    Attributes:
        name: the detector's id.
        interval: how often the job runs.
        start_time, enabled_time, disabled_time, last_update_time: epoch milliseconds.
        lock_duration_seconds: how long one run may hold the job's lease.
    """

    name: str
    interval: Interval
    window_delay: Interval
    start_time: int
    enabled: bool
    enabled_time: int
    last_update_time: int
    lock_duration_seconds: int
    disabled_time: int | None = None
    user: Mapping[str, Any] | None = None
    result_index: str | None = None

    def render(self) -> Document:
        """Return the document in the key order of the API's example."""
        document: Document = {
            "name": self.name,
            "schedule": {
                "interval": {
                    "start_time": self.start_time,
                    "period": self.interval.interval,
                    "unit": self.interval.unit.value,
                }
            },
            "window_delay": self.window_delay.render(),
            "enabled": self.enabled,
            "enabled_time": self.enabled_time,
            "disabled_time": self.disabled_time,
            "last_update_time": self.last_update_time,
            "lock_duration_seconds": self.lock_duration_seconds,
            "user": None if self.user is None else dict(self.user),
            "result_index": self.result_index,
        }
        return {key: value for key, value in document.items() if value is not None}
