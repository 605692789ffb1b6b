"""Bulk bodies: lines of actions and documents to operations (nothing is applied here).

A body that is no bulk body at all is refused as a whole. A document that cannot be read only
fails its own operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from anomalyd.embedded.item_error import ItemError, parse_failure
from anomalyd.errors import ActionInvalid, IllegalArgument

ACTIONS = frozenset({"index", "create", "update", "delete"})
# Accepted without effect: there is one shard and nothing waits.
_IGNORED = {"_type", "routing", "_routing", "retry_on_conflict", "require_alias"}
_PARAMETERS = frozenset({"_index", "_id", "if_seq_no", "if_primary_term", *_IGNORED})


@dataclass(frozen=True, slots=True)
class Operation:
    """One action of a bulk request.

    Attributes:
        action: ``index``, ``create``, ``update`` or ``delete``.
        index: the index's name.
        id: the document's id; None where one has to be made.
        document: the JSON object of the source line; empty for ``delete``.
        text: the source line.
        if_seq_no: apply only to the document with this sequence number.
        error: why this operation cannot be applied, or None.
    """

    action: str
    index: str
    id: str | None
    document: dict[str, Any]
    text: str
    if_seq_no: int | None = None
    error: ItemError | None = None


def parse_bulk(
    body: bytes, default_index: str | None, *, reserved_prefix: str | None = None
) -> list[Operation]:
    """Read a body.

    Args:
        body: action lines and source lines, each ended by a newline.
        default_index: index of actions that name none.
        reserved_prefix: actions on indices whose names begin so fail, each by itself.

    Raises: IllegalArgument, ActionInvalid.
    """
    if not body.strip():
        raise ActionInvalid("no requests added")
    if not body.endswith(b"\n"):
        raise IllegalArgument("The bulk request must be terminated by a newline [\\n]")
    try:
        lines = body.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise IllegalArgument(f"The bulk request is not UTF-8: {error}") from error
    return list(_operations(lines, default_index, reserved_prefix))


def _operations(
    lines: list[str], default_index: str | None, reserved_prefix: str | None
) -> Iterator[Operation]:
    # bulk helpers repeat the same action line thousands of times
    known: dict[str, _Action] = {}
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        if not line.strip():
            continue
        action = known.get(line)
        if action is None:
            action = known[line] = _parse_action(line, number, default_index, reserved_prefix)
        if action.name == "delete":
            yield Operation(
                "delete", action.index, action.id, {}, "", action.if_seq_no, action.error
            )
            continue
        _, text = next(numbered)
        # the last line is empty: it is what follows the last newline
        if number + 1 == len(lines):
            raise IllegalArgument(
                f"Malformed action/metadata line [{number}], expected a source line after it"
            )
        document, error = parse_document(text)
        error = action.error or error
        yield Operation(
            action.name, action.index, action.id, document, text, action.if_seq_no, error
        )


@dataclass(frozen=True, slots=True)
class _Action:
    name: str
    index: str
    id: str | None
    if_seq_no: int | None
    error: ItemError | None


def _parse_action(
    line: str, number: int, default_index: str | None, reserved_prefix: str | None
) -> _Action:
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise IllegalArgument(f"Malformed action/metadata line [{number}]: {error}") from error
    if not isinstance(body, dict) or len(body) != 1:
        raise IllegalArgument(
            f"Malformed action/metadata line [{number}], expected one action as an object"
        )
    [(name, meta)] = body.items()
    if name not in ACTIONS:
        expected = ", ".join(sorted(ACTIONS))
        raise IllegalArgument(
            f"Malformed action/metadata line [{number}], expected field [{expected}] "
            f"but found [{name}]"
        )
    if not isinstance(meta, dict):
        raise IllegalArgument(
            f"Malformed action/metadata line [{number}], expected START_OBJECT "
            f"but found [{type(meta).__name__}]"
        )
    for key in meta:
        if key not in _PARAMETERS:
            raise IllegalArgument(
                f"Action/metadata line [{number}] contains an unknown parameter [{key}]"
            )
    index, id, if_seq_no = meta.get("_index", default_index), meta.get("_id"), meta.get("if_seq_no")
    if not index:
        raise ActionInvalid("index is missing")
    if name in ("delete", "update") and not id:
        raise ActionInvalid("id is missing")
    if not isinstance(if_seq_no, int | None):
        raise IllegalArgument(f"Action/metadata line [{number}]: [if_seq_no] must be a number")
    refused = _refused(str(index), id, reserved_prefix)
    return _Action(name, str(index), None if id is None else str(id), if_seq_no, refused)


def _refused(index: str, id: object, reserved_prefix: str | None) -> ItemError | None:
    """Return why an action that was understood cannot be applied, or None."""
    if id == "":
        reason = "if _id is specified it must not be empty"
    elif reserved_prefix is not None and index.startswith(reserved_prefix):
        reason = f"index [{index}] is kept by anomalyd and cannot be changed directly"
    else:
        return None
    return ItemError("illegal_argument_exception", reason)


def parse_document(text: str) -> tuple[dict[str, Any], ItemError | None]:
    """Read a source line; returns the document, or why it is none."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return {}, parse_failure(ItemError("json_parse_exception", str(error)))
    if not isinstance(document, dict):
        reason = f"Malformed content, found {type(document).__name__} instead of an object"
        return {}, parse_failure(ItemError("not_x_content_exception", reason))
    return document, None
