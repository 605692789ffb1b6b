"""What commands over the client share: where the service is, how answers are shown."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import orjson
import typer
from google.protobuf.message import Message
from rich.console import Console
from rich.text import Text

from anomalyd.api.convert import to_document
from anomalyd.client import Client
from anomalyd.client.client import DEFAULT_ADDRESS
from anomalyd.errors import AnomalydError

Address = Annotated[str, typer.Option(help="host:port of the service's gRPC port.")]
DEFAULT = DEFAULT_ADDRESS


class Output(StrEnum):
    """How a command shows its answer."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table or json.")]


@contextlib.contextmanager
def connected(address: str) -> Iterator[Client]:
    """Give a client; an error of the service ends the command as ``told`` says."""
    with told(), Client(address) as client:
        yield client


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn an error of ours into one line on standard error and status 1."""
    try:
        yield
    except AnomalydError as error:
        line = Text.assemble(("error:", "bold red"), " ", error.reason)
        Console(stderr=True).print(line, soft_wrap=True)
        raise typer.Exit(1) from error


def print_json(message: Message) -> None:
    """Print a message as its document."""
    text = orjson.dumps(to_document(message), option=orjson.OPT_INDENT_2)
    typer.echo(text.decode())


def date(time_ms: int) -> str:
    """Return epoch milliseconds as a readable date and time, UTC."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
