"""Tables of figures in docs/benchmarks.md, each between markers that name it.

A benchmark writes only its own section, so that the page always shows the last run of each.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Name the machine in a few words: processor, cores, Python."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    processor = names[0] if names else platform.machine()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}"


def write_section(name: str, text: str) -> None:
    """Replace the text between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises: ValueError when the page has no such section.
    """
    page = PAGE.read_text()
    before, start, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not start or not end:
        raise ValueError(f"{PAGE.name} has no section {name}")
    PAGE.write_text(f"{before}{start}{text.strip()}\n{end}{after}")
