"""What the readers of all file formats have in common: batches of numbered documents."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from anomalyd.errors import IllegalArgument

BATCH_SIZE = 20_000
"""Documents per batch: enough for statements to pay, few enough for little memory."""

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class LineProblem:
    """A line (or a row, counted from 1) that was not imported, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Batch:
    """Some documents of a file.

    Attributes:
        documents: JSON objects.
        texts: their texts, as they are kept and given back.
        lines: line or row of each document, from 1.
        problems: lines among them that are no documents.
        position: bytes of the file that are behind this batch.
    """

    documents: list[dict[str, Any]]
    texts: list[str]
    lines: list[int]
    problems: list[LineProblem]
    position: int


@dataclass(frozen=True)
class OpenFile:
    """A file's content, unpacked where it is packed, and how far its bytes are read."""

    content: BinaryIO
    raw: BinaryIO

    @property
    def position(self) -> int:
        """Bytes of the file itself that were read so far."""
        return self.raw.tell()


@contextmanager
def open_content(path: Path) -> Iterator[OpenFile]:
    """Open a plain or gzip file.

    Raises: IllegalArgument, saying why, also when it turns out to be damaged while it is read.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            raw.seek(0)
            if not packed:
                yield OpenFile(raw, raw)
                return
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield OpenFile(cast(BinaryIO, unpacked), raw)
    except (OSError, EOFError, zlib.error) as error:
        raise IllegalArgument(f"[{path}] cannot be read: {error}") from error
