"""Writes a state of influencers and what it said next: ``make_influence_state.py NAME``.

Run once per version of the format; the files are then read by ``tests/unit/core/test_influence.py``
for ever. NAME.bin is never written again, NAME.json only where what a state says is to change.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalyd._core import InfluenceState

FOLDER = Path(__file__).parent
SHAPE = {"fields": 2, "features": 1, "interval": 1_800_000, "period": 3_600_000}
ENTITIES = 6
LEARNED = 700
ASKED = 40


def columns(first: int, last: int) -> dict[str, NDArray[Any]]:
    """Return rows of windows: scores in eighths, models that warm up, and a shared event."""
    window, entity = (each.ravel() for each in np.mgrid[first:last, 0:ENTITIES])
    score = 0.5 + (window * 7919 + entity * 104_729 + window * entity * 31) % 97 / 128
    score[(window == LEARNED + 5) & (entity < 3)] = 4.0
    score[(window < 50) & (entity == 5)] = np.nan
    return {
        "window": window * SHAPE["interval"],
        "entity": entity.astype(np.int64),
        "values": np.stack([entity // 3, 0 * entity], axis=1).astype(np.int64),
        "score": score,
        "features": (window * 13 % 11 + entity).astype(np.float64)[:, None],
    }


def main(name: str) -> None:
    """Write NAME.bin, the state, and NAME.json, what it found in the windows after it."""
    state = InfluenceState(**SHAPE)
    state.process(**columns(0, LEARNED))
    (FOLDER / f"{name}.bin").write_bytes(state.to_bytes())
    found = state.process(**columns(LEARNED, LEARNED + ASKED))
    document = {
        "window": found.window.tolist(),
        "field": found.field.tolist(),
        "value": found.value.tolist(),
        "ln_probability": found.ln_probability.tolist(),
        "score": found.score.tolist(),
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
