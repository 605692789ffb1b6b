"""Files of JSON documents: one a line, or all in one array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from anomalyd.errors import IllegalArgument
from anomalyd.source.importing.batches import (
    BATCH_SIZE,
    Batch,
    LineProblem,
    OpenFile,
    open_content,
)

_BLOCK = 4 * 1024 * 1024


def read_json_lines(path: Path) -> Iterator[Batch]:
    """Read a file with one JSON object a line; blank lines are skipped.

    Raises: IllegalArgument when the file cannot be read.
    """
    with open_content(path) as file:
        lines: list[bytes] = []
        first = 1
        for block in _line_blocks(file):
            lines += block
            while len(lines) >= BATCH_SIZE:
                yield read_lines(lines[:BATCH_SIZE], first, file.position)
                lines = lines[BATCH_SIZE:]
                first += BATCH_SIZE
        if lines:
            yield read_lines(lines, first, file.position)


def read_json_array(path: Path) -> Iterator[Batch]:
    """Read a file that is one JSON array of objects; it is held in memory as a whole.

    Raises: IllegalArgument when it is no such file.
    """
    with open_content(path) as file:
        try:
            items = orjson.loads(file.content.read())
        except orjson.JSONDecodeError as error:
            raise IllegalArgument(f"[{path}] is no JSON array: {error}") from error
        for start in range(0, len(items), BATCH_SIZE):
            lines = [orjson.dumps(item) for item in items[start : start + BATCH_SIZE]]
            position = file.position * min(start + BATCH_SIZE, len(items)) // len(items)
            yield read_lines(lines, start + 1, position)


def read_lines(lines: Sequence[bytes], first: int, position: int) -> Batch:
    """Read lines that each hold one JSON object; the first line has the number ``first``."""
    try:
        documents = list(map(orjson.loads, lines))
        texts = b"\n".join(lines).decode("utf-8").split("\n")
    except (orjson.JSONDecodeError, UnicodeDecodeError):
        return _read_one_by_one(lines, first, position)
    if set(map(type, documents)) != {dict}:
        return _read_one_by_one(lines, first, position)
    return Batch(documents, texts, list(range(first, first + len(lines))), [], position)


def _read_one_by_one(lines: Sequence[bytes], first: int, position: int) -> Batch:
    batch = Batch([], [], [], [], position)
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        try:
            document: Any = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            batch.problems.append(LineProblem(number, f"no JSON: {error}"))
            continue
        if not isinstance(document, dict):
            batch.problems.append(LineProblem(number, "no JSON object"))
            continue
        batch.documents.append(document)
        batch.texts.append(line.decode("utf-8"))
        batch.lines.append(number)
    return batch


def _line_blocks(file: OpenFile) -> Iterator[list[bytes]]:
    """Yield the lines of a file, some megabytes at a time, without their ends."""
    rest = b""
    while block := file.content.read(_BLOCK):
        *whole, rest = (rest + block).split(b"\n")
        yield whole
    if rest:
        yield [rest]
