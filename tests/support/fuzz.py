"""Random requests made from the description of the REST API; no answer may be 5xx."""

from __future__ import annotations

from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings

from anomalyd.api.openapi import describe
from tests.support.documents import API, detector

# no request of these ends by itself, or their answer is of another kind
LEFT_OUT = frozenset({"WatchResults", "GetDashboard"})
DEFINED = frozenset({"CreateDetector", "UpdateDetector", "ValidateDetector", "SuggestParameters"})


def operations() -> list[Any]:
    """Return the operations of the description that are tried."""
    schema = schemathesis.openapi.from_dict(describe("1"))
    found = [each.ok() for each in schema.get_all_operations()]
    return [each for each in found if not LEFT_OUT & set(each.definition.raw["tags"])]


def try_all(address: str, *, examples: int) -> tuple[int, list[str]]:
    """Send so many requests to each operation, the same ones each time.

    Returns: how many were sent, and what was answered with 5xx.
    """
    sent, failed = 0, []
    with requests.Session() as session:
        there = _prepare(address, session)
        for operation in operations():

            @seed(1)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def send(case: Any) -> None:
                nonlocal sent
                sent += 1
                if sent % 2:
                    _aim(case, there)
                answer = case.call(base_url=address, session=session)
                if answer.status_code >= 500:
                    failed.append(f"{answer.status_code} {case.as_curl_command()}\n{answer.text}")

            send()
    return sent, failed


def _prepare(address: str, session: requests.Session) -> dict[str, str]:
    """Make something that paths can be about; returns the variables that mean it."""
    types = {"timestamp": {"type": "date"}, "value": {"type": "double"}}
    index = {"mappings": {"properties": types}}
    session.put(f"{address}/fuzzed", json=index).raise_for_status()
    document = {"timestamp": 1_700_000_040_000, "value": 1}
    session.put(f"{address}/fuzzed/_doc/1", json=document).raise_for_status()
    made = session.post(f"{address}{API}/detectors", json=detector("fuzzed", "fuzzed"))
    made.raise_for_status()
    return {"detector_id": made.json()["_id"], "index": "fuzzed", "job_id": "fuzzed", "id": "1"}


def _aim(case: Any, there: dict[str, str]) -> None:
    """Make a request be about what is there, and a detector's definition nearly right."""
    tags = set(case.operation.definition.raw["tags"])
    if not tags & {"DeleteDetector", "DeleteIndex"}:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = there.get(name, case.path_parameters[name])
    if isinstance(case.body, dict) and tags & DEFINED:
        given = {key: value for key, value in list(case.body.items())[:2] if key != "indices"}
        case.body = {**detector("fuzzed", "fuzzed"), **given}
