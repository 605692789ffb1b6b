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
    StoppedEarlyError,
    batches,
    columns,
    complete_rows,
    joined,
    scored_rows,
    unfilled,
)
from anomalyd.engine.imputation import FilledRows, Imputer
from anomalyd.engine.live_late import LateWindows
from anomalyd.engine.live_training import History, Past
from anomalyd.engine.live_values import ColdStart, LiveModel, LiveRows, LiveTools
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.seeds import model_seeds
from anomalyd.engine.shares import ShareFinder
from anomalyd.engine.window import WindowRange
from anomalyd.executor.base import Float64s, Int64s
from anomalyd.model.entity import model_id
from anomalyd.source.base import Arrivals, EntityValues, FeatureRows, WindowQuery
from anomalyd.store.base import ScoreRange
from anomalyd.store.influencers import ShareRows
from anomalyd.store.models import CHECKPOINTS_AT_ONCE, ModelCheckpoint

ROWS_PER_CHUNK = 50_000
"""Rows that a tick gives away at once; bounds the memory of its result columns."""
ROWS_REPLAYED_AT_ONCE = 2_000_000
"""Stored results that a restart reads at once, if windows allow it."""


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
        self._history = History(plan, tools.source, tools.history)
        self._imputer = Imputer.of(plan.detector)
        self._models = tools.executor.open(plan.shape, np.empty(0, dtype=np.uint64))
        self._shares = ShareFinder(plan, tools.source, self._models)
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
        self._position = first_window
        looked, found = self._history.windows, np.empty(0, dtype=np.int64)
        for past in self._history.of_all(first_window):
            self._train(past)
            looked, found = max(looked, past.looked), np.union1d(found, past.found)
        interval = self.plan.interval
        every = np.arange(first_window - looked * interval, first_window, interval)
        empty = np.setdiff1d(every, found)[::-1]
        return ColdStart(self.most_updates(), looked, tuple(empty.tolist()), len(self._entities))

    def recover(self, position: int) -> None:
        """Bring the models back as they were when everything before a position was recorded.

        Args:
            position: end of the last recorded window, epoch ms.
        """
        kept = [np.empty(0, dtype=np.int64)]
        for batch in self._tools.checkpoints.load(self.plan.detector_id, self._fingerprint):
            self._enter([one.entity for one in batch])
            self._models.restore([one.data for one in batch])
            kept.append(np.array([one.position for one in batch], dtype=np.int64))
        self._position = position
        positions = np.concatenate(kept)
        since = int(positions.min(initial=position))
        if self._imputer is not None:
            # the last window has a value of every entity, made up or not
            since = min(since, position - self.plan.interval)
        if not len(positions):
            return
        missed = WindowRange(start=since, end=position, interval=self.plan.interval)
        for piece in missed.pieces(max(1, ROWS_REPLAYED_AT_ONCE // len(positions))):
            self._replay(piece, positions)

    def _replay(self, windows: WindowRange, positions: Int64s) -> None:
        """Learn recorded windows again, each model those from its own position on."""
        found = self._tools.learned.scored_values(self._scores(windows.start, windows.end))
        entity, window, values = complete_rows(found)
        model = self._numbers(found.entities)[entity]
        if self._imputer is not None and windows.end == self._position:
            last = (model >= 0) & (window == windows.end - windows.interval)
            self._imputer.knows(model[last], values[last])
        ahead = np.flatnonzero((model >= 0) & (window >= positions[model]))
        # one model after the other: each is brought into memory once
        ahead = ahead[np.argsort(model[ahead], kind="stable")]
        self._learn(model[ahead], window[ahead], values[ahead])

    def query(self, windows: WindowRange) -> WindowQuery:
        """Return what a tick asks the source."""
        return self._history.query(windows.start, windows.end, None)

    def tick(
        self,
        windows: WindowRange,
        stopping: Callable[[], bool] = lambda: False,
        found: FeatureRows | None = None,
    ) -> Iterator[LiveRows]:
        """Score and learn windows; they must follow those of the tick before.

        Yields chunks in order of time; a window without data is in none of them. When the caller
        does not come to the end, the models are of no use any more.

        Args:
            windows: aligned.
            stopping: looked at now and then.
            found: the answer to ``query``, where somebody has asked already.

        Raises: StoppedEarlyError; the source's errors before the first chunk.
        """
        if found is None:
            found = self._history.rows(windows.start, windows.end, None)
        numbers, known = self._numbers(found.entities), len(self._entities)
        seen = np.unique(found.entity[np.isfinite(found.values).all(axis=1)])
        fresh = seen[numbers[seen] < 0]
        begins = np.full(known + len(fresh), windows.start)
        if len(fresh):
            begins[known:] = self._welcome(found, fresh)
            numbers = self._numbers(found.entities)
        rows = self._filled(windows, found, numbers)
        rows = rows.where(rows.window_start >= begins[rows.entity])
        entities = tuple(self._entities)
        numbers, looks = np.arange(len(entities)), bool(self.plan.detector.options.influencers)
        for first in range(0, len(rows), ROWS_PER_CHUNK):
            parts, shares = [], []
            last = min(first + ROWS_PER_CHUNK, len(rows))
            for part in batches(rows, first, last, by_window=looks):
                if stopping():
                    raise StoppedEarlyError
                scores = self._models.process(part.entity, part.window_start, part.values)
                parts.append(scored_rows(part, scores))
                self._used[part.entity] = self._tools.now()
                if looks:
                    shares.append(self._shares.find(parts[-1], entities, numbers))
            yield LiveRows(joined(parts), entities, ShareRows.joined(shares))

    def rejudge(self, arrivals: Arrivals) -> Iterator[LiveRows]:
        """Score windows again that documents arrived for; nothing is learned from them.

        Yields chunks; which rows are left out is said in ``LateWindows.judge``. Not to be called
        within a tick.

        Raises: the source's errors.
        """
        late = LateWindows(self.plan, self._history, self._models, self._number.get)
        for found in late.judge(arrivals):
            numbers = self._numbers(found.entities)
            shares = [self._shares.find(part, found.entities, numbers) for part in found.by_window]
            yield replace(found, shares=ShareRows.joined(shares))

    def judge_open(self, windows: WindowRange) -> Iterator[LiveRows]:
        """Score windows that have not been learned yet, as the data shows them now.

        As ``rejudge``, for all series with data in them.
        """
        found = self._history.rows(windows.start, windows.end, None)
        yield from self.rejudge(Arrivals(found.entities, found.entity, found.window_start, {}))

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

    def _welcome(self, found: FeatureRows, fresh: Int64s) -> Int64s:
        """Make and train the models of entities that are seen for the first time.

        Each learns the windows before its own first one, so that it does not matter how many
        windows are fetched at once.

        Returns: ``int64[fresh]``, each one's own first window.
        """
        entity, window, _ = complete_rows(found)
        order = np.argsort(entity, kind="stable")
        first = window[order][np.searchsorted(entity[order], fresh)]
        names = tuple(found.entities[number] for number in fresh.tolist())
        begin = len(self._entities)
        for past in self._history.of(names, first):
            self._train(past, first[len(self._entities) - begin :])
        return first

    def _train(self, past: Past, positions: Int64s | None = None) -> None:
        """Make the models of some entities, let them learn their past, and write them down.

        Args:
            past: what they learn.
            positions: where each one's own future begins, in the order of ``past.entities`` (more
                may follow); None = at the detector's position.
        """
        begin = len(self._entities)
        self._enter(past.entities)
        id, categories = self.plan.detector_id, self.plan.detector.categories
        names = [model_id(id, categories, one) for one in past.entities]
        self._models.add(model_seeds(id, names))
        self._learn(begin + past.entity, past.window, past.values)
        if self._imputer is not None:
            begun = np.flatnonzero(np.isfinite(past.last[:, 0]))
            self._imputer.knows(begin + begun, past.last[begun])
        self._save(range(begin, len(self._entities)), positions=positions)

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
        """Write models down, a batch after the other."""
        for first in range(0, len(chosen), CHECKPOINTS_AT_ONCE):
            some = list(chosen[first : first + CHECKPOINTS_AT_ONCE])
            at = [self._position] * len(some)
            if positions is not None:
                at = positions[first : first + CHECKPOINTS_AT_ONCE].tolist()
            self._save_batch(some, at)

    def _save_batch(self, chosen: Sequence[int], positions: Sequence[int | None]) -> None:
        data = self._models.save(np.array(chosen, dtype=np.int64))
        kept = []
        for number, position, one in zip(chosen, positions, data, strict=True):
            assert position is not None
            kept.append(ModelCheckpoint(entity=self._entities[number], position=position, data=one))
        self._tools.checkpoints.save(self.plan.detector_id, self._fingerprint, kept)
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
