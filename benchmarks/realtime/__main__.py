"""`python -m benchmarks.realtime [ENTITIES ...] [--kept] [--singles N] [--soak N] [--write]`.

Without ``--singles`` and ``--soak``: ticks of one high-cardinality detector by entities, one
feature, one document per entity and window, on a clock that the benchmark moves. Each size runs in
a process of its own, so that memory is its own. A tick is everything: query, score, record results
and state, write the checkpoints that are due. The interval is one minute and the models may take a
quarter of the machine's memory; beyond 100,000 entities it is ten minutes, and they may take 8 GiB
(``--interval``, ``--budget`` in GiB). Each size is kept in build/realtime.jsonl, so that they can
be measured one after the other; table, chart, fitted lines and the sizing table of
docs/operations.md are made of all that are kept; with ``--kept`` nothing is measured.

``--singles`` measures the lag of that many detectors of one series each over ``--minutes`` windows,
on the machine's clock; ``--soak`` leaves a service alone for so many minutes with ``--rate``
documents arriving every second. ``--write`` puts tables on docs/benchmarks.md, and the chart
beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.realtime import lines, run, singles, soak
from benchmarks.realtime.chart import CHART, draw
from benchmarks.report import machine, table, write_section

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
GIB = 1024**3


def main(arguments: Sequence[str]) -> None:
    """Measure what was asked for and print its table; ``--write`` puts it on the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.realtime")
    parser.add_argument("entities", type=int, nargs="*")
    parser.add_argument("--budget", type=float)
    parser.add_argument("--interval", type=int)
    parser.add_argument("--singles", type=int)
    parser.add_argument("--minutes", type=int, default=5)
    parser.add_argument("--soak", type=int)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        step = run.measure(given.entities[0], int(given.budget * GIB), given.interval)
        print(json.dumps(dataclasses.asdict(step)))
    elif given.singles:
        row = singles.singles(given.singles, given.minutes)
        show("realtime-singles", table(singles.HEADER, [row]), write=given.write)
    elif given.soak:
        rows, verdict = soak.soak(given.soak, given.rate)
        show("realtime-soak", f"{table(soak.HEADER, rows)}\n\n{verdict}", write=given.write)
    else:
        for size in [] if given.kept else given.entities or SIZES:
            lines.keep(ladder_step(size, given.budget, given.interval))
        steps = lines.kept()
        text = table(run.HEADER, [step.row() for step in steps])
        fit = lines.Fit.of(steps)
        show("realtime", f"{text}\n\n{fit.text()}" if fit else text, write=given.write)
        if fit:
            print(f"\nA million entities:\n\n{table(lines.SIZING, lines.sizing(fit))}")
        if given.write:
            CHART.write_text(draw(steps))


def ladder_step(entities: int, budget: float | None, interval: int | None) -> run.Step:
    """Measure one size in a process of its own."""
    many = entities > run.VERY_MANY
    command = [
        sys.executable, "-m", "benchmarks.realtime", "--one", str(entities),
        "--budget", str((8 if many else 0) if budget is None else budget),
        "--interval", str((10 if many else 1) if interval is None else interval),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    step = run.Step(**json.loads(done.stdout.splitlines()[-1]))
    print(" | ".join(step.row()), flush=True)
    return step


def show(section: str, text: str, *, write: bool) -> None:
    """Print a table; on the page it replaces its section."""
    text = f"{machine()}.\n\n{text}"
    print(text)
    if write:
        write_section(section, text)


main(sys.argv[1:])
