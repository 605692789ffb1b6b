"""What validation finds, and how deep it looks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from anomalyd.errors import DetectorInvalid, IllegalArgument
from anomalyd.model.interval import Interval
from anomalyd.service.memory import MemoryNeed

MEMORY = "memory"
"""Asked for like an aspect: an estimate of what models need."""


class ValidationAspect(Enum):
    """What is looked at; the value is its name in paths and answers."""

    DETECTOR = "detector"
    MODEL = "model"

    @staticmethod
    def parse(types: str) -> ValidationAspect:
        """Read comma-separated types: the deepest known one counts, unknown ones do not.

        ``memory`` is known, and no deeper than the detector.
        Raises: IllegalArgument when none is known.
        """
        names = _names(types)
        for aspect in (ValidationAspect.MODEL, ValidationAspect.DETECTOR):
            if aspect.value in names:
                return aspect
        if MEMORY in names:
            return ValidationAspect.DETECTOR
        raise IllegalArgument("The given validation type doesn't exist", field="type")


def wants_memory(types: str) -> bool:
    """Tell whether an estimate of the memory is among comma-separated types."""
    return MEMORY in _names(types)


def _names(types: str) -> set[str]:
    return {name.strip() for name in types.split(",")}


@dataclass(frozen=True, kw_only=True)
class ValidationIssue:
    """One thing that is wrong with a detector, or could be better for its models.

    Attributes:
        aspect: whether it keeps the detector from being created, or its models from training.
        field: part of the detector, as the API document names it.
        message: the documented words.
        sub_issues: message per feature name, where features differ.
        suggested: a value that would do better, when one is known.
    """

    aspect: ValidationAspect
    field: str
    message: str
    sub_issues: Mapping[str, str] = dataclasses.field(default_factory=dict)
    suggested: Interval | None = None

    @staticmethod
    def of(problem: DetectorInvalid) -> ValidationIssue:
        """Return the broken rule of a definition as an issue."""
        return ValidationIssue(
            aspect=ValidationAspect.DETECTOR,
            field=problem.aspect,
            message=problem.reason,
            sub_issues=problem.sub_issues,
        )


@dataclass(frozen=True)
class Validation:
    """What validation gave.

    Attributes:
        issue: the first one; None when nothing was found.
        memory: what the models need; None where nobody asked, or nothing can be made.
    """

    issue: ValidationIssue | None = None
    memory: MemoryNeed | None = None
