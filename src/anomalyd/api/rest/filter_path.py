"""``filter_path``: keep, or leave out, parts of an answer (Elasticsearch's common option).

A filter is a path of keys, where ``*`` stands for any part of a key and ``**`` for any number of
keys: ``hits.hits._source.na*``, ``**._id``. A leading ``-`` leaves the matching parts out. Arrays
are passed through without a step of their own.
"""

from __future__ import annotations

Path = tuple[str, ...]

_NOTHING = object()
"""What is left of a part that no filter selects; None is a value."""


def filter_document(document: object, expression: str) -> object:
    """Return the parts of a document that the comma-separated filters select."""
    filters = [each.strip() for each in expression.split(",") if each.strip()]
    included = [_path(each) for each in filters if not each.startswith("-")]
    excluded = [_path(each[1:]) for each in filters if each.startswith("-")]
    kept: object = document
    if excluded:
        kept = _without(kept, excluded)
    if included:
        kept = _only(kept, included)
    return {} if kept is _NOTHING else kept


def _path(text: str) -> Path:
    return tuple(text.split("."))


def _only(value: object, paths: list[Path]) -> object:
    """Return the selected parts, or ``_NOTHING``."""
    if any(path in ((), ("**",)) for path in paths):
        return value
    if isinstance(value, dict):
        parts = {key: _only(item, _step(key, paths)) for key, item in value.items()}
        return {key: item for key, item in parts.items() if item is not _NOTHING} or _NOTHING
    if isinstance(value, list):
        items = [_only(item, paths) for item in value]
        return [item for item in items if item is not _NOTHING] or _NOTHING
    return _NOTHING


def _without(value: object, paths: list[Path]) -> object:
    if isinstance(value, dict):
        steps = {key: _step(key, paths) for key in value}
        return {
            key: _without(item, steps[key]) for key, item in value.items() if () not in steps[key]
        }
    if isinstance(value, list):
        return [_without(item, paths) for item in value]
    return value


def _step(key: str, paths: list[Path]) -> list[Path]:
    """Return what is left of the paths below a key."""
    left: list[Path] = []
    for path in paths:
        if not path:
            continue
        if path[0] == "**":
            left.append(path)
            left.extend(_step(key, [path[1:]]))
        elif _matches(path[0], key):
            left.append(path[1:])
    return left


def _matches(pattern: str, key: str) -> bool:
    """Match ``*`` in time linear in the key: each part is looked for once, from the left."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == key
    *middle, last = rest
    if not key.startswith(first) or not key.endswith(last):
        return False
    position, end = len(first), len(key) - len(last)
    for part in middle:
        found = key.find(part, position, end) if position <= end else -1
        if found < 0:
            return False
        position = found + len(part)
    return position <= end
