"""One run of a job with the state of its influencers: read scores, judge, learn, write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from anomalyd._core import Influencers, InfluenceState
from anomalyd.engine.analysis import StoppedEarlyError
from anomalyd.engine.influence_state import restored_state
from anomalyd.engine.influencer_columns import RunColumns, worth_writing
from anomalyd.engine.influencer_open import OpenRows
from anomalyd.engine.influencer_rows import Names, influencer_rows, record_rows
from anomalyd.engine.window import WindowRange
from anomalyd.model.detector import Detector
from anomalyd.store.base import ScoreColumns, ScoreRange, ScoreReader
from anomalyd.store.influencers import (
    NO_STORED_SHARES,
    REAL_TIME,
    InfluencerStep,
    InfluencerStore,
    StoredShares,
)

ROWS_PER_STEP = 200_000
"""Scores that are read, judged and written at once."""
ROWS_BETWEEN_STATES = 1_000_000
"""Scores after which a run's state is written again; so many are learned anew after a restart."""
LEAST_PERIOD = 30 * 60_000
"""Shortest time, ms, of which a sketch takes one sample."""
RENORMALISE_EVERY = 6 * 3_600_000
RENORMALISED_DAYS = 30 * 24 * 3_600_000
RENORMALISED_SPANS = 100
SHARES_KEPT = 24 * 3_600_000
"""How long shares are kept at least, ms: late documents may ask for them again."""


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """One run of a job: whose scores, and which.

    Attributes:
        task_id: of a historical analysis; None = real time.
        indices: result indices, or patterns, in which the scores are.
    """

    detector_id: str
    detector: Detector
    task_id: str | None
    indices: tuple[str, ...]

    @property
    def name(self) -> str:
        """The run's name in the store."""
        return REAL_TIME if self.task_id is None else self.task_id

    @property
    def interval(self) -> int:
        """Length of a window in ms."""
        return self.detector.detection_interval.milliseconds

    def scores(self, start: int, end: int) -> ScoreRange:
        """Return which stored scores belong to windows of the run."""
        return ScoreRange(
            indices=self.indices,
            detector_id=self.detector_id,
            task_id=self.task_id,
            category_fields=self.detector.categories,
            features=len(self.detector.enabled_features),
            start=start,
            end=end,
        )


