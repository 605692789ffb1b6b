"""Answers as YAML, for those who ask for ``format=yaml``.

In the style of Elasticsearch's: block form, texts in double quotes as in JSON, which YAML reads
alike but for a few characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import orjson

YAML = "application/yaml; charset=UTF-8"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# words that YAML reads as something other than a text
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
# what JSON leaves as it is and YAML does not print, or takes for the end of a line
_SPECIAL = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def encode_yaml(document: object) -> bytes:
    """Return a document as one YAML document, its start marked, with a line end."""
    return ("---" + _value(document, 0) + "\n").encode()


def _value(value: object, depth: int) -> str:
    """Return what stands behind ``---``, ``key:`` or ``-``."""
    if isinstance(value, Mapping) and value:
        return "".join(f"\n{line}" for line in _members(value, depth))
    if isinstance(value, list | tuple) and value:
        return "".join(f"\n{'  ' * depth}-{_element(each, depth)}" for each in value)
    return " " + _quoted(value)


def _members(members: Mapping[str, object], depth: int) -> Iterator[str]:
    for key, value in members.items():
        # a list stands as deep as its key, as in Elasticsearch's answers
        below = depth if isinstance(value, list | tuple) else depth + 1
        yield f"{'  ' * depth}{_key(key)}:{_value(value, below)}"


def _element(value: object, depth: int) -> str:
    """Return an element of a list; the first member of an object follows the dash."""
    if isinstance(value, Mapping) and value:
        return " " + "\n".join(_members(value, depth + 1)).lstrip(" ")
    return _value(value, depth + 1)


def _key(key: str) -> str:
    plain = _PLAIN.fullmatch(key) and key.lower() not in _WORDS
    return key if plain else _quoted(key)


def _quoted(value: object) -> str:
    return _SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(value).decode())
