"""Validating a detector without storing it (API document, "Validate detector")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomalyd.auth.identity import Identity
from anomalyd.errors import DetectorInvalid, IndexNotFound
from anomalyd.model.detector_parse import DetectorRules, parse_detector
from anomalyd.schedule.clock import Clock
from anomalyd.service.detector_checks import DetectorChecks
from anomalyd.service.memory import MemoryEstimator
from anomalyd.service.validation_issue import Validation, ValidationAspect, ValidationIssue
from anomalyd.service.validation_model import ModelChecks

MISSING_INDEX = "index does not exist"


class ValidationService:
    """Tells the first thing that is wrong with a detector. Thread-safe, changes nothing.

    Args:
        rules: how detectors are read.
        checks: what would keep one from being created.
        models: what would keep its models from training.
        memory: estimates what they need.
        clock: for date math.
    """

    def __init__(
        self,
        *,
        rules: DetectorRules,
        checks: DetectorChecks,
        models: ModelChecks,
        memory: MemoryEstimator,
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._checks = checks
        self._models = models
        self._memory = memory
        self._clock = clock

    def validate(
        self,
        document: Mapping[str, Any],
        aspect: ValidationAspect,
        *,
        caller: Identity,
        memory: bool = False,
    ) -> Validation:
        """Return the first issue in the order of creation, then of the models; none when fine.

        Args:
            document: the detector as it would be created.
            aspect: how deep to look; the models only matter when nothing else is wrong.
            caller: who asks.
            memory: whether to estimate what the models need, where they can be made at all.

        Raises:
            IllegalArgument, ParsingError: a document that cannot be read, such as a value of a
                wrong type: no issue of the detector, as in the reference.
        """
        try:
            detector = parse_detector(
                document, rules=self._rules, user=caller.render(), now=self._clock.now()
            ).detector
            self._checks.check(detector)
        except DetectorInvalid as problem:
            return Validation(ValidationIssue.of(problem))
        except IndexNotFound:
            return Validation(
                ValidationIssue(
                    aspect=ValidationAspect.DETECTOR, field="indices", message=MISSING_INDEX
                )
            )
        return Validation(
            self._models.first_issue(detector) if aspect is ValidationAspect.MODEL else None,
            self._memory.need(detector) if memory else None,
        )
