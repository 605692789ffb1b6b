"""The measured sizes, kept so that they can be taken one after the other, and what they say."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anomalyd.executor.base import ModelShape
from anomalyd.executor.budget import RESIDENT_SHARE
from anomalyd.executor.memory import full_size
from benchmarks.realtime.run import Step

FILE = Path(__file__).resolve().parents[2] / "build" / "realtime.jsonl"
MILLION = 1_000_000
SIZING = ("each machine", "machines", "entities each", "models, full", "`model_memory_budget`",
          "checkpoints on disk", "tick, young models")  # fmt: skip
CHECKPOINT = 63_000
"""Bytes of a full model on disk, with its row."""


def keep(step: Step) -> None:
    """Add a measured size to the file."""
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("a") as file:
        file.write(json.dumps(dataclasses.asdict(step)) + "\n")


def kept() -> list[Step]:
    """Return the last measurement of each size, the smallest first."""
    lines = FILE.read_text().splitlines() if FILE.exists() else []
    steps = {step.entities: step for step in (Step(**json.loads(line)) for line in lines)}
    return [steps[entities] for entities in sorted(steps)]


@dataclasses.dataclass(frozen=True)
class Fit:
    """Tick time as a line: seconds for a tick, for a ready model, for one that is brought."""

    fixed: float
    ready: float
    brought: float

    @staticmethod
    def of(steps: Sequence[Step]) -> Fit | None:
        """Fit the sizes at which all is ready, then what is left to the models that are not.

        Each size counts by its relative error. ``brought`` is NaN where every size fitted; None
        where fewer than two sizes did.
        """
        whole = [step for step in steps if step.resident == step.entities]
        if len(whole) < 2:
            return None
        ticks = np.array([step.median for step in whole])
        sizes = np.array([step.entities for step in whole])
        columns = np.stack([np.ones(len(whole)), sizes], axis=1) / ticks[:, None]
        fixed, ready = np.linalg.lstsq(columns, np.ones(len(whole)), rcond=None)[0]
        cold = [
            (step.median - fixed - ready * step.resident) / (step.packed + step.spilled)
            for step in steps
            if step.resident < step.entities
        ]
        return Fit(float(fixed), float(ready), float(np.mean(cold)) if cold else float("nan"))

    def text(self) -> str:
        """Return it as a sentence."""
        brought = "" if np.isnan(self.brought) else (
            f", and {1_000 * self.brought:.2f} s per 1,000 models that are brought for their turn"
        )  # fmt: skip
        return (
            f"Fitted: a tick takes {self.fixed:.2f} s, {1_000 * self.ready:.3f} s per 1,000 models "
            f"that are ready{brought}."
        )


def sizing(fit: Fit) -> list[list[str]]:
    """Return what a million entities need, all models ready, by the number of machines."""
    size = full_size(ModelShape(features=1, shingle_size=8))
    return [
        [
            "2 cores",
            f"{machines}",
            f"{MILLION // machines:,}",
            f"{MILLION / machines * size / 1e9:.1f} GB",
            f"{MILLION / machines * size / RESIDENT_SHARE / 1e9:.1f} GB",
            f"{MILLION / machines * CHECKPOINT / 1e9:.1f} GB",
            f"{fit.fixed + fit.ready * MILLION / machines:.1f} s",
        ]
        for machines in (50, 20, 10, 5)
    ]
