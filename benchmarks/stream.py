"""The stream that every Random Cut Forest is measured on, the same numbers in every language."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

UInt64s = npt.NDArray[np.uint64]


def _mix(z: UInt64s) -> UInt64s:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _uniform(seed: int, time: UInt64s, k: UInt64s) -> npt.NDArray[np.float64]:
    start = np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    word = _mix(time * np.uint64(64) + k + np.uint64(1))
    return (_mix(start + word) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def stream(seed: int, start: int, stop: int, features: int) -> npt.NDArray[np.float64]:
    """Return steps ``start`` to ``stop - 1`` of a stream: ``float64[steps, features]``.

    A daily wave of 288 steps with noise of deviation 2, and from step 512 on every 997 steps three
    steps of an anomaly of ±40 in one of the features.
    """
    time = np.arange(start, stop, dtype=np.uint64)[:, None]
    feature = np.arange(features, dtype=np.uint64)[None, :]
    uniforms = sum(_uniform(seed, time, 4 * feature + np.uint64(k)) for k in range(4))
    noise = (uniforms - 2.0) * np.sqrt(3.0)
    t, j = time.astype(np.float64), feature.astype(np.float64)
    values = 100 + 10 * j + (20 + 4 * j) * np.sin(2 * np.pi * (t / 288 + j / 7)) + 2 * noise
    burst, phase = np.divmod(time, np.uint64(997))
    changed = (time >= 512) & (phase >= 500) & (phase <= 502) & (feature == burst % features)
    return values + changed * np.where(burst % 2 == 0, 40.0, -40.0)
