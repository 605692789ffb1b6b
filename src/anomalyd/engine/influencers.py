"""From stored scores to influencers: the life cycle of a job's runs (reference, proposal P4).

Scores are read back from the result store window by window, in order of time, and given to the
state of the run (``InfluenceState``), whatever models they come from. What it finds is written
together with how far the run is, in one transaction, so that a crash repeats nothing: after it the
state is restored at the position of its last bytes, the scores up to the run's own position are
learned once more without writing, and the run goes on. Same scores, same bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from anomalyd.engine.influencer_open import OpenRows
from anomalyd.engine.influencer_run import InfluencerRun, JobRun
from anomalyd.engine.live_values import LiveRows
from anomalyd.engine.window import WindowRange
from anomalyd.store.base import ScoreReader
from anomalyd.store.influencers import InfluencerStore, ShareRows

__all__ = ["InfluencerRecorder", "JobRun"]


class InfluencerRecorder:
    """Keeps the influencers of all jobs up to date. Thread-safe; one detector at a time.

    Args:
        scores: where the scores are.
        influencers: where influencers go.
    """

    def __init__(self, *, scores: ScoreReader, influencers: InfluencerStore) -> None:
        self._scores = scores
        self._influencers = influencers
        self._lock = threading.Lock()
        self._live: dict[str, InfluencerRun] = {}

    def analysed(
        self,
        job: JobRun,
        windows: WindowRange,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Compute the influencers of a historical run whose results are all written.

        It begins with nothing, so doing it again gives the same rows.

        Args:
            job: the run.
            windows: all of the run's windows.
            stopping: looked at between steps.

        Raises: StoppedEarlyError.
        """
        self._influencers.forget(job.detector_id, job.name)
        run = InfluencerRun(job, self._scores, self._influencers, keeps_state=False)
        run.advance(windows, stopping)
        run.renormalise()
        self._influencers.forget_shares(job.detector_id, job.name, before=windows.end)

    def recorded(self, job: JobRun, windows: WindowRange) -> None:
        """Compute the influencers of real-time windows whose results are written.

        Windows that an earlier call did not get to, because of a crash, are caught up with.

        Args:
            job: the real-time run.
            windows: the windows that were just recorded; those before the run's position are
                done already.
        """
        with self._lock:
            run = self._run(job)
            before = run.position
            run.advance(run.ahead(windows))
            run.renormalise_if_due(before)

    def recorded_of_each(self, recorded: Sequence[tuple[JobRun, WindowRange]]) -> None:
        """Do what ``recorded`` does for runs of different detectors, with one transaction.

        What fails is caught up with by the next call for that detector.
        """
        with self._lock:
            usual, others = [], []
            for job, windows in recorded:
                run = self._run(job)
                piece = run.ahead(windows)
                if piece.count == 1:
                    usual.append((run, piece, run.position))
                else:
                    others.append((job, windows))
            try:
                self._advance_each([(run, piece) for run, piece, _ in usual])
            except BaseException:
                # they may have learned what is not written
                for run, _, _ in usual:
                    self._live.pop(run.job.detector_id, None)
                raise
            for run, _, before in usual:
                run.renormalise_if_due(before)
        for job, windows in others:
            self.recorded(job, windows)

    def _advance_each(self, ahead: Sequence[tuple[InfluencerRun, WindowRange]]) -> None:
        """Let runs learn one window each, and write what they found."""
        ranges = [run.job.scores(piece.start, piece.end) for run, piece in ahead]
        scores = self._scores.scores_of_each(ranges)
        steps = [run.learn(piece, each) for (run, piece), each in zip(ahead, scores, strict=True)]
        self._influencers.write_all(
            [(run.job.detector_id, step) for (run, _), step in zip(ahead, steps, strict=True)]
        )
        for (run, _), step in zip(ahead, steps, strict=True):
            run.written(step)

    def shared(self, job: JobRun, shares: ShareRows) -> None:
        """Take in what unusual rows would be without a value, before their results are written.

        Args:
            job: the run.
            shares: of windows that are recorded or analysed afterwards.
        """
        if len(shares):
            self._influencers.write_shares(
                job.detector_id, job.name, job.detector.categories, shares
            )

    def settle(self, job: JobRun, windows: WindowRange) -> None:
        """Make ready for a change of stored results of windows that were recorded already.

        A restart learns the scores since the last written state anew. So that it learns what was
        learned, and not what late documents make of it, the state is written before the change,
        unless the written one is past these windows anyway.

        Args:
            job: the real-time run.
            windows: the windows whose results are about to change.
        """
        with self._lock:
            run = self._run(job)
            if run.learns_again(windows):
                run.save()

    def late(self, job: JobRun, windows: WindowRange) -> None:
        """Judge windows again whose stored results have changed since they were recorded.

        To be called after the new results are written, and ``settle`` before. Probabilities and
        scores of influencers, buckets and records of these windows become those of the stored
        results, read by today's state; values that are no longer unusual vanish, others appear.
        Nothing is learned. A row that was there keeps its initial score. Calling it twice is
        calling it once; windows beyond the run's position are left for ``recorded``.

        Args:
            job: the real-time run.
            windows: the windows ``[start, end)`` that were changed.
        """
        with self._lock:
            run = self._run(job)
            run.judge(run.done(windows))

    def interim(self, job: JobRun, windows: WindowRange, rows: Sequence[LiveRows]) -> None:
        """Judge windows that are not complete yet; nothing is learned.

        What an earlier call found of them is replaced, and this by ``recorded``.

        Args:
            job: the real-time run.
            windows: from the run's position on.
            rows: of these windows, judged by models that have not learned them.
        """
        with self._lock:
            run = self._run(job)
            found = OpenRows(rows, job.detector.categories, self._scores.codes)
            run.write_interim(windows, found)

    def stopped(self, detector_id: str) -> None:
        """Write the state of a detector's real-time run down and let go of it."""
        with self._lock:
            run = self._live.pop(detector_id, None)
            if run is not None:
                run.forget_interim()
                run.save()

    def forget(self, detector_id: str) -> None:
        """Let go of a detector that was stopped for good.

        What was found stays, as results do, and so does the state: it knows what scores of this
        detector are worth, which is as true after the next start.
        """
        self.stopped(detector_id)

    def close(self) -> None:
        """Write all states down."""
        for detector_id in list(self._live):
            self.stopped(detector_id)

    def _run(self, job: JobRun) -> InfluencerRun:
        run = self._live.get(job.detector_id)
        if run is None or run.job.detector != job.detector:
            run = InfluencerRun.restored(job, self._scores, self._influencers)
            self._live[job.detector_id] = run
        return run
