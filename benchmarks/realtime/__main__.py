"""`python -m benchmarks.realtime [ENTITIES ...] [--budget=GIB] [--write]`: ticks by entities.

One high-cardinality detector, one feature, one document per entity and one-minute window, on a
clock that the benchmark moves. Each size runs in a process of its own, so that memory is its own. A
tick is everything: query, score, record results and state, write the checkpoints that are due.
Without a budget models have a quarter of the machine's memory, the others are packed or spilled.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.realtime.run import measure
from benchmarks.report import machine, table, write_section

SIZES = (1_000, 5_000, 20_000, 50_000)
HEADER = ("entities", "cold start s", "tick s, median", "tick s, longest", "peak memory GiB",
          "bytes a model")  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """Measure each size and print the table; ``--write`` puts it on the page."""
    if arguments[:1] == ["--one"]:
        print(json.dumps(measure(int(arguments[1]), int(arguments[2]))))
        return
    sizes = [int(each) for each in arguments if each.isdigit()] or SIZES
    given = [each.removeprefix("--budget=") for each in arguments if each.startswith("--budget=")]
    budget = str(int(float((given or ["0"])[0]) * 1024**3))
    rows = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.realtime", "--one", str(size), budget]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(" | ".join(rows[-1]), flush=True)
    text = f"{machine()}.\n\n{table(HEADER, rows)}"
    print(text)
    if "--write" in arguments:
        write_section("realtime", text)


main(sys.argv[1:])
