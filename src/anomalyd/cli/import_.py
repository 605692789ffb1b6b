"""`anomalyd import`: a file into an index of a running service."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from anomalyd.cli.memory import collect_rarely
from anomalyd.cli.output import DEFAULT, Address, connected
from anomalyd.client import Client
from anomalyd.client.import_target import ServiceTarget
from anomalyd.source.importing import ImportReport, import_file


@dataclass(frozen=True)
class Imported:
    """What an import did, and how long it took.

    Attributes:
        seconds: from the first byte to the last answer.
    """

    report: ImportReport
    seconds: float

    @property
    def rate(self) -> float:
        """Documents written per second."""
        return self.report.imported / max(self.seconds, 1e-9)


def import_documents(
    file: Annotated[
        Path,
        typer.Argument(help="NDJSON, JSON array or CSV (also .gz), or Parquet.", dir_okay=False),
    ],
    index: Annotated[str, typer.Option(help="Index that receives the documents.")],
    time_field: Annotated[str, typer.Option(help="Field with the time of each document.")],
    address: Address = DEFAULT,
) -> None:
    """Import a file into an index; documents that do not fit are counted and shown.

    Ends with status 1 when any document could not be imported.
    """
    console = Console()
    collect_rarely()
    with connected(address) as client:
        imported = import_with_progress(
            client, file, index=index, time_field=time_field, console=console
        )
    report = imported.report
    console.print(
        f"{report.imported:,} documents in {imported.seconds:.1f} s "
        f"({imported.rate:,.0f} documents/s), {report.failed:,} failed",
        highlight=False,
    )
    for problem in report.problems:
        console.print(f"line {problem.line}: {problem.reason}", markup=False, highlight=False)
    if report.failed > len(report.problems):
        console.print(f"and {report.failed - len(report.problems):,} more")
    if report.failed:
        raise typer.Exit(1)


def import_with_progress(
    client: Client, path: Path, *, index: str, time_field: str, console: Console
) -> Imported:
    """Import a file and show how far it is.

    Raises: IllegalArgument when the file cannot be used as a whole; the service's own errors.
    """
    begun = time.monotonic()
    with Progress(
        TextColumn("{task.description:<44}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        DownloadColumn(),
        console=console,
    ) as bars:
        bar = bars.add_task(f"importing {path.name} into {index}", total=None)
        report = import_file(
            ServiceTarget(client),
            path,
            index=index,
            time_field=time_field,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    return Imported(report, time.monotonic() - begun)
