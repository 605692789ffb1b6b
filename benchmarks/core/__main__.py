"""Measures the core and its peers and writes tables and chart to docs/benchmarks.md."""

from __future__ import annotations

import functools
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

from benchmarks.core import ours
from benchmarks.core.chart import CHART, draw
from benchmarks.core.peers import Java, PeerMissingError, rcf3_steps, rrcf_steps
from benchmarks.report import machine, table, write_section

HEADER = ("what", "anomalyd", "peer", "", "ratio", "goal")
MODELS = 1_000
_SCORING, _FULL = "hot score+update/s", "hot full steps/s"
Row = tuple[str, float, str, float | None, str]
"""What; our figure; peer; its figure, None where it is missing; goal."""


class Table:
    """Rows of figures beside those of peers, and why some are missing."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.missing: dict[str, str] = {}

    def add(self, what: str, mine: float, peer: str, theirs: float | None, goal: str) -> None:
        """Add a row and print it."""
        row = (what, mine, peer, theirs, goal)
        self.rows.append(row)
        print(" | ".join(_shown(row)), flush=True)

    def measured(self, peer: str, measure: Callable[[], float]) -> float | None:
        """Return a peer's figure; None, with the reason kept, where the peer is not there."""
        try:
            return measure()
        except PeerMissingError as error:
            self.missing[peer] = str(error)
            return None


def main() -> None:
    """Measure everything; ``--write`` puts it on the page."""
    found = Table()
    try:
        java: Java | None = Java()
    except PeerMissingError as error:
        java, found.missing["Java"] = None, str(error)
    for trees in (30, 50):
        for features in (1, 5):
            _hot(found, java, features, trees)
    _in_turn(found, java)
    _sizes(found, java)
    text = f"{machine()}.\n\n{table(HEADER, [_shown(row) for row in found.rows])}"
    for peer, why in found.missing.items():
        text += f"\n\n{peer} was not measured: {why}."
    print(text)
    if "--write" in sys.argv:
        write_section("core", text)
        CHART.write_text(draw(_hottest(found)))


def _hot(found: Table, java: Java | None, features: int, trees: int) -> None:
    of = f"{trees} trees, {features} feature{'s' * (features > 1)}"
    goals = ("≥ 4", "≥ 4", "≥ 3", "≥ 500") if trees == 30 and features == 1 else ("",) * 4
    if trees == 30 and features == 5:
        goals = ("≥ 4", "≥ 4", "", "")
    scoring = functools.partial(ours.score_updates, features, trees)
    full = functools.partial(ours.hot_steps, features, trees)
    what = f"{_SCORING}, {of}"
    if java is not None:
        hot = functools.partial(java.hot_steps, "score+update", features, trees)
        _beside(found, what, scoring, "Java score+update", hot, goals[0])
    for peer, measure, goal in (("rcf3", rcf3_steps, goals[2]), ("rrcf", rrcf_steps, goals[3])):
        _beside(found, what, scoring, peer, functools.partial(measure, features, trees), goal)
    if java is not None:
        hot = functools.partial(java.hot_steps, "process", features, trees)
        _beside(found, f"{_FULL}, {of}", full, "Java process", hot, goals[1])


def _beside(
    found: Table,
    what: str,
    mine: Callable[[], float],
    peer: str,
    theirs: Callable[[], float],
    goal: str,
) -> None:
    """Measure before the peer and after it, and take the mean: machines have faster minutes."""
    before = mine()
    figure = found.measured(peer, theirs)
    found.add(what, (before + mine()) / 2, peer, figure, goal)


def _in_turn(found: Table, java: Java | None) -> None:
    # As the reference, in a process of its own: between the models would lie what was measured
    # before.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        mine = process.submit(ours.steps_in_turn, MODELS, ours.SEEN, 30).result()
    what = f"{MODELS:,} models in turn, steps/s"
    if java is not None:
        for boxes, name, goal in ((False, "as its plugin", "≥ 6"), (True, "with boxes", "≥ 3")):
            theirs = java.steps_in_turn(MODELS, ours.SEEN, 30, boxes=boxes)
            found.add(what, mine[0], f"Java {name}", theirs[0], goal)
    found.add(f"{what}, two threads", mine[1], "one thread", mine[0], "≥ 1.7")


def _sizes(found: Table, java: Java | None) -> None:
    full = {features: ours.sizes(features, 30, ours.SEEN) for features in (1, 5)}
    for features, goals in ((1, ("≤ 240,000", "≤ 0.5", "≤ 0.5 ms")), (5, ("≤ 1.3", "", ""))):
        size, checkpoint, restore = full[features]
        for_features = f"{features} feature{'s' * (features > 1)}"
        if java is None:
            continue
        theirs = java.sizes(features, 30, ours.SEEN, boxes=False)
        rows: Sequence[tuple[str, float, float, str]] = (
            (f"bytes of a model, {for_features}", size, theirs[0], goals[0]),
            (f"bytes of a checkpoint, {for_features}", checkpoint, theirs[1], goals[1]),
            (f"ms to restore, {for_features}", restore, theirs[2], goals[2]),
        )
        for what, mine, figure, goal in rows:
            found.add(what, mine, "Java without boxes", figure, goal)
    young = ours.sizes(1, 30, 40)[0]
    found.add("bytes of a model that saw 40 points", young, "itself, full", full[1][0], "≤ 60,000")


def _hottest(found: Table) -> dict[str, float]:
    """Return what the chart shows: scoring and learning of one model, one feature."""
    what = f"{_SCORING}, 30 trees, 1 feature"
    hot = [row for row in found.rows if row[0] == what and row[3] is not None]
    return {"anomalyd": hot[0][1], **{row[2]: row[3] or 0 for row in hot}}


def _shown(row: Row) -> tuple[str, ...]:
    what, mine, peer, theirs, goal = row
    if theirs is None:
        return what, _number(mine), peer, "", "", goal
    return what, _number(mine), peer, _number(theirs), f"{mine / theirs:.2f}", goal


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    main()
