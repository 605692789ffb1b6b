"""Anomalies that a detector's rules ignore: near what was expected, or on a side nobody minds.

The model still knows them as anomalies; only the result says that there is none. So rules can be
changed without training anew, and a preview shows at once what they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anomalyd.model.detector_options import Rule, ThresholdType

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tolerance:
    """One rule as arrays ``float64[features]``: how far a value may lie from the expected one.

    Attributes:
        named: whether the rule says anything about the feature, ``bool[features]``.
        over, below: allowed differences; ``over_ratio``, ``below_ratio``: allowed parts of the
            actual value's size. 0 where nothing is allowed; the larger of both counts.
    """

    named: npt.NDArray[np.bool_]
    over: Float64s
    below: Float64s
    over_ratio: Float64s
    below_ratio: Float64s

    def covers(self, actual: Float64s, expected: Float64s) -> npt.NDArray[np.bool_]:
        """Tell which rows ``float64[rows, features]`` the rule ignores: ``bool[rows]``.

        A feature without an expected value is near nothing.
        """
        difference = actual - expected
        size = np.abs(actual)
        highest = np.maximum(self.over, self.over_ratio * size)
        lowest = np.maximum(self.below, self.below_ratio * size)
        near = np.where(difference >= 0, difference <= highest, -difference <= lowest)
        covered = near | ~self.named
        return np.asarray(covered.all(axis=1) & bool(self.named.any()))


def tolerances(rules: Sequence[Rule], feature_names: Sequence[str]) -> tuple[Tolerance, ...]:
    """Return rules as arrays, features in the given order."""
    return tuple(_tolerance(rule, feature_names) for rule in rules)


def ignored(
    rules: Sequence[Tolerance], actual: Float64s, expected: Float64s
) -> npt.NDArray[np.bool_]:
    """Tell which rows ``float64[rows, features]`` any of the rules ignores: ``bool[rows]``."""
    found = np.zeros(len(actual), dtype=np.bool_)
    for rule in rules:
        found |= rule.covers(actual, expected)
    return found


def _tolerance(rule: Rule, names: Sequence[str]) -> Tolerance:
    made = Tolerance(np.zeros(len(names), dtype=np.bool_), *np.zeros((4, len(names))))
    for condition in rule.conditions:
        at = names.index(condition.feature_name)
        made.named[at] = True
        bound = np.inf if condition.bound is None else condition.bound
        match condition.threshold_type:
            case ThresholdType.ACTUAL_OVER_EXPECTED_MARGIN | ThresholdType.ACTUAL_IS_OVER_EXPECTED:
                made.over[at] = bound
            case ThresholdType.EXPECTED_OVER_ACTUAL_MARGIN | ThresholdType.ACTUAL_IS_BELOW_EXPECTED:
                made.below[at] = bound
            case ThresholdType.ACTUAL_OVER_EXPECTED_RATIO:
                made.over_ratio[at] = bound
            case ThresholdType.EXPECTED_OVER_ACTUAL_RATIO:
                made.below_ratio[at] = bound
    return made
