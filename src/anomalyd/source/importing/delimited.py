"""CSV files: cells to typed values, column by column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from anomalyd.errors import IllegalArgument
from anomalyd.source.importing.batches import BATCH_SIZE, Batch, LineProblem, open_content

_DELIMITERS = ",;\t|"
_BOOLEANS = {"true": True, "false": False, "": None}
# a leading zero marks a code, such as a postal one, and no number
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(
    r"[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[nN]a[nN]", re.ASCII
)

_Column = Sequence[str]
_Reader = Callable[[_Column], list[Any]]


def read_csv(path: Path) -> Iterator[Batch]:
    """Read a CSV file with a header line.

    A column's type follows from its cells in the first batch: whole numbers, numbers, booleans,
    or texts. Empty cells are missing. The delimiter is the one that the header has most of.

    Raises: IllegalArgument when the file cannot be read or has no usable header.
    """
    with open_content(path) as file:
        text = io.TextIOWrapper(file.content, encoding="utf-8-sig", errors="replace", newline="")
        header_line = text.readline()
        delimiter = max(_DELIMITERS, key=header_line.count)
        header = next(csv.reader([header_line], delimiter=delimiter), [])
        _check_header(path, header)
        rows = csv.reader(text, delimiter=delimiter)
        readers: list[_Reader] = []
        try:
            while batch := list(islice(_numbered(rows), BATCH_SIZE)):
                whole = [(line, row) for line, row in batch if len(row) == len(header)]
                problems = [
                    LineProblem(line, f"{len(row)} cells, but the header has {len(header)}")
                    for line, row in batch
                    if len(row) != len(header)
                ]
                columns = list(zip(*(row for _, row in whole), strict=True))
                readers = readers or list(map(_reader_for, columns))
                documents = _documents(header, readers, columns)
                texts = [orjson.dumps(document).decode() for document in documents]
                lines = [line for line, _ in whole]
                yield Batch(documents, texts, lines, problems, file.position)
        except csv.Error as error:
            raise IllegalArgument(
                f"[{path}] is no CSV at line {rows.line_num + 1}: {error}"
            ) from error


def _numbered(rows: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield rows with the number of their last line in the file; blank lines are skipped."""
    for row in rows:
        if row:
            yield rows.line_num + 1, row


def _check_header(path: Path, header: Sequence[str]) -> None:
    if not header or not all(name.strip() for name in header):
        raise IllegalArgument(f"[{path}] has no header line, or a column without a name")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise IllegalArgument(f"[{path}] has two columns of the name [{twice[0]}]")


def _documents(
    header: Sequence[str], readers: Sequence[_Reader], columns: Sequence[_Column]
) -> list[dict[str, Any]]:
    typed = [read(column) for read, column in zip(readers, columns, strict=False)]
    return [
        {name: value for name, value in zip(header, row, strict=True) if value is not None}
        for row in zip(*typed, strict=True)
    ]


def _reader_for(column: _Column) -> _Reader:
    """Choose how a column is read, by its cells so far."""
    cells = {cell for cell in column if cell}
    if not cells:
        return _read_texts
    if all(map(_WHOLE.fullmatch, cells)):
        return _read_wholes
    if all(map(_DECIMAL.fullmatch, cells)):
        return _read_decimals
    if {cell.lower() for cell in cells} <= _BOOLEANS.keys():
        return _read_booleans
    return _read_texts


def _read_texts(column: _Column) -> list[Any]:
    return [cell or None for cell in column]


def _read_wholes(column: _Column) -> list[Any]:
    return _read_numbers(column, int)


def _read_decimals(column: _Column) -> list[Any]:
    return _read_numbers(column, float)


def _read_numbers(column: _Column, number: Callable[[str], Any]) -> list[Any]:
    try:
        return list(map(number, column))
    except ValueError:
        return [_number_or_text(cell, number) for cell in column]


def _number_or_text(cell: str, number: Callable[[str], Any]) -> Any:
    """Return a number, nothing for an empty cell, or the text, which its field then refuses."""
    if not cell:
        return None
    for read in (number, float):
        try:
            return read(cell)
        except ValueError:
            continue
    return cell


def _read_booleans(column: _Column) -> list[Any]:
    return [_BOOLEANS.get(cell.lower(), cell) for cell in column]
