"""Writes a model's checkpoint and what the model said next: ``make_model_checkpoint.py NAME``.

Run once per version of the format and per release that writes it anew; the files are then read by
``tests/unit/core/test_checkpoint.py`` for ever and never written again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anomalyd._core import BankSettings, ModelBank

FOLDER = Path(__file__).parent
SETTINGS = {"features": 2, "shingle_size": 4, "trees": 6, "sample_size": 32, "output_after": 20}
LEARNED = 600
ASKED = 60


def series() -> NDArray[np.float64]:
    """Return ``[LEARNED + ASKED, 2]`` whole numbers: a saw and a square wave, noise and a spike."""
    time = np.arange(LEARNED + ASKED)
    noise = (time * 7919 + time * time * 104729) % 17
    values = np.stack([time % 24 * 5 + noise, (time // 12 % 2) * 40 + noise[::-1]], axis=1)
    values[LEARNED - 3] += 400
    values[LEARNED + 30, 0] += 300
    return values.astype(np.float64)


def main(name: str) -> None:
    """Write NAME.bin, the checkpoint, and NAME.json, the settings and the outcomes behind it."""
    values = series()
    bank = ModelBank(BankSettings(**SETTINGS), threads=1)
    models = bank.add(np.array([11], dtype=np.uint64))
    times = np.arange(len(values), dtype=np.int64) * 60_000
    bank.process(np.repeat(models, LEARNED), times[:LEARNED], values[:LEARNED])
    (blob,) = bank.checkpoint(models)
    scores = bank.process(np.repeat(models, ASKED), times[LEARNED:], values[LEARNED:])
    (FOLDER / f"{name}.bin").write_bytes(blob)
    document = {
        "settings": SETTINGS,
        "timestamps": times[LEARNED:].tolist(),
        "values": values[LEARNED:].tolist(),
        "score": scores.score.tolist(),
        "grade": scores.grade.tolist(),
        "confidence": scores.confidence.tolist(),
        "threshold": scores.threshold.tolist(),
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