class InfluencerRun:
    """One run with its state. Used by one thread at a time."""

    def __init__(
        self,
        job: JobRun,
        scores: ScoreReader,
        influencers: InfluencerStore,
        *,
        keeps_state: bool,
    ) -> None:
        self.job = job
        self._scores = scores
        self._influencers = influencers
        self._keeps_state = keeps_state
        self._columns = RunColumns.of(job.detector)
        self._model = self._new_state()
        self.position: int | None = None
        self._has_state = False
        self._state_position = 0
        self._rows_since_state = 0
        self._pending = False
        self._interim = 0

    @staticmethod
    def restored(job: JobRun, scores: ScoreReader, influencers: InfluencerStore) -> InfluencerRun:
        """Return a run as it was when it was last written."""
        run = InfluencerRun(job, scores, influencers, keeps_state=True)
        stored = influencers.state(job.detector_id, job.name)
        if stored is None:
            return run
        learned: int | None = None
        if stored.state is not None:
            model = restored_state(stored.state)
            if model.shape == run._model.shape:
                run._model = model
                learned = run._state_position = stored.state_position
                run._has_state = True
        run.position = stored.position
        if learned is not None and learned < stored.position:
            windows = WindowRange(start=learned, end=stored.position, interval=job.interval)
            for piece in run._pieces(windows):
                columns = run._read(piece)
                run._process(columns, learn=True, shares=run._shares(piece))
                run._rows_since_state += len(columns)
        # what these windows made due was done before
        run._pending = False
        return run

    def ahead(self, windows: WindowRange) -> WindowRange:
        """Return the windows from the run's position to the end of these."""
        start = windows.start if self.position is None else self.position
        return replace(windows, start=min(start, windows.end))

    def done(self, windows: WindowRange) -> WindowRange:
        """Return those of these windows that the run has learned."""
        end = windows.start if self.position is None else self.position
        return replace(windows, end=max(min(windows.end, end), windows.start))

    def learns_again(self, windows: WindowRange) -> bool:
        """Tell whether a restart would learn one of these windows once more."""
        return self._rows_since_state > 0 and self._state_position < windows.end

    def advance(self, windows: WindowRange, stopping: Callable[[], bool] = lambda: False) -> None:
        """Learn windows and write their influencers. Raises: StoppedEarlyError."""
        for piece in self._pieces(windows):
            if stopping():
                raise StoppedEarlyError
            step = self.learn(piece, self._read(piece))
            self._influencers.write(self.job.detector_id, step)
            self.written(step)

    def learn(self, piece: WindowRange, scores: ScoreColumns) -> InfluencerStep:
        """Learn windows that are next, and return what is to be written of them.

        ``written`` must follow; where it does not, the run must be restored.

        Args:
            piece: the windows; it does not matter how many there are.
            scores: of these windows.
        """
        shares = self._shares(piece)
        found = self._process(scores, learn=True, shares=shares)
        self._rows_since_state += len(scores)
        due = not self._has_state or self._rows_since_state >= ROWS_BETWEEN_STATES
        with_state = self._keeps_state and due
        return self._step(piece, found, shares, position=piece.end, with_state=with_state)

    def judge(self, windows: WindowRange) -> None:
        """Write influencers of windows again without learning them."""
        for piece in self._pieces(windows):
            scores, shares = self._read(piece), self._shares(piece)
            self._write(piece, self._process(scores, learn=False, shares=shares), shares)

    def write_interim(self, windows: WindowRange, rows: OpenRows) -> None:
        """Write influencers of windows that are not complete."""
        scores = rows.scores() or self._nothing(windows.start)
        found = self._process(scores, learn=False, shares=rows.shares)
        self._write(windows, found, rows.shares, names=rows, interim=True)
        self._interim = max(self._interim, windows.end)

    def forget_interim(self) -> None:
        """Delete what was written of windows that will not be recorded."""
        start = self.position
        if start is None or self._interim <= start:
            return
        windows = WindowRange(start=start, end=self._interim, interval=self.job.interval)
        self._write(windows, self._process(self._nothing(start), learn=False))

    def _nothing(self, at: int) -> ScoreColumns:
        return self._scores.scores(self.job.scores(at, at))

    def save(self) -> None:
        """Write the state down as it is."""
        if self.position is not None and self._rows_since_state:
            nothing = WindowRange(
                start=self.position, end=self.position, interval=self.job.interval
            )
            found = self._process(self._nothing(self.position), learn=False)
            self._write(nothing, found, position=self.position, with_state=True)

    def renormalise_if_due(self, before: int | None) -> None:
        """Renormalise when a maximum rose enough, or the position passed a multiple of six hours.

        Both depend on the scores alone: the same whenever the service was started.
        """
        if self.position is None:
            return
        passed = before is not None and (
            before // RENORMALISE_EVERY < self.position // RENORMALISE_EVERY
        )
        if self._pending or passed:
            self.renormalise()

    def renormalise(self) -> None:
        """Give stored influencers the scores that today's state gives their probabilities."""
        if self.position is None:
            return
        span = max(RENORMALISED_DAYS, RENORMALISED_SPANS * self.job.interval)
        job, run = self.job.detector_id, self.job.name
        stored = self._influencers.scores(job, run, since=self.position - span)
        field = self._columns.positions(stored.field)
        score = self._model.renormalise(field, stored.code, stored.ln_probability)
        # fields that the detector had before it was changed are none of the state's
        worth = worth_writing(stored.score, score) & (field >= 0)
        changed = np.where(worth, score, stored.score)
        self._influencers.rescore(job, run, stored, changed)
        self._pending = False

    def _new_state(self) -> InfluenceState:
        detector, interval = self.job.detector, self.job.interval
        return InfluenceState(
            fields=len(self._columns.names),
            features=len(detector.enabled_features),
            interval=interval,
            # one event shows in all windows of a shingle, and counts once
            period=max(LEAST_PERIOD, detector.shingle_size * interval),
        )

    def _pieces(self, windows: WindowRange) -> Iterator[WindowRange]:
        """Cut windows into pieces of so many scores; a window is never cut."""
        if windows.count <= 1:
            yield from windows.pieces(1)
            return
        start, rows = windows.start, 0
        for window, count in self._scores.score_counts(self.job.scores(windows.start, windows.end)):
            if rows and rows + count > ROWS_PER_STEP:
                yield replace(windows, start=start, end=window)
                start, rows = window, 0
            rows += count
        if start < windows.end:
            yield replace(windows, start=start)

    def _read(self, piece: WindowRange) -> ScoreColumns:
        return self._scores.scores(self.job.scores(piece.start, piece.end))

    def _shares(self, piece: WindowRange) -> StoredShares:
        """Return what is known of unusual rows of these windows without a value."""
        if not self._columns.further:
            return NO_STORED_SHARES
        return self._influencers.shares(
            self.job.detector_id, self.job.name, start=piece.start, end=piece.end
        )

    def _process(
        self, scores: ScoreColumns, *, learn: bool, shares: StoredShares = NO_STORED_SHARES
    ) -> Influencers:
        values = self._columns.values(scores)
        places, without = self._columns.shares(scores, shares)
        found = self._model.process(
            scores.window, scores.entity, values, scores.score, scores.features,
            share_places=places, share_scores=without, learn=learn,
        )  # fmt: skip
        self._pending |= learn and found.renormalise
        return found

    def _write(
        self,
        piece: WindowRange,
        found: Influencers,
        shares: StoredShares = NO_STORED_SHARES,
        *,
        names: Names | None = None,
        position: int | None = None,
        with_state: bool = False,
        interim: bool = False,
    ) -> None:
        step = self._step(
            piece, found, shares,
            names=names, position=position, with_state=with_state, interim=interim,
        )  # fmt: skip
        self._influencers.write(self.job.detector_id, step)
        self.written(step)

    def _step(
        self,
        piece: WindowRange,
        found: Influencers,
        shares: StoredShares,
        *,
        names: Names | None = None,
        position: int | None = None,
        with_state: bool = False,
        interim: bool = False,
    ) -> InfluencerStep:
        which = self.job.scores(piece.start, piece.end)
        named = self._scores if names is None else names
        records = record_rows(found, self._columns.record, which, named)
        return InfluencerStep(
            run=self.job.name,
            start=piece.start,
            end=piece.end,
            bucket_span=self.job.interval // 1000,
            influencers=influencer_rows(found, self._columns, which, named, records, shares),
            buckets=self._columns.buckets(found),
            records=records,
            interim=interim,
            position=position,
            state=self._model.to_bytes() if with_state else None,
        )

    def written(self, step: InfluencerStep) -> None:
        """Go on after a step was written."""
        if step.position is not None:
            self.position = step.position
        if step.state is not None:
            self._has_state = True
            self._state_position = step.end
            self._rows_since_state = 0
            if self._columns.further:
                # what is older is neither learned again nor judged again
                kept = max(SHARES_KEPT, RENORMALISED_SPANS * self.job.interval)
                self._influencers.forget_shares(
                    self.job.detector_id, self.job.name, before=step.end - kept
                )
