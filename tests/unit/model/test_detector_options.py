"""Options of a detector ⇄ their document form; what is refused, and how."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalyd.errors import DetectorInvalid, InvalidRequest
from anomalyd.model.detector_options import (
    Condition,
    DetectorOptions,
    Imputation,
    ImputationMethod,
    Rule,
    ThresholdType,
    parse_options,
)
from tests.unit.model.test_reading import JSON

FEATURES = ("cpu", "errors")


def condition(**changes: Any) -> dict[str, Any]:
    base = {
        "feature_name": "cpu",
        "threshold_type": "ACTUAL_OVER_EXPECTED_RATIO",
        "operator": "LTE",
        "value": 0.2,
    }
    return {key: value for key, value in (base | changes).items() if value is not None}


def rules(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"rules": [{"action": "IGNORE_ANOMALY", "conditions": list(conditions)}]}


def fixed(*values: tuple[str, float]) -> dict[str, Any]:
    fill = [{"feature_name": name, "data": value} for name, value in values]
    return {"imputation_option": {"method": "FIXED_VALUES", "default_fill": fill}}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"imputation_option": {"method": "ZERO"}},
        {"imputation_option": {"method": "PREVIOUS"}},
        {"imputation_option": {"method": "MISSING"}},
        fixed(("cpu", 1.5), ("errors", 0.0)),
        {"recency_emphasis": 2, "history": 10_000},
        rules(condition(), condition(threshold_type="EXPECTED_OVER_ACTUAL_RATIO")),
        rules(condition(threshold_type="ACTUAL_IS_BELOW_EXPECTED", operator=None, value=None)),
    ],
)
def test_what_is_read_is_shown_again(document: dict[str, Any]) -> None:
    """Options are echoed as they were written; those that were not set are absent."""
    assert parse_options(document, FEATURES).render() == document


def test_defaults_are_filled_in() -> None:
    """The only action and the only operator need not be said."""
    bare = {"rules": [{"conditions": [condition(operator=None)]}]}
    assert parse_options(bare, FEATURES).render() == rules(condition())
    assert parse_options({"rules": []}, FEATURES).render() == {}


@pytest.mark.parametrize(
    ("document", "aspect", "reason"),
    [
        ({"history": 0}, "history", "History must be a positive integer"),
        ({"history": 10_001}, "history", "We cannot look back more than 10000 intervals."),
        ({"recency_emphasis": 1}, "recency_emphasis",
         "Recency emphasis must be an integer greater than 1."),
        ({"imputation_option": {"method": "MEAN"}}, "imputation_option",
         "[imputation_option.method] must be one of ZERO, FIXED_VALUES, PREVIOUS, MISSING"),
        ({"imputation_option": {}}, "imputation_option", "[imputation_option.method] must be"),
        ({"imputation_option": {"method": "ZERO", "fill": 1}}, "imputation_option",
         "[imputation_option] knows no [fill], only default_fill, method"),
        (fixed(("cpu", 1.0)), "imputation_option",
         "must have a value for each enabled feature and for nothing else: cpu, errors"),
        (fixed(("cpu", 1.0), ("errors", 2.0), ("other", 3.0)), "imputation_option",
         "for nothing else"),
        (fixed(("cpu", True), ("errors", 2.0)), "imputation_option",
         "[imputation_option.default_fill.data] must be a number"),
        ({"imputation_option": {"method": "ZERO", "default_fill": fixed(("cpu", 1.0))
          ["imputation_option"]["default_fill"]}}, "imputation_option",
         "is for the method FIXED_VALUES only"),
        ({"rules": [{"action": "ALERT", "conditions": [condition()]}]}, "rules",
         "[rules.action] can only be IGNORE_ANOMALY, not [ALERT]"),
        ({"rules": [{"action": "IGNORE_ANOMALY"}]}, "rules", "must have at least one"),
        (rules(condition(feature_name="nosuch")), "rules",
         "names [nosuch], which is no enabled feature"),
        (rules(condition(threshold_type="BELOW")), "rules",
         "[rules.conditions.threshold_type] must be one of ACTUAL_OVER_EXPECTED_MARGIN"),
        (rules(condition(operator="GTE")), "rules", "[rules.conditions.operator] can only be LTE"),
        (rules(condition(value=-0.1)), "rules", "[rules.conditions.value] must not be negative"),
        (rules(condition(value=None)), "rules", "[rules.conditions.value] must be a number"),
        (rules(condition(threshold_type="ACTUAL_IS_OVER_EXPECTED")), "rules",
         "ACTUAL_IS_OVER_EXPECTED takes neither [operator] nor [value]"),
    ],
)  # fmt: skip
def test_what_is_refused(document: dict[str, Any], aspect: str, reason: str) -> None:
    """The reason names the key and what is allowed."""
    with pytest.raises(DetectorInvalid) as caught:
        parse_options(document, FEATURES)
    assert caught.value.aspect == aspect
    assert reason in caught.value.reason


@given(st.dictionaries(st.sampled_from(["imputation_option", "rules", "history"]), JSON))
def test_any_json_is_read_or_refused(document: dict[str, Any]) -> None:
    """Nothing else than our own error comes out; what is read is read again the same."""
    try:
        options = parse_options(document, FEATURES)
    except InvalidRequest:
        return
    assert parse_options(options.render(), FEATURES) == options


OPTIONS = st.builds(
    DetectorOptions,
    imputation=st.none()
    | st.builds(
        Imputation,
        method=st.sampled_from([ImputationMethod.ZERO, ImputationMethod.PREVIOUS]),
        fill=st.just({}),
    ),
    rules=st.lists(
        st.builds(
            Rule,
            conditions=st.lists(
                st.builds(
                    Condition,
                    feature_name=st.sampled_from(FEATURES),
                    threshold_type=st.sampled_from([t for t in ThresholdType if t.bounded]),
                    bound=st.floats(0, 1e9),
                ),
                min_size=1,
            ).map(tuple),
        )
    ).map(tuple),
    history=st.none() | st.integers(1, 10_000),
    recency_emphasis=st.none() | st.integers(2, 100_000),
)


@given(OPTIONS)
def test_options_survive_their_document(options: DetectorOptions) -> None:
    """What is stored is what is restored."""
    assert parse_options(options.render(), FEATURES) == options
