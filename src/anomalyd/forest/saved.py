"""A forest as bytes: its parameters and its model's checkpoint (docs/formats/forest-v1.md)."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

MAGIC = b"anomalyf"
VERSION = 1
_HEADER = struct.Struct("<8sII")
_CHECKSUM = struct.Struct("<I")


def pack(kind: str, parameters: Mapping[str, Any], checkpoint: bytes) -> bytes:
    """Return the bytes of a forest of this kind, parameters as JSON can hold them."""
    text = json.dumps({"kind": kind, **parameters}, sort_keys=True).encode()
    body = _HEADER.pack(MAGIC, VERSION, len(text)) + text + checkpoint
    return body + _CHECKSUM.pack(zlib.crc32(body))


def unpack(kind: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the parameters and the checkpoint that ``pack`` put together.

    Raises: ValueError that says why the bytes are not those of such a forest.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("not the bytes of a forest")
    if len(data) < _HEADER.size + _CHECKSUM.size:
        raise ValueError("damaged: the bytes end too early")
    _, version, length = _HEADER.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"version {version} is unknown; this is version {VERSION}")
    end = len(data) - _CHECKSUM.size
    if zlib.crc32(data[:end]) != _CHECKSUM.unpack_from(data, end)[0]:
        raise ValueError("damaged: the checksum differs")
    start = _HEADER.size + length
    try:
        parameters = json.loads(data[_HEADER.size : start])
    except ValueError as problem:
        raise ValueError("damaged: the parameters cannot be read") from problem
    if not isinstance(parameters, dict) or start > end:
        raise ValueError("damaged: the parameters cannot be read")
    found = parameters.pop("kind", None)
    if found != kind:
        raise ValueError(f"the bytes of a {found}, not of a {kind}")
    return parameters, data[start:end]
