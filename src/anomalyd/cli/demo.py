"""`anomalyd demo`: from nothing to found incidents in one command."""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from anomalyd.cli.import_ import import_with_progress
from anomalyd.cli.influencers import table as influencer_table
from anomalyd.cli.output import told
from anomalyd.client import Client
from anomalyd.client.local_service import (
    DEFAULT_GRPC_PORT,
    DEFAULT_REST_PORT,
    LocalService,
    port_if_free,
)
from anomalyd.demo.rest import RestClient
from anomalyd.demo.runner import curl_lines, demonstrate, fresh_folder
from anomalyd.v1.influencer_pb2 import Influencer

LOG_WIDTH = 130
MOST_BLAMED = 3


def demo(
    data_dir: Annotated[
        Path, typer.Option(help="Folder for the log, the data and the chart; emptied first.")
    ] = Path("demo-data"),
    grpc_port: Annotated[
        int, typer.Option(help="gRPC port; a free one is taken when it is busy.")
    ] = DEFAULT_GRPC_PORT,
    rest_port: Annotated[
        int, typer.Option(help="REST port; a free one is taken when it is busy.")
    ] = DEFAULT_REST_PORT,
    exit_after: Annotated[
        bool, typer.Option("--exit", help="End after the report instead of staying up.")
    ] = False,
) -> None:
    """Find planted incidents in a generated web-shop log, then leave the service running."""
    # where the output is no terminal (a log, a pipe), the table would be cut at 80 columns
    console = Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)
    # asked to end, end the service too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with told():
        fresh_folder(data_dir)
        with LocalService(
            data_dir / "service",
            grpc_port=port_if_free(grpc_port),
            rest_port=port_if_free(rest_port),
        ) as service:
            console.print(f"service: gRPC {service.grpc}, REST {service.rest}", highlight=False)
            missed = _demonstrate(service, data_dir, console)
            if exit_after:
                raise typer.Exit(1 if missed else 0)
            console.print("\nThe service is running; Ctrl-C stops it.")
            with contextlib.suppress(KeyboardInterrupt):
                service.wait()
            console.print("stopping")


def _demonstrate(service: LocalService, data_dir: Path, console: Console) -> int:
    """Run the demonstration and return how many incidents were missed."""
    with Client(service.grpc) as client:

        def import_log(path: Path, index: str, time_field: str) -> int:
            imported = import_with_progress(
                client, path, index=index, time_field=time_field, console=console
            )
            console.print(f"imported at {imported.rate:,.0f} documents/s", highlight=False)
            return imported.report.imported

        shown = demonstrate(
            rest=RestClient(service.rest), folder=data_dir, import_log=import_log, console=console
        )
        console.print("\nWho is to blame, detector by detector:")
        for run in shown.runs:
            best: dict[str, Influencer] = {}
            for each in client.influencers.get(run.detector, score=25).influencers:
                best.setdefault(each.influencer_field_value, each)
            if best:
                console.print(
                    influencer_table(list(best.values())[:MOST_BLAMED], title=run.detector)
                )
    console.print(f"Page: {service.rest}/_dashboard/", highlight=False)
    console.print("\nTry:")
    for line in curl_lines(service.rest, shown.runs, shown.log):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return len(shown.comparison.outcomes) - shown.comparison.found
