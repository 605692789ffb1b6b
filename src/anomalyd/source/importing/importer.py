"""Import of files: which format, which documents fit, how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from anomalyd.embedded.dates import DateFormat
from anomalyd.embedded.mapping import DEFAULT_DATE_FORMAT
from anomalyd.errors import IllegalArgument
from anomalyd.source.importing.batches import Batch, LineProblem, open_content
from anomalyd.source.importing.delimited import read_csv
from anomalyd.source.importing.json_lines import read_json_array, read_json_lines
from anomalyd.source.importing.parquet import read_parquet

Progress = Callable[[int, int], None]

_PARQUET_MAGIC = b"PAR1"
_SHOWN_PROBLEMS = 20
_TIME_FORMATS = (
    DEFAULT_DATE_FORMAT,
    "yyyy-MM-dd HH:mm:ss",
    "yyyy-MM-dd HH:mm:ss.SSS",
    "yyyy-MM-dd HH:mm",
    "yyyy/MM/dd HH:mm:ss",
    "yyyy/MM/dd HH:mm",
    "yyyy/MM/dd",
)
# whole numbers of this size are seconds: as milliseconds they would be days of 1970
_SECONDS = range(500_000_000, 10_000_000_000)


class ImportTarget(Protocol):
    """Where documents go: the embedded indices, or a client of a service that runs."""

    def require_time_field(self, index: str, field: str, format: str) -> None:
        """Make sure that the index exists and that the field is a date there.

        Raises: IllegalArgument when it is mapped as something else; IndexNameInvalid.
        """
        ...

    def append(
        self, index: str, documents: Sequence[dict[str, Any]], texts: Sequence[str]
    ) -> Mapping[int, str]:
        """Add documents under new ids; returns why some were not, by position.

        Called from one thread of the import's own, one call at a time.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        imported: documents written.
        failed: lines that were not.
        problems: the first of them.
        time_format: how the time field was read.
    """

    imported: int
    failed: int
    problems: tuple[LineProblem, ...]
    time_format: str


@dataclass
class _Tally:
    imported: int = 0
    failed: int = 0
    problems: list[LineProblem] = field(default_factory=list)

    def fail(self, problems: Sequence[LineProblem]) -> None:
        self.failed += len(problems)
        self.problems += problems[: _SHOWN_PROBLEMS - len(self.problems)]


def import_file(
    target: ImportTarget,
    path: Path,
    *,
    index: str,
    time_field: str,
    progress: Progress = lambda done, total: None,
) -> ImportReport:
    """Write the documents of a file into an index.

    Lines that cannot be read, or that do not fit the index, are counted and left out.

    Args:
        target: where the documents go.
        path: NDJSON, a JSON array, CSV with a header (each also as .gz) or Parquet; told apart
            by the content, not by the name.
        index: made when it does not exist.
        time_field: dotted path of the field that holds the time of each document.
        progress: called with the bytes that are done and those of the whole file.

    Raises:
        IllegalArgument: the file cannot be read, no line of it can be used, or the time field is
            missing in the first documents or holds no dates.
    """
    tally = _Tally()
    time_format = ""
    total = _size(path)

    def settle(batch: Batch, refused: Mapping[int, str]) -> None:
        tally.fail([LineProblem(batch.lines[at], why) for at, why in sorted(refused.items())])
        tally.imported += len(batch.documents) - len(refused)
        if not tally.imported and tally.failed:
            first = tally.problems[0]
            raise IllegalArgument(
                f"no document of [{path}] could be imported: line {first.line}: {first.reason}"
            )
        progress(min(batch.position, total), total)

    # one batch is written while the next one is read
    with ThreadPoolExecutor(1, thread_name_prefix="import") as writer:
        written: tuple[Batch, Future[Mapping[int, str]]] | None = None
        for batch in _reader_of(path)(path):
            if written is not None:
                settle(written[0], written[1].result())
                written = None
            tally.fail(batch.problems)
            kept = _with_time(batch, time_field, tally)
            if not kept.documents:
                settle(kept, {})
                continue
            if not time_format:
                time_format = _time_format(path, kept, time_field)
                target.require_time_field(index, time_field, time_format)
            written = kept, writer.submit(target.append, index, kept.documents, kept.texts)
        if written is not None:
            settle(written[0], written[1].result())
    if not time_format:
        raise IllegalArgument(f"[{path}] holds no documents")
    return ImportReport(
        imported=tally.imported,
        failed=tally.failed,
        problems=tuple(tally.problems),
        time_format=time_format,
    )


def _reader_of(path: Path) -> Callable[[Path], Iterator[Batch]]:
    with open_content(path) as file:
        start = file.content.read(4096)
    if start.startswith(_PARQUET_MAGIC):
        return read_parquet
    first = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return {b"{": read_json_lines, b"[": read_json_array}.get(first, read_csv)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise IllegalArgument(f"[{path}] cannot be read: {error}") from error


def _with_time(batch: Batch, time_field: str, tally: _Tally) -> Batch:
    """Leave out, and count, the documents that have no time."""
    missing = [
        at
        for at, document in enumerate(batch.documents)
        if time_field not in document and _value(document, time_field) is None
    ]
    if not missing:
        return batch
    reason = f"the time field [{time_field}] is missing"
    tally.fail([LineProblem(batch.lines[at], reason) for at in missing])
    gone = set(missing)
    keep = [at for at in range(len(batch.documents)) if at not in gone]
    return Batch(
        [batch.documents[at] for at in keep],
        [batch.texts[at] for at in keep],
        [batch.lines[at] for at in keep],
        batch.problems,
        batch.position,
    )


def _time_format(path: Path, batch: Batch, time_field: str) -> str:
    """Return the format that the first time of the file has. Raises: IllegalArgument."""
    for document in batch.documents:
        value = _value(document, time_field)
        if value is None:
            continue
        if isinstance(value, int) and not isinstance(value, bool):
            return "epoch_second" if value in _SECONDS else DEFAULT_DATE_FORMAT
        for candidate in _TIME_FORMATS:
            if isinstance(value, str) and DateFormat.parse(candidate).read(value) is not None:
                return candidate
        raise IllegalArgument(
            f"the time field [{time_field}] of [{path}] holds no date: [{value}]",
            field="time_field",
        )
    raise IllegalArgument(
        f"the time field [{time_field}] is missing in [{path}]", field="time_field"
    )


def _value(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, or None."""
    if path in document:
        return document[path]
    first, _, rest = path.partition(".")
    inner = document.get(first)
    return _value(inner, rest) if rest and isinstance(inner, Mapping) else None
