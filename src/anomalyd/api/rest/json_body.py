"""JSON in and out of the REST facade: strict, and exact in numbers and key order."""

from __future__ import annotations

from typing import Any

import orjson

from anomalyd.errors import IllegalArgument, MalformedJson, ParsingError

DEEPEST = 100
"""Levels of nesting in a body; documents that are stored come back out through the same limit."""


def decode(body: bytes) -> object:
    """Return what the JSON says. Raises: MalformedJson telling where it goes wrong."""
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(
            f"the body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    if _depth(value) > DEEPEST:
        raise IllegalArgument(f"the body is nested deeper than {DEEPEST} levels")
    return value


def decode_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object. Raises: MalformedJson, ParsingError when it is no object."""
    value = decode(body)
    if not isinstance(value, dict):
        raise ParsingError(
            f"Failed to parse object: expecting token of type [START_OBJECT] but found "
            f"[{_token(value)}]",
            details={"line": 1, "col": 1},
        )
    return value


def encode(document: object, *, pretty: bool) -> bytes:
    """Return the document as JSON, with a line end when it is for people."""
    if not pretty:
        return orjson.dumps(document)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _depth(value: object) -> int:
    depth = 0
    level: list[object] = [value]
    while containers := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [
            item
            for each in containers
            for item in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def _token(value: object) -> str:
    """Return Elasticsearch's name for the first token of a JSON value."""
    if isinstance(value, list):
        return "START_ARRAY"
    if isinstance(value, str):
        return "VALUE_STRING"
    if isinstance(value, bool):
        return "VALUE_BOOLEAN"
    return "VALUE_NULL" if value is None else "VALUE_NUMBER"
