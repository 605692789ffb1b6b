"""The state of a job's run: histories, dependence, sketches, maxima; and what a window adds.

A plain numpy version of the proposal in the influencer reference, one window after the other.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anomalyd.errors import CorruptState
from tests.support.plain_influence.aggregation import Groups, correlation_sample, ln_combined
from tests.support.plain_influence.normaliser import (
    LN_UNUSUAL,
    Sketch,
    absolute_ceiling,
    maximum_ceiling,
    raw_scores,
)
from tests.support.plain_influence.population import Population
from tests.support.plain_influence.tails import Tails

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

MOST_PER_WINDOW = 500
DECAY = 0.0005
FULL_DECAY_MS = 1_800_000
COMBINED_DECAY = 0.2
LEAST_COMBINED_WEIGHT = 250
IDLE_WINDOWS = 50
MOST_MAXIMA = 100_000
RISE = 1.1
"""A maximum that grows more than this asks for renormalisation."""
MAGIC = b"anomalyd influence\x01"


@dataclass(frozen=True)
class Influencers:
    """What some windows gave: one element per unusual value, and per window and field.

    Attributes:
        window, field, value: start of the window, column of the value, its code.
        ln_probability, score: of the value; the score is 0 to 100.
        bucket_window, bucket_field: a level of the window's bucket.
        bucket_ln_probability, bucket_raw, bucket_score, bucket_count: of that level; the count is
            that of the entities that reported.
        renormalise: whether a maximum rose enough to ask for renormalisation.
    """

    window: Int64s
    field: Int64s
    value: Int64s
    ln_probability: Float64s
    score: Float64s
    bucket_window: Int64s
    bucket_field: Int64s
    bucket_ln_probability: Float64s
    bucket_raw: Float64s
    bucket_score: Float64s
    bucket_count: Int64s
    renormalise: bool


class InfluenceState:
    """State of one run's influencers. Used by one thread at a time.

    Args:
        fields: columns of values.
        features: values per row.
        interval: length of a window, ms.
        period: length of a sampling period, ms; at least the interval.
    """

    def __init__(self, *, fields: int, features: int, interval: int, period: int) -> None:
        self.fields = fields
        self.features = features
        self.interval = interval
        self.period = max(period, interval)
        decay = DECAY * min(1.0, interval / FULL_DECAY_MS)
        self._forest, self._distances = Tails(2 * decay), Tails(2 * decay)
        self._population = Population(features, decay)
        # per column: dependence of entities within a value, and of values within a bucket
        self._dependence = np.zeros((2 * fields, 2))
        self._remembered = 1 / (2 * decay)
        self._combined_decay = COMBINED_DECAY * decay
        run = self.period / interval
        self._past = [Tails(self._combined_decay, run) for _ in range(2 * fields)]
        per_period = 0.05 * decay * self.period / interval
        self._sketches = [Sketch(per_period) for _ in range(2 * fields)]
        self._maxima: OrderedDict[tuple[int, int], tuple[float, int]] = OrderedDict()
        self._decay = decay * max(interval / FULL_DECAY_MS, 1.0)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """What the state was made for: fields, features, interval, period."""
        return self.fields, self.features, self.interval, self.period

    def process(
        self,
        window: Int64s,
        entity: Int64s,
        values: Int64s,
        score: Float64s,
        features: Float64s,
        *,
        learn: bool = True,
    ) -> Influencers:
        """Judge scores by the past, window after window, then learn them.

        Args:
            window: ``int64[rows]``, epoch ms, ascending.
            entity: ``int64[rows]``, codes; at most one row per window and entity.
            values: ``int64[rows, fields]``, code of the entity's value in each column.
            score: ``float64[rows]``, 0 or more; NaN = the entity's model is still warming up, so
                the entity is compared with the others instead.
            features: ``float64[rows, features]``, what a comparison is about.
            learn: False leaves no trace.
        """
        parts = []
        starts = np.unique(window)
        bounds = np.append(np.searchsorted(window, starts), len(window)).tolist()
        for start, first, last in zip(starts.tolist(), bounds, bounds[1:], strict=False):
            rows = slice(first, last)
            ln_p = self._ln_probabilities(start, entity[rows], score[rows], features[rows], learn)
            parts.append(self._window(start, values[rows], ln_p, learn))
        return _joined(parts)

    def renormalise(self, field: Int64s, value: Int64s, ln_probability: Float64s) -> Float64s:
        """Return the scores that today's state gives: ``float64[rows]``, in the rows' order."""
        scores = np.zeros(len(field))
        raw = raw_scores(ln_probability)
        for column in range(self.fields):
            rows = np.flatnonzero(field == column)
            largest = self._largest(column, value[rows])
            scores[rows] = self._scores(column, ln_probability[rows], raw[rows], largest)
        return scores

    def to_bytes(self) -> bytes:
        """Return the state as bytes, of which ``from_bytes`` makes it again."""
        parts: dict[str, Any] = {
            "shape": np.array(self.shape, dtype=np.int64),
            "dependence": self._dependence,
            "maxima_keys": np.array(list(self._maxima), dtype=np.int64).reshape(-1, 2),
            "maxima": np.array(list(self._maxima.values()), dtype=np.float64).reshape(-1, 2),
        }
        for name, tails in self._parts():
            parts |= {f"{name}.{key}": each for key, each in tails.state().items()}
        for number, sketch in enumerate(self._sketches):
            parts |= {f"sketch{number}.{key}": each for key, each in sketch.state().items()}
        body = b"".join(_packed(name, np.ascontiguousarray(each)) for name, each in parts.items())
        return MAGIC + struct.pack("<I", zlib.crc32(body)) + body

    @staticmethod
    def from_bytes(content: bytes) -> InfluenceState:
        """Make a state of its bytes. Raises: CorruptState."""
        body = content[len(MAGIC) + 4 :]
        if not content.startswith(MAGIC):
            raise CorruptState("these bytes are no state of influencers, or one of a newer version")
        if content[len(MAGIC) : len(MAGIC) + 4] != struct.pack("<I", zlib.crc32(body)):
            raise CorruptState("the state of influencers is damaged")
        arrays = dict(_unpacked(body))
        fields, features, interval, period = arrays["shape"].tolist()
        state = InfluenceState(fields=fields, features=features, interval=interval, period=period)
        state._dependence = arrays["dependence"]
        keys, maxima = arrays["maxima_keys"].tolist(), arrays["maxima"].tolist()
        for (column, code), (largest, tick) in zip(keys, maxima, strict=True):
            state._maxima[column, code] = (largest, int(tick))
        for name, part in state._parts():
            part.restore(_taker(arrays, name))
        for number, sketch in enumerate(state._sketches):
            sketch.restore(_taker(arrays, f"sketch{number}"))
        return state

    def _ln_probabilities(
        self,
        start: int,
        entity: Int64s,
        score: Float64s,
        features: Float64s,
        learn: bool,
    ) -> Float64s:
        tick = start // self.interval
        ln_p = np.zeros(len(score))
        cold = np.flatnonzero(np.isnan(score))
        distance = score.copy()
        compared = cold if self._population.known else cold[:0]
        if len(cold):
            distance[compared] = self._population.distances(features[compared])
            if learn:
                self._population.learn(tick, features[cold])
        for tails, rows in (
            (self._forest, np.flatnonzero(~np.isnan(score))),
            (self._distances, compared),
        ):
            if len(rows):
                ln_p[rows] = tails.ln_probabilities(tick, entity[rows], distance[rows])
                if learn:
                    tails.learn(tick, entity[rows], distance[rows])
        return ln_p

    def _parts(self) -> list[tuple[str, Tails | Population]]:
        return [
            *((f"past{number}", each) for number, each in enumerate(self._past)),
            ("forest", self._forest),
            ("distances", self._distances),
            ("population", self._population),
        ]

    def _window(self, start: int, values: Int64s, ln_p: Float64s, learn: bool) -> Influencers:
        found: list[tuple[Int64s, Int64s, Float64s, Float64s]] = []
        levels = []
        rise = False
        for column in range(self.fields):
            codes, group = np.unique(values[:, column], return_inverse=True)
            groups = Groups.of(group, len(codes), ln_p)
            ln_value = self._combined(column, start, codes, groups, learn)
            raw = np.where(ln_value <= LN_UNUSUAL, raw_scores(ln_value), 0.0)
            self._see(column, start, raw, learn)
            chosen = np.flatnonzero(ln_value <= LN_UNUSUAL)
            if learn:
                rise |= self._raise(column, codes[chosen], raw[chosen], start // self.interval)
            largest = self._largest(column, codes[chosen])
            scores = self._scores(column, ln_value[chosen], raw[chosen], largest)
            found.append((np.full(len(chosen), column), codes[chosen], ln_value[chosen], scores))
            levels.append(self._level(column, start, ln_value, learn))
        columns, codes, ln_values, scores = map(np.concatenate, zip(*found, strict=True))
        order = np.lexsort((codes, columns, ln_values, -scores))[:MOST_PER_WINDOW]
        ln_levels, raw_levels, level_scores = np.array(levels).reshape(-1, 3).T
        return Influencers(
            np.full(len(order), start, dtype=np.int64),
            columns[order].astype(np.int64),
            codes[order],
            ln_values[order],
            scores[order],
            np.full(self.fields, start, dtype=np.int64),
            np.arange(self.fields, dtype=np.int64),
            ln_levels,
            raw_levels,
            level_scores,
            np.full(self.fields, len(ln_p), dtype=np.int64),
            rise,
        )

    def _level(
        self, column: int, start: int, ln_values: Float64s, learn: bool
    ) -> tuple[float, float, float]:
        """Return ln p, raw score and score of a bucket's level: all values of a column together."""
        level = self.fields + column
        groups = Groups.of(np.zeros(len(ln_values), dtype=np.int64), 1, ln_values)
        ln_p = self._combined(level, start, np.zeros(1, dtype=np.int64), groups, learn)
        raw = np.where(ln_p <= LN_UNUSUAL, raw_scores(ln_p), 0.0)
        self._see(level, start, raw, learn)
        score = self._scores(level, ln_p, raw, np.zeros(1))
        return float(ln_p[0]), float(raw[0]), float(score[0])

    def _combined(
        self, row: int, start: int, codes: Int64s, groups: Groups, learn: bool
    ) -> Float64s:
        """Combine the rows of each group; an old enough past of the statistic decides."""
        total, number = self._dependence[row]
        theory = ln_combined(groups, max(0.0, total / number) if number else 0.0)
        tick, past = start // self.interval, self._past[row]
        ln_p = theory.copy()
        several = np.flatnonzero(groups.n > 1)
        if len(several) and past.weight(tick) >= LEAST_COMBINED_WEIGHT:
            by_past = past.ln_probabilities(tick, codes[several], -theory[several])
            alone = past.weight(tick) / len(several) >= self._remembered
            ln_p[several] = by_past if alone else np.maximum(theory[several], by_past)
        if learn:
            self._dependence[row] *= 1 - self._combined_decay
            self._dependence[row] += correlation_sample(groups, theory)
            windows_before = self._sketches[row].samples() * self.period / self.interval
            if windows_before >= self._remembered:
                past.learn(tick, codes[several], -theory[several])
        return ln_p

    def _see(self, sketch: int, start: int, raw: Float64s, learn: bool) -> None:
        if learn:
            largest = float(raw.max()) if len(raw) else 0.0
            self._sketches[sketch].see(start // self.period, largest, len(raw))

    def _scores(self, sketch: int, ln_p: Float64s, raw: Float64s, largest: Float64s) -> Float64s:
        ceilings = (
            self._sketches[sketch].ceilings(raw),
            maximum_ceiling(raw, largest),
            absolute_ceiling(ln_p),
        )
        scores = np.clip(np.minimum.reduce(ceilings), 0.0, 100.0)
        return np.where(ln_p <= LN_UNUSUAL, scores, 0.0)

    def _raise(self, column: int, codes: Int64s, raw: Float64s, tick: int) -> bool:
        """Take raw scores into the maxima of their values; tell whether one rose enough."""
        rise = False
        for code, each in zip(codes.tolist(), raw.tolist(), strict=True):
            largest, seen = self._maxima.pop((column, code), (0.0, tick))
            if tick - seen > IDLE_WINDOWS:
                largest = 0.0
            faded = largest * math.exp(-2 * self._decay * (tick - seen))
            rise |= faded > 0 and each > RISE * faded
            self._maxima[column, code] = (max(faded, each), tick)
        while len(self._maxima) > MOST_MAXIMA:
            self._maxima.popitem(last=False)
        return rise

    def _largest(self, column: int, codes: Int64s) -> Float64s:
        """Return each value's largest raw score; 0 where it has none."""
        known = self._maxima
        return np.array([known.get((column, each), (0.0, 0))[0] for each in codes.tolist()])


def _joined(parts: list[Influencers]) -> Influencers:
    if not parts:
        none, nothing = np.empty(0, dtype=np.int64), np.empty(0)
        return Influencers(
            none, none, none, nothing, nothing, none, none, nothing, nothing, nothing, none, False
        )

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Influencers(
        window=column("window"),
        field=column("field"),
        value=column("value"),
        ln_probability=column("ln_probability"),
        score=column("score"),
        bucket_window=column("bucket_window"),
        bucket_field=column("bucket_field"),
        bucket_ln_probability=column("bucket_ln_probability"),
        bucket_raw=column("bucket_raw"),
        bucket_score=column("bucket_score"),
        bucket_count=column("bucket_count"),
        renormalise=any(part.renormalise for part in parts),
    )


def _packed(name: str, array: npt.NDArray[Any]) -> bytes:
    kind = array.dtype.str.encode()
    header = struct.pack("<HHI", len(name), len(kind), array.nbytes)
    shape = struct.pack("<II", array.shape[0], array.shape[1] if array.ndim > 1 else 0)
    return header + shape + name.encode() + kind + array.tobytes()


def _unpacked(body: bytes) -> list[tuple[str, npt.NDArray[Any]]]:
    arrays, at = [], 0
    while at < len(body):
        name_length, kind_length, size = struct.unpack_from("<HHI", body, at)
        rows, columns = struct.unpack_from("<II", body, at + 8)
        at += 16
        name = body[at : at + name_length].decode()
        at += name_length
        kind = np.dtype(body[at : at + kind_length].decode())
        at += kind_length
        array = np.frombuffer(body, kind, size // kind.itemsize, at).copy()
        arrays.append((name, array.reshape(rows, columns) if columns else array))
        at += size
    return arrays


def _taker(arrays: dict[str, npt.NDArray[Any]], prefix: str) -> Callable[[str], npt.NDArray[Any]]:
    return lambda name: arrays[f"{prefix}.{name}"]
