"""How an answer differs from a recorded one, in words that the page of differences can list."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.document.compare import Difference, differences
from tests.contract.transcripts.recording import Recording, Translation, without
from tests.support.rest import RestAnswer

# The recorded system had no security.
CALLER = frozenset({"user", "started_by", "stopped_by"})
# Answers that the reference reads out of an index, whose keys have no order.
STORED = frozenset({"_source"})


def outcome(
    recording: Recording, answer: RestAnswer, translation: Translation
) -> frozenset[str | Difference]:
    """Return what differs: status, an error's type or words, or the shape of a document."""
    found: set[str | Difference] = set()
    if answer.status != recording.status:
        found.add(f"status {answer.status} for {recording.status}")
    expected = translation.answer(recording.answer)
    actual = _document(answer)
    theirs, ours = _error(expected), _error(actual)
    if theirs is not None and ours is not None:
        if theirs.get("type") != ours.get("type"):
            found.add(f"type {ours.get('type')} for {theirs.get('type')}")
        if theirs.get("reason") != ours.get("reason"):
            found.add("other words")
        return frozenset(found)
    if (theirs is None) != (ours is None) and answer.status != recording.status:
        # The status says it all: two documents of different kinds have no shape in common.
        return frozenset(found)
    if isinstance(expected, dict) and isinstance(actual, dict):
        found |= differences(expected, actual, unordered=STORED, constants=frozenset())
    elif type(expected) is not type(actual):
        found.add(f"{_kind(actual)} for {_kind(expected)}")
    return frozenset(found)


def _document(answer: RestAnswer) -> Any:
    """Return the body as JSON without the caller's name; a text when it is no JSON."""
    if not answer.body:
        return None
    try:
        return without(CALLER, answer.json)
    except json.JSONDecodeError:
        return answer.body.decode()


def _error(document: Any) -> dict[str, Any] | None:
    if isinstance(document, dict) and "error" in document:
        error = document["error"]
        # Some refusals are a text alone.
        return error if isinstance(error, dict) else {"reason": error}
    return None


def _kind(value: Any) -> str:
    return {dict: "object", str: "text", type(None): "nothing"}.get(type(value), "array")
