"""Validating a detector without storing it (API document, "Validate detector")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomalyd.auth.identity import Identity
from anomalyd.errors import DetectorInvalid, IndexNotFound
from anomalyd.model.detector_parse import DetectorRules, parse_detector
from anomalyd.schedule.clock import Clock
from anomalyd.service.detector_checks import DetectorChecks
from anomalyd.service.validation_issue import ValidationAspect, ValidationIssue
from anomalyd.service.validation_model import ModelChecks

MISSING_INDEX = "index does not exist"


class ValidationService:
    """Tells the first thing that is wrong with a detector. Thread-safe, changes nothing.

    Args:
        rules: how detectors are read.
        checks: what would keep one from being created.
        models: what would keep its models from training.
        clock: for date math.
    """

    def __init__(
        self, *, rules: DetectorRules, checks: DetectorChecks, models: ModelChecks, clock: Clock
    ) -> None:
        self._rules = rules
        self._checks = checks
        self._models = models
        self._clock = clock

    def validate(
        self, document: Mapping[str, Any], aspect: ValidationAspect, *, caller: Identity
    ) -> ValidationIssue | None:
        """Return the first issue in the order of creation, then of the models; None when fine.

        Args:
            document: the detector as it would be created.
            aspect: how deep to look; the models only matter when nothing else is wrong.
            caller: who asks.

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
            return ValidationIssue.of(problem)
        except IndexNotFound:
            return ValidationIssue(
                aspect=ValidationAspect.DETECTOR, field="indices", message=MISSING_INDEX
            )
        if aspect is ValidationAspect.MODEL:
            return self._models.first_issue(detector)
        return None
