"""The shape of a JSON document: its keys in their order, and the types of its values."""

from __future__ import annotations

NONE = type(None)


def shape(value: object) -> object:
    """Return keys in order and types; the elements of an array have one shape."""
    if isinstance(value, dict):
        return [(key, shape(item)) for key, item in value.items()]
    if isinstance(value, list):
        shapes = [shape(item) for item in value]
        return ["array", *([shapes[0]] if shapes else [])]
    return type(value)
