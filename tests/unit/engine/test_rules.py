"""Which anomalies a detector's rules ignore."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.engine.rules import ignored, tolerances
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


def is_ignored(rules: list[Rule], actual: list[float], expected: list[float]) -> bool:
    found = ignored(tolerances(rules, FEATURES), np.array([actual]), np.array([expected]))
    return bool(found[0])


@pytest.mark.parametrize(
    ("kind", "bound", "actual", "expected", "ignores"),
    [
        (T.ACTUAL_OVER_EXPECTED_MARGIN, 5.0, 105.0, 100.0, True),
        (T.ACTUAL_OVER_EXPECTED_MARGIN, 5.0, 105.1, 100.0, False),
        (T.ACTUAL_OVER_EXPECTED_MARGIN, 5.0, 99.0, 100.0, False),
        (T.EXPECTED_OVER_ACTUAL_MARGIN, 5.0, 95.0, 100.0, True),
        (T.EXPECTED_OVER_ACTUAL_MARGIN, 5.0, 94.9, 100.0, False),
        (T.ACTUAL_OVER_EXPECTED_RATIO, 0.2, 125.0, 100.0, True),
        (T.ACTUAL_OVER_EXPECTED_RATIO, 0.2, 126.0, 100.0, False),
        (T.EXPECTED_OVER_ACTUAL_RATIO, 0.2, -125.0, -100.0, True),
        (T.EXPECTED_OVER_ACTUAL_RATIO, 0.2, 80.0, 100.0, False),
        (T.ACTUAL_IS_BELOW_EXPECTED, None, -1e300, 100.0, True),
        (T.ACTUAL_IS_BELOW_EXPECTED, None, 100.1, 100.0, False),
        (T.ACTUAL_IS_OVER_EXPECTED, None, 1e300, 100.0, True),
        (T.ACTUAL_IS_OVER_EXPECTED, None, 99.9, 100.0, False),
    ],
)
def test_one_condition(
    kind: ThresholdType, bound: float | None, actual: float, expected: float, ignores: bool
) -> None:
    """A condition allows a difference on its side, and nothing on the other."""
    assert is_ignored([rule(("cpu", kind, bound))], [actual, 7.0], [expected, 0.0]) is ignores


def test_the_sides_of_a_feature_and_the_features_of_a_rule() -> None:
    """Both sides of a feature may be allowed; every feature that is named must be near."""
    both = rule(
        ("cpu", T.ACTUAL_OVER_EXPECTED_MARGIN, 1.0),
        ("cpu", T.EXPECTED_OVER_ACTUAL_MARGIN, 2.0),
        ("errors", T.ACTUAL_OVER_EXPECTED_MARGIN, 1.0),
    )
    assert is_ignored([both], [11.0, 1.0], [10.0, 0.0])
    assert is_ignored([both], [8.0, 1.0], [10.0, 0.0])
    assert not is_ignored([both], [8.0, 1.1], [10.0, 0.0])


def test_any_rule_is_enough_and_no_rule_ignores_nothing() -> None:
    """Rules are alternatives."""
    over = rule(("cpu", T.ACTUAL_IS_OVER_EXPECTED, None))
    quiet = rule(("errors", T.ACTUAL_OVER_EXPECTED_MARGIN, 3.0))
    assert is_ignored([over, quiet], [5.0, 9.0], [1.0, 0.0])
    assert is_ignored([over, quiet], [0.0, 2.0], [1.0, 0.0])
    assert not is_ignored([over, quiet], [0.0, 9.0], [1.0, 0.0])
    assert not is_ignored([], [1.0, 1.0], [1.0, 1.0])


def test_without_an_expected_value_nothing_is_near() -> None:
    """A one-sided rule does not ignore what cannot be compared."""
    over = rule(("cpu", T.ACTUAL_IS_OVER_EXPECTED, None))
    assert not is_ignored([over], [5.0, 0.0], [math.nan, 0.0])


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
)
def test_a_wider_rule_never_ignores_less(
    pairs: list[tuple[float, float]], bound: float, more: float
) -> None:
    """Raising a bound only adds to what is ignored."""
    actual = np.array([[a, 0.0] for a, _ in pairs])
    expected = np.array([[e, 0.0] for _, e in pairs])
    narrow, wide = (
        ignored(
            tolerances([rule(("cpu", T.ACTUAL_OVER_EXPECTED_MARGIN, limit))], FEATURES),
            actual,
            expected,
        )
        for limit in (bound, bound + more)
    )
    assert not (narrow & ~wide).any()
