"""Options of a detector at work: empty windows that count, anomalies that are ignored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.documents import API, MINUTE, START, detector, finished_task
from tests.support.rest import RestClient

INDEX = "options_log"
WINDOWS = 400
SILENT = range(300, 306)
SPIKE = 350


@pytest.fixture(scope="module", autouse=True)
def documents(rest: RestClient) -> None:
    """One document a minute, but for six minutes of silence and one spike."""
    properties = {"timestamp": {"type": "date"}, "value": {"type": "double"}}
    rest("PUT", f"/{INDEX}", {"mappings": {"properties": properties}})
    lines = []
    for window in range(WINDOWS + 1):
        if window in SILENT:
            continue
        value = 100.0 + window % 7 + (300.0 if window == SPIKE else 0.0)
        document = {"timestamp": START + window * MINUTE, "value": value}
        lines += ['{"index":{}}', json.dumps(document)]
    assert not rest("POST", f"/{INDEX}/_bulk", ("\n".join(lines) + "\n").encode()).json["errors"]


def options_of(source: dict[str, Any]) -> dict[str, Any]:
    keys = ("imputation_option", "recency_emphasis", "history", "rules")
    return {key: source[key] for key in keys if key in source}


def run(rest: RestClient, name: str, **options: Any) -> dict[int, dict[str, Any]]:
    """Run a detector over everything; results by number of the window."""
    created = rest("POST", f"{API}/detectors", detector(name, INDEX, **options))
    assert created.status == 201, created.body
    assert "warning" not in created.headers
    id = created.json["_id"]
    assert options_of(rest("GET", f"{API}/detectors/{id}").json["anomaly_detector"]) == options
    period = {"start_time": START, "end_time": START + WINDOWS * MINUTE}
    task = rest("POST", f"{API}/detectors/{id}/_start", period).json["_id"]
    assert finished_task(rest, id)["state"] == "FINISHED"
    body = {"query": {"term": {"task_id": task}}, "size": 1000}
    hits = rest("POST", f"{API}/detectors/results/_search", body).json["hits"]["hits"]
    results = [hit["_source"] for hit in hits]
    return {(result["data_start_time"] - START) // MINUTE: result for result in results}


def test_without_an_option_silence_is_left_out(rest: RestClient) -> None:
    """A window without documents has no result, and none says anything of imputation."""
    results = run(rest, "options-none")
    assert not set(SILENT) & set(results)
    assert not any("feature_imputed" in result for result in results.values())
    assert results[SPIKE]["anomaly_grade"] > 0


def test_a_drop_to_zero_is_seen(rest: RestClient) -> None:
    """With ZERO the silence is an anomaly, and its results say that the value was made up."""
    results = run(rest, "options-zero", imputation_option={"method": "ZERO"})
    assert len(results) == WINDOWS
    assert max(results[window]["anomaly_grade"] for window in SILENT) > 0
    for window, result in results.items():
        [imputed] = result["feature_imputed"]
        assert imputed["imputed"] is (window in SILENT)
        assert imputed["feature_id"] == result["feature_data"][0]["feature_id"]
        assert (result["feature_data"][0]["data"] == 0.0) is (window in SILENT)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ({"method": "PREVIOUS"}, 100.0 + 299 % 7),
        ({"method": "FIXED_VALUES", "default_fill": [{"feature_name": "test", "data": 103.5}]},
         103.5),
    ],
)  # fmt: skip
def test_other_values_for_silence(rest: RestClient, option: dict[str, Any], value: float) -> None:
    """The last value, or the one that the detector names."""
    results = run(rest, f"options-{option['method']}", imputation_option=option)
    assert [results[window]["feature_data"][0]["data"] for window in SILENT] == [value] * 6


def rule(kind: str, bound: float | None = None) -> dict[str, Any]:
    condition: dict[str, Any] = {"feature_name": "test", "threshold_type": kind}
    if bound is not None:
        condition |= {"operator": "LTE", "value": bound}
    return {"action": "IGNORE_ANOMALY", "conditions": [condition]}


@pytest.mark.parametrize(
    ("rules", "ignored"),
    [
        ([rule("ACTUAL_IS_OVER_EXPECTED")], True),
        ([rule("ACTUAL_IS_BELOW_EXPECTED")], False),
        ([rule("ACTUAL_OVER_EXPECTED_MARGIN", 500.0)], True),
        ([rule("ACTUAL_OVER_EXPECTED_MARGIN", 100.0)], False),
        ([rule("ACTUAL_OVER_EXPECTED_RATIO", 0.9)], True),
        ([rule("EXPECTED_OVER_ACTUAL_RATIO", 0.9), rule("ACTUAL_OVER_EXPECTED_RATIO", 0.2)],
         False),
    ],
)  # fmt: skip
def test_rules_ignore_what_nobody_minds(
    rest: RestClient, rules: list[dict[str, Any]], ignored: bool
) -> None:
    """An ignored window is no anomaly and explains nothing; its score stays."""
    name = "-".join(one["conditions"][0]["threshold_type"].lower() for one in rules)
    bound = rules[-1]["conditions"][0].get("value", "")
    result = run(rest, f"{name}{bound}"[-60:], rules=rules)[SPIKE]
    assert (result["anomaly_grade"] == 0) is ignored
    assert ("relevant_attribution" in result) is not ignored
    assert result["anomaly_score"] > result["threshold"]


def test_history_and_recency_emphasis_are_kept(rest: RestClient) -> None:
    """They are echoed; a short memory gives other scores than the default."""
    short = run(rest, "options-short", recency_emphasis=50, history=100)
    usual = run(rest, "options-usual")
    assert short[WINDOWS - 1]["anomaly_score"] != usual[WINDOWS - 1]["anomaly_score"]


def test_wrong_options_are_refused(rest: RestClient) -> None:
    """The answer names the key; validation says the same."""
    wrong = detector("options-wrong", INDEX, recency_emphasis=1)
    answer = rest("POST", f"{API}/detectors", wrong)
    assert answer.status == 400
    assert answer.reason == "Recency emphasis must be an integer greater than 1."
    validated = rest("POST", f"{API}/detectors/_validate", wrong).json
    assert list(validated["detector"]) == ["recency_emphasis"]
