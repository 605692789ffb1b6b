"""The Java reference, rcf3 and rrcf; one that is not there is left out, with the reason."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np

from benchmarks.stream import stream

SHARED = Path(__file__).resolve().parents[3] / "shared" / "tools" / "rcf-peer"
TIME_DECAY = 1 / 2560
FILL = 5_000


class PeerMissingError(Exception):
    """A peer cannot be measured here; the text says why."""


class Java:
    """``randomcutforest`` 4.4.0 with the settings of its detector plugin.

    Needs a JDK 17 and Maven, and the program of the reference; ``RCF_PEER_HOME`` may name a folder
    where it is built already.

    Raises: PeerMissingError.
    """

    def __init__(self) -> None:
        self._run = SHARED / "run.sh"
        if not self._run.exists():
            raise PeerMissingError(f"the reference's program is not in {SHARED}")
        if shutil.which("java") is None or shutil.which("javac") is None:
            raise PeerMissingError("no JDK")
        try:
            self._ask("build")
        except subprocess.CalledProcessError as error:
            raise PeerMissingError(f"it cannot be built: {error.stderr.strip()[-200:]}") from error

    def hot_steps(self, what: str, features: int, trees: int) -> float:
        """Return steps a second with boxes kept; ``what`` is ``score+update`` or ``process``."""
        answer = self._ask(
            "speed", f"op={what}", f"d={features}", "shingle=8", f"trees={trees}", "bb=1",
            "warm=6", "rep=0.5", "reps=7",
        )  # fmt: skip
        return float(answer.split("\t")[6])

    def steps_in_turn(self, models: int, seen: int, trees: int, *, boxes: bool) -> list[float]:
        """Return steps a second over many models with one thread and with two."""
        answer = self._ask(
            "multi", "kind=trcf", "d=1", "shingle=8", f"trees={trees}", f"bb={int(boxes)}",
            f"models={models}", f"fill={seen}", "rounds=5", "reps=7",
        )  # fmt: skip
        rates = [float(line.split("\t")[8]) for line in answer.strip().splitlines()]
        return [max(rates[0::2]), max(rates[1::2])]

    def sizes(self, features: int, trees: int, seen: int, *, boxes: bool) -> tuple[int, int, float]:
        """Return the bytes of a model, those of its protostuff, and milliseconds to restore it."""
        answer = self._ask(
            "memory", "kind=trcf", f"d={features}", "shingle=8", f"trees={trees}",
            f"bb={int(boxes)}", f"updates={seen}", "models=40",
        )  # fmt: skip
        found = dict(re.findall(r"(\w+)=([\d.]+)", answer))
        return (
            int(float(found["heap_bytes_per_model"])),
            int(found["proto"]),
            float(found["de_ms"]),
        )

    def _ask(self, *arguments: str) -> str:
        return subprocess.run(
            ["bash", str(self._run), *arguments],
            check=True,
            capture_output=True,
            text=True,
            env={"RCF_PEER_HOME": str(Path("build/rcf-peer").resolve()), **os.environ},
        ).stdout


def rcf3_steps(features: int, trees: int, steps: int = 2_000) -> float:
    """Return steps a second of rcf3: score and update. Raises: PeerMissingError."""
    try:
        import rcf3
    except ImportError as error:
        raise PeerMissingError("pip install rcf3") from error
    forest = rcf3.Forest(
        input_dim=features, shingle_size=8, num_trees=trees, capacity=256, time_decay=TIME_DECAY,
        output_after=32, initial_accept_fraction=32 / 256,
    )  # fmt: skip
    rows = stream(42, 0, FILL + 5 * steps, features).astype("float32").tolist()
    for row in rows[:FILL]:
        forest.update(row)
    rates = []
    for begin in range(FILL, len(rows), steps):
        begun = time.perf_counter()
        for row in rows[begin : begin + steps]:
            forest.update_and_score(row)
        rates.append(steps / (time.perf_counter() - begun))
    return sorted(rates)[len(rates) // 2]


def rrcf_steps(features: int, trees: int, steps: int = 60) -> float:
    """Return steps a second of rrcf: each tree forgets a point, takes one and tells its codisp.

    Raises: PeerMissingError.
    """
    try:
        import rrcf  # type: ignore[import-untyped]
    except ImportError as error:
        raise PeerMissingError("pip install rrcf") from error
    rows = stream(42, 0, 256 + steps + 8, features)
    shingles = np.lib.stride_tricks.sliding_window_view(rows, 8, axis=0).reshape(-1, 8 * features)
    forest = [rrcf.RCTree(random_state=seed) for seed in range(trees)]
    for at in range(256):
        for tree in forest:
            tree.insert_point(shingles[at], index=at)
    begun = time.perf_counter()
    for at in range(256, 256 + steps):
        for tree in forest:
            tree.forget_point(at - 256)
            tree.insert_point(shingles[at], index=at)
            tree.codisp(at)
    return steps / (time.perf_counter() - begun)
