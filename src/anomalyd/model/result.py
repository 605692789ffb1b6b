"""Requests about results; the results themselves are columns (``store.base.ResultBatch``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomalyd.errors import ActionInvalid, IllegalArgument
from anomalyd.model import reading

DEFAULT_SIZE = 10
LARGEST_SIZE = 10_000
ORDERS = ("severity", "occurrence")


@dataclass(frozen=True, kw_only=True)
class TopAnomaliesRequest:
    """What the top anomalies are asked by (the document, "Search top anomalies").

    Attributes:
        start, end: epoch milliseconds, both inclusive; compared with ``data_end_time``.
        category_fields: to group by; None = all of the detector's.
        order: ``severity`` or ``occurrence``.
        size: most buckets.
        task_id: of a historical run; None = the latest.
    """

    start: int
    end: int
    category_fields: tuple[str, ...] | None
    order: str
    size: int
    task_id: str | None

    @staticmethod
    def parse(body: Mapping[str, Any]) -> TopAnomaliesRequest:
        """Read the request's body; unknown keys are skipped, as the reference does.

        Raises:
            ActionInvalid: start or end is missing, or they are the wrong way round.
            IllegalArgument: a wrong type; checks of order and size are ``check``.
        """
        start, end = _time(body, "start_time_ms"), _time(body, "end_time_ms")
        if start is None or end is None:
            raise ActionInvalid(
                "Must set both start time and end time with epoch of milliseconds",
                field="start_time_ms" if start is None else "end_time_ms",
            )
        if start >= end:
            raise ActionInvalid("Start time should be before end time", field="start_time_ms")
        fields = body.get("category_field")
        size = body.get("size")
        order = body.get("order")
        return TopAnomaliesRequest(
            start=start,
            end=end,
            category_fields=None if fields is None else reading.texts(fields, "category_field"),
            order=ORDERS[0] if order is None else reading.text(order, "order"),
            size=DEFAULT_SIZE if size is None else reading.whole_number(size, "size"),
            task_id=reading.optional_text(body.get("task_id"), "task_id"),
        )

    def grouping(self, detector_id: str, detector_fields: tuple[str, ...]) -> tuple[str, ...]:
        """Return the category fields to group by, after checking them, the order and the size.

        Raises: IllegalArgument with the documented messages (behaviour §11).
        """
        if not detector_fields:
            raise IllegalArgument(f"No category fields found for detector ID {detector_id}")
        for field in self.category_fields or ():
            if field not in detector_fields:
                raise IllegalArgument(
                    f"Category field {field} doesn't exist for detector ID {detector_id}",
                    field="category_field",
                )
        if self.order not in ORDERS:
            raise IllegalArgument(f"Ordering by {self.order} is not a valid option", field="order")
        if self.size <= 0:
            raise IllegalArgument("Size must be a positive integer", field="size")
        if self.size > LARGEST_SIZE:
            raise IllegalArgument(f"Size cannot exceed {LARGEST_SIZE}", field="size")
        return self.category_fields or detector_fields


def _time(body: Mapping[str, Any], field: str) -> int | None:
    value = body.get(field)
    if value is None:
        return None
    return reading.whole_number(value, field, limit=reading.LONG_LIMIT)
