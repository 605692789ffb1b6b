"""The models of one running detector: trained from history, fed by window, kept for restarts.

Entities come and go, so a model is made when its entity is first seen, and is trained at once with
the windows of the past. A model is written down (a *checkpoint*) right after that, then from time
to time and at shutdown. After a crash the models are the checkpoints, plus the feature values since
then, read from the *stored results*: exactly what had been learned, whatever documents came late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from anomalyd.engine.analysis import (
    ROWS_PER_CALL,
    StoppedEarlyError,
    columns,
    complete_rows,
    joined,
    scored_rows,
    unfilled,
)
from anomalyd.engine.imputation import FilledRows, Imputer
from anomalyd.engine.live_values import ColdStart, LiveModel, LiveRows, LiveTools
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.seeds import model_seeds
from anomalyd.engine.window import WindowRange
from anomalyd.executor.base import Float64s, Int64s
from anomalyd.model.entity import model_id
from anomalyd.source.base import EntityValues, FeatureRows, WindowQuery
from anomalyd.store.base import (
    ModelCheckpoint,
    ScoreRange,
)

TRAINED_AFTER = 32
ROUNDS = 3
"""How many times ``history`` a model may look back while it finds too few windows."""
ROWS_PER_CHUNK = 50_000
"""Rows that a tick gives away at once; bounds the memory of its result columns."""


class LiveDetector:
    """One running detector's models. Used by one thread at a time, but for ``models``.

    Args:
        plan: the detector.
        fingerprint: of its definition; checkpoints of another one are never used.
        indices: result indices in which its results are looked for.
        tools: what to work with.
    """

    def __init__(
        self, plan: AnalysisPlan, *, fingerprint: str, indices: tuple[str, ...], tools: LiveTools
    ) -> None:
        self.plan = plan
        self._fingerprint = fingerprint
        self._indices = indices
        self._tools = tools
        options = plan.detector.options
        self._history = options.history or tools.history or TRAINED_AFTER + plan.shape.shingle_size
        self._imputer = Imputer.of(plan.detector)
        self._models = tools.executor.open(plan.shape, np.empty(0, dtype=np.uint64))
        self._entities: list[EntityValues] = []
        self._number: dict[EntityValues, int] = {}
        self._used = np.zeros(0, dtype=np.int64)
        self._saved = np.zeros(0, dtype=np.int64)
        self._position: int | None = None
        self._due = 0

    def cold_start(self, first_window: int) -> ColdStart:
        """Make and train the models of all entities that the past shows, and write them down.

        Args:
            first_window: start of the first window of real time; the past ends there.

        Raises: the source's errors.
        """
        rows = self._past(first_window, 1, None)
        if not self.plan.detector.categories and not rows.entities:
            rows = replace(rows, entities=((),))
        ends = np.full(len(rows.entities), first_window)
        looked, trained = self._train(rows, ends, since=first_window - self._span)
        start, interval = first_window - looked * self.plan.interval, self.plan.interval
        every = np.arange(start, first_window, interval)
        empty = np.setdiff1d(every, trained)[::-1]
        self._position = first_window
        self._save(range(len(self._entities)))
        return ColdStart(self.most_updates(), looked, tuple(empty.tolist()), len(self._entities))

    def recover(self, position: int) -> None:
        """Bring the models back as they were when everything before a position was recorded.

        Args:
            position: end of the last recorded window, epoch ms.
        """
        kept = self._tools.checkpoints.load(self.plan.detector_id, self._fingerprint)
        self._enter([one.entity for one in kept])
        self._models.restore([one.data for one in kept])
        self._position = position
        positions = np.array([one.position for one in kept], dtype=np.int64)
        since = int(positions.min(initial=position))
        if self._imputer is not None:
            # the last window has a value of every entity, made up or not
            since = min(since, position - self.plan.interval)
        if not len(positions) or since >= position:
            return
        found = self._tools.learned.scored_values(self._scores(since, position))
        entity, window, values = complete_rows(found)
        model = self._numbers(found.entities)[entity]
        if self._imputer is not None:
            last = (model >= 0) & (window == position - self.plan.interval)
            self._imputer.knows(model[last], values[last])
        ahead = (model >= 0) & (window >= positions[model])
        self._learn(model[ahead], window[ahead], values[ahead])

    def tick(
        self, windows: WindowRange, stopping: Callable[[], bool] = lambda: False
    ) -> Iterator[LiveRows]:
        """Score and learn windows; they must follow those of the tick before.

        Yields chunks in order of time; a window without data is in none of them. When the caller
        does not come to the end, the models are of no use any more.

        Raises: StoppedEarlyError; the source's errors before the first chunk.
        """
        found = self._rows(windows.start, windows.end, None)
        numbers, known = self._numbers(found.entities), len(self._entities)
        seen = np.unique(found.entity[np.isfinite(found.values).all(axis=1)])
        fresh = seen[numbers[seen] < 0]
        begins = np.full(known + len(fresh), windows.start)
        if len(fresh):
            begins[known:] = self._welcome(found, fresh, windows.start)
            numbers = self._numbers(found.entities)
        rows = self._filled(windows, found, numbers)
        rows = rows.where(rows.window_start >= begins[rows.entity])
        entities = tuple(self._entities)
        for first in range(0, len(rows), ROWS_PER_CHUNK):
            parts = []
            for start in range(first, min(first + ROWS_PER_CHUNK, len(rows)), ROWS_PER_CALL):
                if stopping():
                    raise StoppedEarlyError
                part = rows.part(start, start + ROWS_PER_CALL)
                scores = self._models.process(part.entity, part.window_start, part.values)
                parts.append(scored_rows(self.plan, part, scores))
                self._used[part.entity] = self._tools.now()
            yield LiveRows(joined(parts), entities)

    def _numbers(self, entities: Sequence[EntityValues]) -> Int64s:
        """Return the numbers of entities' models; -1 where there is none, and at least one."""
        return np.array([self._number.get(each, -1) for each in entities] or [-1], dtype=np.int64)

    def _filled(self, windows: WindowRange, found: FeatureRows, numbers: Int64s) -> FilledRows:
        """Return the rows of known entities by the numbers of their models, gaps filled."""
        known = numbers[found.entity] >= 0
        rows = FeatureRows(
            tuple(self._entities),
            numbers[found.entity[known]],
            found.window_start[known],
            found.doc_count[known],
            found.values[known],
        )
        if self._imputer is None:
            return unfilled(rows)
        return self._imputer.fill(windows, *columns(rows))

    def committed(self, position: int) -> None:
        """Tell that everything before a position is recorded."""
        self._position = position

    def checkpoint(self, *, everything: bool = False) -> None:
        """Write down the models that are due, or all; what was learned must be committed."""
        count = len(self._entities)
        if everything:
            self._save(range(count))
            return
        share = self.plan.interval / (1_000 * self._tools.checkpoint_seconds)
        begin, self._due = self._due, self._due + max(1, round(count * min(1.0, share)))
        chosen = sorted({number % count for number in range(begin, self._due)}) if count else []
        if share < 1 and count == 1:
            # A single model has no share of its own: it waits for its turn.
            turns = max(1, round(1 / share))
            chosen = [0] if self._due % turns == 0 else []
        self._save(chosen)

    def close(self, *, forget: bool) -> None:
        """Let go of the models; ``forget`` deletes their checkpoints."""
        self._models.close()
        if forget:
            self._tools.checkpoints.forget(self.plan.detector_id)

    def most_updates(self) -> int:
        """Return how many windows the model with the most has learned; 0 without models."""
        return int(self._models.updates().max(initial=0))

    @property
    def count(self) -> int:
        """How many models there are."""
        return len(self._entities)

    @property
    def resident(self) -> int:
        """How many models are ready to score, neither packed nor spilled. Thread-safe."""
        return self._models.resident()

    def model(self, entity: EntityValues) -> LiveModel | None:
        """Return one entity's model as it is now; None without. Thread-safe."""
        number = self._number.get(entity)
        return None if number is None else next(iter(self.models()[number : number + 1]), None)

    def models(self) -> tuple[LiveModel, ...]:
        """Return all models as they are now. Thread-safe."""
        entities = list(self._entities)
        updates, sizes = self._models.updates(), self._models.sizes()
        columns = (updates, sizes, self._used, self._saved)
        # Models that are added meanwhile are left out.
        rows = zip(entities, *(column.tolist() for column in columns), strict=False)
        return tuple(
            LiveModel(entity=entity, updates=learned, size=size, last_used=used, last_saved=saved)
            for entity, learned, size, used, saved in rows
        )

    @property
    def _span(self) -> int:
        """Length of the history that one round looks at, ms."""
        return self._history * self.plan.interval

    def _welcome(self, found: FeatureRows, fresh: Int64s, start: int) -> Int64s:
        """Make and train the models of entities that are seen for the first time.

        Each learns the windows before its own first one, so that it does not matter how many
        windows are fetched at once.

        Returns: ``int64[fresh]``, each one's own first window.
        """
        entity, window, _ = complete_rows(found)
        order = np.argsort(entity, kind="stable")
        first = window[order][np.searchsorted(entity[order], fresh)]
        names = tuple(found.entities[number] for number in fresh.tolist())
        past = self._past(start, ROUNDS, names)
        begin = len(self._entities)
        self._train(past, first, since=start - ROUNDS * self._span)
        self._save(range(begin, len(self._entities)), positions=first)
        return first

    def _train(self, rows: FeatureRows, ends: Int64s, *, since: int) -> tuple[int, Int64s]:
        """Make the models of some entities and let each learn from the windows before its end.

        Args:
            rows: of the past.
            ends: ``int64[entities]``.
            since: how far back the rows go.

        Returns: how many windows were looked back, and the windows that had data.
        """
        entities, span = rows.entities, self._span
        self._enter(entities)
        self._models.add(
            model_seeds(
                self.plan.detector_id,
                [
                    model_id(self.plan.detector_id, self.plan.detector.categories, one)
                    for one in entities
                ],
            )
        )
        rounds = np.ones(len(entities), dtype=np.int64)
        entity, window, values = complete_rows(rows)
        for further in range(2, ROUNDS + 1):
            inside = (window >= ends[entity] - rounds[entity] * span) & (window < ends[entity])
            counts = np.bincount(entity[inside], minlength=len(entities))
            few = np.flatnonzero(counts < TRAINED_AFTER)
            if not len(few):
                break
            rounds[few] = further
            oldest = int((ends[few] - further * span).min())
            if oldest < since:
                rows = self._further(rows, few, oldest, int(ends.max()))
                entity, window, values = complete_rows(rows)
        inside = (window >= ends[entity] - rounds[entity] * span) & (window < ends[entity])
        numbers = self._numbers(entities)
        entity, window, values = entity[inside], window[inside], values[inside]
        looked = self._history * int(rounds.max(initial=1))
        trained = np.unique(window)
        if self._imputer is not None and len(window):
            entity, window, values = self._bridged(numbers, ends, entity, window, values)
        self._learn(numbers[entity], window, values)
        return looked, trained

    def _bridged(
        self, numbers: Int64s, ends: Int64s, entity: Int64s, window: Int64s, values: Float64s
    ) -> tuple[Int64s, Int64s, Float64s]:
        """Fill the gaps of the past, up to each entity's end, and remember the last values."""
        imputer = Imputer.of(self.plan.detector)
        assert imputer is not None
        assert self._imputer is not None
        past = WindowRange(
            start=int(window.min()), end=int(ends.max()), interval=self.plan.interval
        )
        rows = imputer.fill(past, entity, window, values)
        rows = rows.where(rows.window_start < ends[rows.entity])
        # rows are in order of time, so the last of each entity stays
        last = np.full((len(ends), values.shape[1]), np.nan)
        last[rows.entity] = rows.values
        begun = np.flatnonzero(np.isfinite(last[:, 0]))
        self._imputer.knows(numbers[begun], last[begun])
        return rows.entity, rows.window_start, rows.values

    def _further(self, rows: FeatureRows, few: Int64s, start: int, end: int) -> FeatureRows:
        """Return the rows with those of a few entities replaced by rows that begin earlier."""
        entities = rows.entities
        names = tuple(entities[number] for number in few.tolist())
        older = self._rows(start, end, names if self.plan.detector.categories else None)
        numbers = {one: number for number, one in enumerate(entities)}
        again = np.array([numbers.get(one, -1) for one in older.entities] or [0], dtype=np.int64)
        keep = ~np.isin(rows.entity, few)
        entity = np.concatenate([rows.entity[keep], again[older.entity]])
        window = np.concatenate([rows.window_start[keep], older.window_start])
        order = np.lexsort((window, entity))
        return FeatureRows(
            entities,
            entity[order],
            window[order],
            np.concatenate([rows.doc_count[keep], older.doc_count])[order],
            np.concatenate([rows.values[keep], older.values])[order],
        )

    def _past(
        self, end: int, rounds: int, entities: tuple[EntityValues, ...] | None
    ) -> FeatureRows:
        return self._rows(end - rounds * self._span, end, entities)

    def _rows(self, start: int, end: int, entities: tuple[EntityValues, ...] | None) -> FeatureRows:
        return self._tools.source.feature_rows(
            WindowQuery(
                selection=self.plan.selection,
                features=self.plan.features,
                start=start,
                end=end,
                interval=self.plan.interval,
                entities=entities,
            )
        )

    def _learn(self, model: Int64s, window: Int64s, values: Float64s) -> None:
        for first in range(0, len(model), ROWS_PER_CHUNK):
            part = slice(first, first + ROWS_PER_CHUNK)
            self._models.process(model[part], window[part], values[part])

    def _enter(self, entities: Sequence[EntityValues]) -> None:
        begin = len(self._entities)
        self._number |= {one: begin + at for at, one in enumerate(entities)}
        begun = np.full(len(entities), self._tools.now())
        self._used = np.concatenate([self._used, begun])
        self._saved = np.concatenate([self._saved, begun])
        self._entities += entities

    def _save(self, chosen: Sequence[int], *, positions: Int64s | None = None) -> None:
        if not len(chosen):
            return
        assert self._position is not None
        data = self._models.save(np.array(chosen, dtype=np.int64))
        where = [self._position] * len(chosen) if positions is None else positions.tolist()
        self._tools.checkpoints.save(
            self.plan.detector_id,
            self._fingerprint,
            [
                ModelCheckpoint(entity=self._entities[number], position=at, data=one)
                for number, at, one in zip(chosen, where, data, strict=True)
            ],
        )
        self._saved[list(chosen)] = self._tools.now()

    def _scores(self, start: int, end: int) -> ScoreRange:
        return ScoreRange(
            indices=self._indices,
            detector_id=self.plan.detector_id,
            task_id=None,
            category_fields=self.plan.detector.categories,
            features=len(self.plan.detector.enabled_features),
            start=start,
            end=end,
        )
