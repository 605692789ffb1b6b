"""A detector's rules as the core takes them: which anomalies it ignores.

The core applies them where it judges (docs/decisions/057): an ignored window is no anomaly and has
not alarmed, but is still taken out of the windows behind it. Checkpoints do not depend on rules, so
they can be changed without training anew, and a preview shows at once what they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from anomalyd.executor.base import Tolerance
from anomalyd.model.detector_options import Rule, ThresholdType

ANYTHING = Tolerance(over=inf, below=inf)
"""Of a feature that a rule does not name."""


def tolerances(
    rules: Sequence[Rule], feature_names: Sequence[str]
) -> tuple[tuple[Tolerance, ...], ...]:
    """Return per rule how far each feature, in the given order, may lie from the expected value."""
    return tuple(_tolerances(rule, feature_names) for rule in rules)


def _tolerances(rule: Rule, names: Sequence[str]) -> tuple[Tolerance, ...]:
    bounds: dict[str, dict[str, float]] = {}
    for condition in rule.conditions:
        of_feature = bounds.setdefault(condition.feature_name, {})
        bound = inf if condition.bound is None else condition.bound
        match condition.threshold_type:
            case ThresholdType.ACTUAL_OVER_EXPECTED_MARGIN | ThresholdType.ACTUAL_IS_OVER_EXPECTED:
                of_feature["over"] = bound
            case ThresholdType.EXPECTED_OVER_ACTUAL_MARGIN | ThresholdType.ACTUAL_IS_BELOW_EXPECTED:
                of_feature["below"] = bound
            case ThresholdType.ACTUAL_OVER_EXPECTED_RATIO:
                of_feature["over_ratio"] = bound
            case ThresholdType.EXPECTED_OVER_ACTUAL_RATIO:
                of_feature["below_ratio"] = bound
    return tuple(Tolerance(**bounds[name]) if name in bounds else ANYTHING for name in names)
