"""`anomalyd serve` as a process of its own, to be killed, and all of its results."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from anomalyd.client.client import Client

PAGE = 5_000
LONGEST_END_SECONDS = 120


@contextlib.contextmanager
def served(
    data_dir: Path, settings: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    """Start a service, and end it in order unless it was killed.

    Args:
        data_dir: its folder.
        settings: further environment variables.
    """
    # compiled once and not at each start, as where it is installed
    compiled = {"PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-m", "anomalyd", "serve", "--no-gateway", "--grpc-port", "0"]
    process = subprocess.Popen(
        [*command, "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **compiled, **settings},
    )
    try:
        assert process.stdout is not None
        name, address = process.stdout.readline().split()
        assert name == "gRPC"
        with Client(address) as client:
            yield process, client
    finally:
        process.terminate()
        process.wait(LONGEST_END_SECONDS)
        process.stdout.close()


def all_results(
    client: Client, query: Mapping[str, Any], *, without: Sequence[str]
) -> list[dict[str, Any]]:
    """Read all results that a query matches by time and entity, without some of their fields."""
    found: list[dict[str, Any]] = []
    after: list[object] = []
    while True:
        body = {
            "query": query,
            "sort": ["data_start_time", {"model_id": {"order": "asc"}}],
            "size": PAGE,
            "search_after": after,
        }
        hits = client.results.search(body).hits.hits
        for hit in hits:
            for field in without:
                hit.source.ClearField(field)
            found.append(MessageToDict(hit.source))
        if len(hits) < PAGE:
            return found
        after = [MessageToDict(value) for value in hits[-1].sort]
