"""Measures the REST API through Envoy and writes the table to docs/benchmarks.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.api.full_store import fill
from benchmarks.api.measure import measure
from benchmarks.report import machine, table, write_section

HEADER = ("request", "p50 ms", "p99 ms", "a second", "goal", "reference, no gateway")


def main() -> None:
    """Fill a store, measure, print the table; ``--write`` puts it on the page."""
    with tempfile.TemporaryDirectory(prefix="anomalyd-bench-") as folder:
        stored = fill(Path(folder) / "data")
        rows = measure(Path(folder) / "data", stored)
    text = f"{machine()}.\n\n{table(HEADER, rows)}"
    print(text)
    if "--write" in sys.argv:
        write_section("api", text)


main()
