"""The job of a detector that runs in real time; its id is the detector's (the document, ?job)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomalyd.errors import CorruptState
from anomalyd.model.interval import Interval, parse_interval

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

    @staticmethod
    def restore(document: Mapping[str, Any]) -> Job:
        """Read a document that ``render`` made.

        Raises: CorruptState when it is none.
        """
        try:
            schedule = document["schedule"]["interval"]
            period = {"interval": schedule["period"], "unit": schedule["unit"]}
            interval = parse_interval({"period": period}, "schedule")
            delay = parse_interval(document["window_delay"], "window_delay")
            if interval is None or delay is None:
                raise ValueError("an interval is missing")
            return Job(
                name=document["name"],
                interval=interval[0],
                window_delay=delay[0],
                start_time=schedule["start_time"],
                enabled=document["enabled"],
                enabled_time=document["enabled_time"],
                disabled_time=document.get("disabled_time"),
                last_update_time=document["last_update_time"],
                lock_duration_seconds=document["lock_duration_seconds"],
                user=document.get("user"),
                result_index=document.get("result_index"),
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise CorruptState(f"a stored job cannot be read: {problem!r}") from problem
