"""`anomalyd serve`: the service and its gateway, until a signal ends them."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from anomalyd.cli import logs
from anomalyd.cli.logs import LogFormat
from anomalyd.cli.memory import collect_rarely
from anomalyd.config import Settings
from anomalyd.errors import AnomalydError
from anomalyd.running import Addresses, RunningService

LOOK_SECONDS = 0.5


def serve(
    data_dir: Annotated[Path, typer.Option(help="Folder that keeps everything.")] = Path("data"),
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="0 = a free one.")] = 50051,
    rest_port: Annotated[int, typer.Option(min=0, max=65535, help="0 = a free one.")] = 9200,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    gateway: Annotated[
        bool, typer.Option("--gateway/--no-gateway", help="Run Envoy for the REST port.")
    ] = True,
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines for people, or JSON objects with ids.")
    ] = LogFormat.TEXT,
    envoy: Annotated[
        Path | None, typer.Option(envvar="ANOMALYD_ENVOY", help="Envoy binary to use.")
    ] = None,
) -> None:
    """Run the service; SIGTERM or Ctrl-C ends it in order.

    Prints `gRPC HOST:PORT` and `REST http://HOST:PORT` when both answer.
    """
    logs.configure(log_format)
    asked_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_end.set())
    addresses = Addresses(
        host=host, grpc_port=grpc_port, rest_port=rest_port if gateway else None, envoy=envoy
    )
    try:
        settings = Settings.from_environment(os.environ, data_dir=data_dir)
        with RunningService(settings, addresses) as service:
            collect_rarely()
            typer.echo(f"gRPC {service.grpc_address}")
            if service.rest_address is not None:
                typer.echo(f"REST {service.rest_address}")
            while not asked_to_end.wait(LOOK_SECONDS):
                service.watch()
    except AnomalydError as error:
        typer.echo(f"anomalyd: {error.reason}", err=True)
        raise typer.Exit(1) from error
