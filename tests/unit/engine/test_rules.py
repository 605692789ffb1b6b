"""A detector's rules as the tolerances that the core judges by."""

from __future__ import annotations

from math import inf

import pytest

from anomalyd.engine.rules import ANYTHING, tolerances
from anomalyd.executor.base import Tolerance
from anomalyd.model.detector_options import Condition, Rule, ThresholdType

T = ThresholdType
FEATURES = ("cpu", "errors")


def rule(*conditions: tuple[str, ThresholdType, float | None]) -> Rule:
    return Rule(
        conditions=tuple(
            Condition(feature_name=name, threshold_type=kind, bound=bound)
            for name, kind, bound in conditions
        )
    )


@pytest.mark.parametrize(
    ("kind", "bound", "expected"),
    [
        (T.ACTUAL_OVER_EXPECTED_MARGIN, 5.0, Tolerance(over=5.0)),
        (T.EXPECTED_OVER_ACTUAL_MARGIN, 5.0, Tolerance(below=5.0)),
        (T.ACTUAL_OVER_EXPECTED_RATIO, 0.2, Tolerance(over_ratio=0.2)),
        (T.EXPECTED_OVER_ACTUAL_RATIO, 0.2, Tolerance(below_ratio=0.2)),
        (T.ACTUAL_IS_BELOW_EXPECTED, None, Tolerance(below=inf)),
        (T.ACTUAL_IS_OVER_EXPECTED, None, Tolerance(over=inf)),
    ],
)
def test_one_condition(kind: ThresholdType, bound: float | None, expected: Tolerance) -> None:
    """A condition allows something on its side and nothing on the other; others are free."""
    assert tolerances([rule(("cpu", kind, bound))], FEATURES) == ((expected, ANYTHING),)
    assert tolerances([rule(("errors", kind, bound))], FEATURES) == ((ANYTHING, expected),)


def test_conditions_are_joined_and_rules_are_not() -> None:
    """Conditions of one rule on one feature are one tolerance; every rule is its own."""
    both = rule(
        ("cpu", T.ACTUAL_OVER_EXPECTED_MARGIN, 1.0),
        ("cpu", T.ACTUAL_OVER_EXPECTED_RATIO, 0.5),
        ("cpu", T.EXPECTED_OVER_ACTUAL_MARGIN, 2.0),
        ("errors", T.ACTUAL_OVER_EXPECTED_MARGIN, 3.0),
    )
    quiet = rule(("errors", T.ACTUAL_IS_BELOW_EXPECTED, None))
    assert tolerances([both, quiet], FEATURES) == (
        (Tolerance(over=1.0, over_ratio=0.5, below=2.0), Tolerance(over=3.0)),
        (ANYTHING, Tolerance(below=inf)),
    )
    assert tolerances([], FEATURES) == ()
