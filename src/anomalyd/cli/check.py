"""`anomalyd check`: whether a data directory holds anything that belongs to nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from anomalyd.checking import check as look
from anomalyd.config import Settings
from anomalyd.errors import AnomalydError


def check(
    data_dir: Annotated[Path, typer.Option(help="Folder of a service that is not running.")],
) -> None:
    """Look for models, jobs, leases, states and tasks without a detector that needs them.

    Changes nothing. Exit status: 0 = all is well, 1 = something was found, a line each, 2 = the
    folder cannot be read, or is in use. A service removes what it finds when it starts.
    """
    try:
        found = look(Settings.from_environment(os.environ, data_dir=data_dir))
    except AnomalydError as error:
        typer.echo(f"anomalyd: {error.reason}", err=True)
        raise typer.Exit(2) from error
    for line in found.findings:
        typer.echo(line)
    typer.echo(
        f"{len(found.findings)} orphaned; {found.running} detectors run, "
        f"{found.models} checkpoints of models"
    )
    if found.findings:
        raise typer.Exit(1)
