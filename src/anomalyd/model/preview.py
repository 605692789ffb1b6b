"""Requests for previews (the document, "Preview detector"; behaviour §9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anomalyd.errors import IllegalArgument, NumberFormatInvalid
from anomalyd.model import reading


@dataclass(frozen=True, kw_only=True)
class PreviewRequest:
    """What to preview, and when.

    Attributes:
        start: begin of the range, inclusive, epoch milliseconds.
        end: end of the range, exclusive, epoch milliseconds.
        detector_id: of a stored detector, or None.
        detector: the document of one that need not be stored; wins over the id. None without.
    """

    start: int
    end: int
    detector_id: str | None
    detector: Mapping[str, Any] | None

    @staticmethod
    def parse(body: Mapping[str, Any], *, detector_id: str | None = None) -> PreviewRequest:
        """Read the request's body; unknown keys are skipped, as the reference does.

        Args:
            body: as the document shows it.
            detector_id: from the path; wins over the body's.

        Raises: IllegalArgument with the documented messages, ParsingError for a wrong type.
        """
        start, end = _time(body, "period_start"), _time(body, "period_end")
        detector = body.get("detector")
        if detector is not None:
            detector = reading.mapping(detector, "detector")
        chosen = detector_id or reading.optional_text(body.get("detector_id"), "detector_id")
        if start is None or end is None:
            raise IllegalArgument(
                "Must set both period start and end date with epoch of milliseconds",
                field="period_start" if start is None else "period_end",
            )
        if start >= end:
            raise IllegalArgument(
                "Period start date should be before end date", field="period_start"
            )
        if not chosen and detector is None:
            raise IllegalArgument("Must set detector id or detector", field="detector_id")
        return PreviewRequest(start=start, end=end, detector_id=chosen or None, detector=detector)


def _time(body: Mapping[str, Any], field: str) -> int | None:
    value = body.get(field)
    if value is None:
        return None
    try:
        return reading.whole_number(value, field, limit=reading.LONG_LIMIT)
    except NumberFormatInvalid as error:
        # the reference gives this one the general name (recorded answer 295)
        raise IllegalArgument(error.reason, field=field) from error
