"""Options of a detector that change what counts as an anomaly (behaviour §17), or who is to blame.

``imputation_option`` says what an empty window is worth, ``rules`` which anomalies nobody wants to
hear of, ``influencers`` whose values besides the category fields' are looked into. They are absent
from the document unless they were set, and are kept as they were written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from anomalyd.errors import DetectorInvalid
from anomalyd.model import reading

Document = dict[str, Any]
Choice = TypeVar("Choice", bound=Enum)

IGNORE_ANOMALY = "IGNORE_ANOMALY"
LTE = "LTE"
MOST_INFLUENCERS = 10
"""Further fields whose values may be to blame; each costs queries when something is unusual."""
LONGEST_HISTORY = 10_000
"""Windows that a model may be trained with from the past."""


class ImputationMethod(Enum):
    """What stands for the value of a feature in a window that has none."""

    ZERO = "ZERO"
    FIXED_VALUES = "FIXED_VALUES"
    PREVIOUS = "PREVIOUS"
    MISSING = "MISSING"


class ThresholdType(Enum):
    """What a condition compares; the first four have a bound.

    Differences are of the actual value from the expected one; ratios are differences divided by
    the size of the actual value, as the forest's own rules have it.
    """

    ACTUAL_OVER_EXPECTED_MARGIN = "ACTUAL_OVER_EXPECTED_MARGIN"
    EXPECTED_OVER_ACTUAL_MARGIN = "EXPECTED_OVER_ACTUAL_MARGIN"
    ACTUAL_OVER_EXPECTED_RATIO = "ACTUAL_OVER_EXPECTED_RATIO"
    EXPECTED_OVER_ACTUAL_RATIO = "EXPECTED_OVER_ACTUAL_RATIO"
    ACTUAL_IS_BELOW_EXPECTED = "ACTUAL_IS_BELOW_EXPECTED"
    ACTUAL_IS_OVER_EXPECTED = "ACTUAL_IS_OVER_EXPECTED"

    @property
    def bounded(self) -> bool:
        """Whether a condition of this type needs ``operator`` and ``value``."""
        return not self.name.startswith("ACTUAL_IS")


@dataclass(frozen=True, kw_only=True)
class Imputation:
    """``imputation_option``.

    Attributes:
        fill: value by feature name, for FIXED_VALUES: one for each enabled feature.
    """

    method: ImputationMethod
    fill: Mapping[str, float]

    def render(self) -> Document:
        """Return the document form."""
        document: Document = {"method": self.method.value}
        if self.fill:
            document["default_fill"] = [
                {"feature_name": name, "data": value} for name, value in self.fill.items()
            ]
        return document


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition of a rule.

    Attributes:
        bound: the largest difference that is ignored, not negative; None where the type has none.
    """

    feature_name: str
    threshold_type: ThresholdType
    bound: float | None

    def render(self) -> Document:
        """Return the document form."""
        document: Document = {
            "feature_name": self.feature_name,
            "threshold_type": self.threshold_type.value,
        }
        if self.bound is not None:
            document |= {"operator": LTE, "value": self.bound}
        return document


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Anomalies to ignore: those whose every feature that the rule names is near enough.

    A feature is near enough when the conditions about it allow its difference on the side that it
    lies on; a side without a condition allows nothing.
    """

    conditions: tuple[Condition, ...]

    def render(self) -> Document:
        """Return the document form."""
        return {
            "action": IGNORE_ANOMALY,
            "conditions": [condition.render() for condition in self.conditions],
        }


@dataclass(frozen=True, kw_only=True)
class DetectorOptions:
    """All options; None and ``()`` are absent from the document.

    Attributes:
        history: windows of the past that models are trained with before they run in real time.
        recency_emphasis: how many windows the model's memory lasts; fewer adapt faster.
        influencers: fields besides the category fields whose values may be to blame.
    """

    imputation: Imputation | None = None
    rules: tuple[Rule, ...] = ()
    history: int | None = None
    recency_emphasis: int | None = None
    influencers: tuple[str, ...] = ()

    def render(self) -> Document:
        """Return the keys of the detector's document that these are."""
        document: Document = {}
        if self.imputation is not None:
            document["imputation_option"] = self.imputation.render()
        if self.recency_emphasis is not None:
            document["recency_emphasis"] = self.recency_emphasis
        if self.history is not None:
            document["history"] = self.history
        if self.rules:
            document["rules"] = [rule.render() for rule in self.rules]
        if self.influencers:
            document["influencers"] = list(self.influencers)
        return document


NO_OPTIONS = DetectorOptions()

KEYS = frozenset({"imputation_option", "rules", "history", "recency_emphasis", "influencers"})
"""The keys of ``DetectorOptions.render``."""


def parse_options(document: Mapping[str, Any], enabled_features: Sequence[str]) -> DetectorOptions:
    """Read the options of a detector's document.

    Args:
        document: the detector's.
        enabled_features: names of the features that are computed.

    Raises:
        DetectorInvalid: a rule is broken; the reason names the key and what is allowed.
        IllegalArgument: a value of a wrong JSON type.
    """
    return DetectorOptions(
        imputation=_imputation(document.get("imputation_option"), enabled_features),
        rules=_rules(document.get("rules"), enabled_features),
        history=_history(document.get("history")),
        recency_emphasis=_recency_emphasis(document.get("recency_emphasis")),
        influencers=_influencers(document.get("influencers")),
    )


