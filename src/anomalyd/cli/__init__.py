"""The command line: one file per command, registered here."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from anomalyd.cli.check import check
from anomalyd.cli.demo import demo
from anomalyd.cli.detectors import detectors
from anomalyd.cli.import_ import import_documents
from anomalyd.cli.influencers import influencers
from anomalyd.cli.results import results
from anomalyd.cli.serve import serve

application = typer.Typer(
    name="anomalyd",
    help="Anomaly detection for time series.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
application.command()(serve)
application.command()(demo)
application.command("import")(import_documents)
application.command()(detectors)
application.command()(results)
application.command()(influencers)
application.command()(check)


@application.callback(invoke_without_command=True)
def options(
    show_version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Anomaly detection for time series."""
    if show_version:
        typer.echo(f"anomalyd {version('anomalyd')}")
        raise typer.Exit


def main() -> None:
    """Run the command that the arguments name."""
    application()
