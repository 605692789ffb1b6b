"""The recorded requests and answers, and their translation into names that exist here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDED_NOW = 1_795_313_880_000
"""The end of the recorded data, at a full minute."""
RECORDED_TIMES = range(1_795_000_000_000, 1_796_000_000_000)
NODE = "HEfaotkERiuRocyjbI6Q9Q"
# Names of the recorded system, longest first, and what they are called here.
NAMES = (
    (".opendistro-anomaly-detection-state", ".searchguard-ad-state"),
    (".opendistro-anomaly-detectors", ".searchguard-ad-anomaly-detectors"),
    (".opendistro-anomaly-results", ".searchguard-ad-results"),
    ("opensearch-ad-plugin-result-", "searchguard-ad-result-"),
)


@dataclass(frozen=True)
class Recording:
    """One request and its answer.

    Attributes:
        number: three digits, its place in the whole recording.
        name: what it is about.
        method: HTTP method.
        path: with the recorded prefix, which answers here too.
        content_type: of the request; None without a body.
        body: of the request: JSON, a text that is no JSON, or None.
        status: HTTP status.
        answer: JSON body; None without one.
    """

    number: str
    name: str
    method: str
    path: str
    content_type: str | None
    body: Any
    status: int
    answer: Any


def read_recordings(folder: Path) -> tuple[Recording, ...]:
    """Return all recordings in the order of their numbers."""
    found: list[Recording] = []
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text())
        found.append(
            Recording(
                number=path.name[:3],
                name=told["name"],
                method=told["method"],
                path=told["path"],
                content_type=told["request_content_type"],
                body=told["request_body"],
                status=told["status"],
                answer=told["response_body"],
            )
        )
    return tuple(found)


class Translation:
    """Recorded ids, names and times to ours.

    Args:
        ids: recorded ids of detectors, tasks and the node, and ours; may grow.
        now: our end of the data.
    """

    def __init__(self, ids: Mapping[str, str], now: int) -> None:
        self._ids = ids
        self._now = now

    def text(self, text: str) -> str:
        """Translate the names in a text."""
        for theirs, ours in (*self._ids.items(), *NAMES):
            text = text.replace(theirs, ours)
        return text

    def value(self, value: Any) -> Any:
        """Translate a JSON value."""
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int) and value in RECORDED_TIMES:
            return value - RECORDED_NOW + self._now
        return value

    def answer(self, answer: Any) -> Any:
        """Translate a recorded answer; mapping types went with version 7."""
        return without(frozenset({"_type"}), self.value(answer))


def without(keys: frozenset[str], value: Any) -> Any:
    """Return a JSON value without some keys, at any depth."""
    if isinstance(value, dict):
        return {key: without(keys, item) for key, item in value.items() if key not in keys}
    if isinstance(value, list):
        return [without(keys, item) for item in value]
    return value