def _influencers(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    aspect = "influencers"
    fields = reading.texts(value, aspect)
    if len(fields) > MOST_INFLUENCERS:
        raise DetectorInvalid(
            f"[{aspect}] can have at most {MOST_INFLUENCERS} fields", aspect=aspect
        )
    if "" in fields or len(set(fields)) < len(fields):
        raise DetectorInvalid(
            f"[{aspect}] must have names of fields, each of them once", aspect=aspect
        )
    for one in fields:
        # a result has its field's name as a key, and could not have both
        longer = [other for other in fields if other.startswith(f"{one}.")]
        if longer:
            raise DetectorInvalid(
                f"Fields [{one}] and [{longer[0]}] cannot both be used in the same analysis_config",
                aspect=aspect,
            )
    return fields


def _history(value: object) -> int | None:
    if value is None:
        return None
    history = reading.whole_number(value, "history")
    if history < 1:
        raise DetectorInvalid("History must be a positive integer", aspect="history")
    if history > LONGEST_HISTORY:
        raise DetectorInvalid(
            f"We cannot look back more than {LONGEST_HISTORY} intervals.", aspect="history"
        )
    return history


def _recency_emphasis(value: object) -> int | None:
    if value is None:
        return None
    emphasis = reading.whole_number(value, "recency_emphasis")
    if emphasis <= 1:
        raise DetectorInvalid(
            "Recency emphasis must be an integer greater than 1.", aspect="recency_emphasis"
        )
    return emphasis


def _imputation(value: object, features: Sequence[str]) -> Imputation | None:
    if value is None:
        return None
    aspect = "imputation_option"
    document = reading.mapping(value, aspect)
    _only(document, {"method", "default_fill"}, aspect)
    method = _choice(document.get("method"), ImputationMethod, f"{aspect}.method", aspect)
    fill = _fill(document.get("default_fill"), aspect)
    if method is not ImputationMethod.FIXED_VALUES and fill:
        raise DetectorInvalid(
            f"[{aspect}.default_fill] is for the method FIXED_VALUES only", aspect=aspect
        )
    if method is ImputationMethod.FIXED_VALUES and set(fill) != set(features):
        raise DetectorInvalid(
            f"[{aspect}.default_fill] must have a value for each enabled feature and for nothing "
            f"else: {', '.join(features)}",
            aspect=aspect,
        )
    return Imputation(method=method, fill=fill)


def _fill(value: object, aspect: str) -> dict[str, float]:
    fill = {}
    for one in () if value is None else reading.mappings(value, f"{aspect}.default_fill"):
        _only(one, {"feature_name", "data"}, aspect)
        name = reading.text(one.get("feature_name"), f"{aspect}.default_fill.feature_name")
        fill[name] = _number(one.get("data"), f"{aspect}.default_fill.data", aspect)
    return fill


def _rules(value: object, features: Sequence[str]) -> tuple[Rule, ...]:
    if value is None:
        return ()
    return tuple(_rule(one, features) for one in reading.mappings(value, "rules"))


def _rule(document: Mapping[str, Any], features: Sequence[str]) -> Rule:
    _only(document, {"action", "conditions"}, "rules")
    action = document.get("action", IGNORE_ANOMALY)
    if action != IGNORE_ANOMALY:
        raise DetectorInvalid(
            f"[rules.action] can only be {IGNORE_ANOMALY}, not [{action}]", aspect="rules"
        )
    conditions = document.get("conditions")
    if not conditions:
        raise DetectorInvalid("[rules.conditions] must have at least one", aspect="rules")
    return Rule(
        conditions=tuple(
            _condition(one, features) for one in reading.mappings(conditions, "rules.conditions")
        )
    )


def _condition(document: Mapping[str, Any], features: Sequence[str]) -> Condition:
    place = "rules.conditions"
    _only(document, {"feature_name", "threshold_type", "operator", "value"}, "rules")
    name = reading.text(document.get("feature_name"), f"{place}.feature_name")
    if name not in features:
        raise DetectorInvalid(
            f"[{place}.feature_name] names [{name}], which is no enabled feature", aspect="rules"
        )
    kind = _choice(
        document.get("threshold_type"), ThresholdType, f"{place}.threshold_type", "rules"
    )
    if not kind.bounded:
        if document.get("operator") is not None or document.get("value") is not None:
            raise DetectorInvalid(
                f"{kind.value} takes neither [operator] nor [value]", aspect="rules"
            )
        return Condition(feature_name=name, threshold_type=kind, bound=None)
    if document.get("operator", LTE) != LTE:
        raise DetectorInvalid(f"[{place}.operator] can only be {LTE}", aspect="rules")
    bound = _number(document.get("value"), f"{place}.value", "rules")
    if bound < 0:
        raise DetectorInvalid(f"[{place}.value] must not be negative", aspect="rules")
    return Condition(feature_name=name, threshold_type=kind, bound=bound)


def _choice(value: object, choices: type[Choice], place: str, aspect: str) -> Choice:
    try:
        return choices(value)
    except ValueError:
        allowed = ", ".join(str(each.value) for each in choices)
        raise DetectorInvalid(f"[{place}] must be one of {allowed}", aspect=aspect) from None


def _number(value: object, place: str, aspect: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DetectorInvalid(f"[{place}] must be a number", aspect=aspect)
    return float(value)


def _only(document: Mapping[str, Any], known: set[str], aspect: str) -> None:
    unknown = sorted(set(document) - known)
    if unknown:
        raise DetectorInvalid(
            f"[{aspect}] knows no [{unknown[0]}], only {', '.join(sorted(known))}", aspect=aspect
        )
