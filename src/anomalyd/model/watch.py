"""What a caller wants to be told of as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomalyd.errors import IllegalArgument
from anomalyd.model import reading


@dataclass(frozen=True, kw_only=True)
class ResultWatch:
    """Which results to follow, and from where on.

    Attributes:
        detector_id: of one detector; None = of all.
        task_id: of this historical task; None = those of real time.
        grade_above: only anomalies of a higher grade, 0 to 1; None = every result.
        entity: only results with these values of category fields.
        after: position of the last result that the caller has, -1 = none: from the beginning;
            None = only what comes from now on.
    """

    detector_id: str | None = None
    task_id: str | None = None
    grade_above: float | None = None
    entity: Mapping[str, str] = field(default_factory=dict)
    after: int | None = None

    @staticmethod
    def parse(body: Mapping[str, Any]) -> ResultWatch:
        """Read a request: ``detector_id``, ``task_id``, ``grade_above``, ``entity``, ``after``.

        Raises: IllegalArgument naming the field that is of the wrong type or out of bounds.
        """
        grade = body.get("grade_above")
        return ResultWatch(
            detector_id=reading.optional_text(body.get("detector_id") or None, "detector_id"),
            task_id=reading.optional_text(body.get("task_id") or None, "task_id"),
            grade_above=None if grade is None else _share(grade),
            entity=_entity(body.get("entity") or ()),
            after=_position(body.get("after")),
        )

    def query(self) -> dict[str, Any]:
        """Return the filter as a query over result documents."""
        filters: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        if self.detector_id is not None:
            filters.append({"term": {"detector_id": self.detector_id}})
        if self.task_id is not None:
            filters.append({"term": {"task_id": self.task_id}})
        else:
            refused.append({"exists": {"field": "task_id"}})
        if self.grade_above is not None:
            filters.append({"range": {"anomaly_grade": {"gt": self.grade_above}}})
        filters.extend(_with_value(name, value) for name, value in self.entity.items())
        return {"bool": {"filter": filters, "must_not": refused}}


def _with_value(name: str, value: str) -> dict[str, Any]:
    both = [{"term": {"entity.name": name}}, {"term": {"entity.value": value}}]
    return {"nested": {"path": "entity", "query": {"bool": {"filter": both}}}}


def _share(value: object) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise IllegalArgument("[grade_above] must be a number from 0 to 1", field="grade_above")
    return float(value)


def _position(value: object) -> int | None:
    if value is None or value == "":
        return None
    text = str(value)
    if text == "-1":
        return -1
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise IllegalArgument("[after] must be the position that came with a result", field="after")
    return int(text)


def _entity(parts: object) -> Mapping[str, str]:
    if not isinstance(parts, list | tuple):
        raise IllegalArgument("[entity] must be a list of names with values", field="entity")
    entity = {}
    for part in parts:
        name, value = (
            (part.get("name"), part.get("value")) if isinstance(part, Mapping) else (None, None)
        )
        if not isinstance(name, str) or not isinstance(value, str):
            raise IllegalArgument("[entity] must be a list of names with values", field="entity")
        entity[name] = value
    return entity
