"""What the life cycle and the readers of influencers ask of the place that keeps them.

A *job* is a detector, seen as Elastic's machine learning calls it. A *run* is what its influencers
come from: a historical analysis (its task's id), or real time (the empty text). Each run has a
state of its own (``_core.InfluenceModel``); the rows of a job are those of its last run over a
window, whichever that was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

REAL_TIME = ""
"""The run of real time."""


@dataclass(frozen=True, kw_only=True)
class InfluencerRows:
    """Influencers of some windows as columns; every array has one element per row.

    Attributes:
        timestamp: ``int64[rows]``, start of the window, epoch ms.
        field, value: texts per row.
        code: ``int64[rows]``, the value's code in the run's state.
        ln_probability: ``float64[rows]``, at most 0.
        score: ``float64[rows]``, 0 to 100.
    """

    timestamp: Int64s
    field: Sequence[str]
    value: Sequence[str]
    code: Int64s
    ln_probability: Float64s
    score: Float64s

    def __len__(self) -> int:
        return len(self.timestamp)


@dataclass(frozen=True, kw_only=True)
class ShareRows:
    """Scores of unusual results as they would be without the documents of one value.

    Attributes:
        timestamp: ``int64[rows]``, start of the window, epoch ms.
        entity: the entity's values, in the order of ``categories``.
        field, value: texts per row: a field that no model is split by, and one of its values.
        score: ``float64[rows]``, 0 where nothing is left.
        carriers: ``int64[rows]``, entities of the window with documents that have the value.
    """

    timestamp: Int64s
    entity: Sequence[Sequence[str]]
    field: Sequence[str]
    value: Sequence[str]
    score: Float64s
    carriers: Int64s

    def __len__(self) -> int:
        return len(self.timestamp)

    @staticmethod
    def joined(parts: Sequence[ShareRows]) -> ShareRows:
        """Put parts together; none is fine."""
        every = [NO_SHARES, *parts]
        return ShareRows(
            timestamp=np.concatenate([one.timestamp for one in every]),
            entity=[entity for one in every for entity in one.entity],
            field=[field for one in every for field in one.field],
            value=[value for one in every for value in one.value],
            score=np.concatenate([one.score for one in every]),
            carriers=np.concatenate([one.carriers for one in every]),
        )


NO_SHARES = ShareRows(
    timestamp=np.empty(0, dtype=np.int64),
    entity=(),
    field=(),
    value=(),
    score=np.empty(0),
    carriers=np.empty(0, dtype=np.int64),
)


@dataclass(frozen=True, kw_only=True)
class StoredShares:
    """Shares with their codes, in order of window, entity, field and value.

    Attributes:
        timestamp, entity, code: ``int64[rows]``, codes as in ``ScoreColumns``.
        field, value: texts per row.
        score, carriers: as in ``ShareRows``.
    """

    timestamp: Int64s
    entity: Int64s
    field: npt.NDArray[Any]
    value: npt.NDArray[Any]
    code: Int64s
    score: Float64s
    carriers: Int64s

    def __len__(self) -> int:
        return len(self.timestamp)


NO_STORED_SHARES = StoredShares(
    timestamp=np.empty(0, dtype=np.int64),
    entity=np.empty(0, dtype=np.int64),
    field=np.empty(0, dtype=object),
    value=np.empty(0, dtype=object),
    code=np.empty(0, dtype=np.int64),
    score=np.empty(0),
    carriers=np.empty(0, dtype=np.int64),
)


@dataclass(frozen=True, kw_only=True)
class BucketRows:
    """How unusual windows are as a whole, per field; one element per row.

    Attributes:
        timestamp: ``int64[rows]``, start of the window, epoch ms.
        field: name of a field, or ``bucket_time`` for everything that reported.
        ln_probability, raw, score: ``float64[rows]``.
        count: ``int64[rows]``, entities that reported.
    """

    timestamp: Int64s
    field: Sequence[str]
    ln_probability: Float64s
    raw: Float64s
    score: Float64s
    count: Int64s

    def __len__(self) -> int:
        return len(self.timestamp)


@dataclass(frozen=True, kw_only=True)
class RecordRows:
    """Unusual entities of windows; one element per row.

    Attributes:
        timestamp: ``int64[rows]``, start of the window, epoch ms.
        entity: the entity's values, in the order of the detector's category fields.
        ln_probability, score: ``float64[rows]``.
        actual, typical: value per enabled feature; ``typical`` None where nothing was expected.
    """

    timestamp: Int64s
    entity: Sequence[Sequence[str]]
    ln_probability: Float64s
    score: Float64s
    actual: Sequence[Sequence[float | None]]
    typical: Sequence[Sequence[float | None] | None]

    def __len__(self) -> int:
        return len(self.timestamp)


@dataclass(frozen=True, kw_only=True)
class InfluencerStep:
    """Everything that one step of a run writes, in one transaction.

    Attributes:
        run: which run.
        start, end: the windows that are replaced, epoch ms, half open: what was stored of them and
            is not in the step's rows is gone afterwards.
        bucket_span: length of a window in seconds.
        interim: the windows are not complete yet.
        position: end of the last window that the run has learned, epoch ms; None = as before.
        state: of the run at ``position``; None = as before.
    """

    run: str
    start: int
    end: int
    bucket_span: int
    influencers: InfluencerRows
    buckets: BucketRows
    records: RecordRows
    interim: bool = False
    position: int | None = None
    state: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class RunState:
    """How far a run is.

    Attributes:
        position: end of the last window whose influencers are written, epoch ms.
        state_position: end of the last window that ``state`` has learned, at most ``position``.
        state: bytes of the native state; None before the first were written.
    """

    position: int
    state_position: int
    state: bytes | None


@dataclass(frozen=True, kw_only=True)
class StoredScores:
    """What a renormalisation needs of a run's final influencers.

    Attributes:
        timestamp: ``int64[rows]``, start of the window, epoch ms; ascending.
        field: texts per row.
        code: ``int64[rows]``, the value's code in the run's state.
        ln_probability, score: ``float64[rows]``.
    """

    timestamp: Int64s
    field: npt.NDArray[Any]
    code: Int64s
    ln_probability: Float64s
    score: Float64s


@dataclass(frozen=True, kw_only=True)
class ResultFilter:
    """Which results are meant.

    Attributes:
        start: window begins then or later, epoch ms; None = any.
        end: window begins before, epoch ms; None = any.
        exclude_interim: leave out windows that are not complete.
        score: lowest score; 0 or less, and NaN, mean all.
    """

    start: int | None = None
    end: int | None = None
    exclude_interim: bool = False
    score: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ResultPage:
    """Which part of the results is wanted, in which order.

    Attributes:
        sort: a name of ``store.influencers`` documents; what no result has sorts nothing.
        descending: largest first. Results without the field come last either way.
        offset, size: rows to skip, and most rows to return.
    """

    sort: str
    descending: bool = True
    offset: int = 0
    size: int = 100


@dataclass(frozen=True, kw_only=True)
class InfluencerRow:
    """One stored influencer."""

    timestamp: int
    bucket_span: int
    field: str
    value: str
    ln_probability: float
    score: float
    initial_score: float
    interim: bool


@dataclass(frozen=True, kw_only=True)
class BucketRow:
    """One stored bucket level: of a field, or ``bucket_time``."""

    timestamp: int
    bucket_span: int
    field: str
    ln_probability: float
    raw: float
    score: float
    initial_score: float
    count: int
    interim: bool


@dataclass(frozen=True, kw_only=True)
class RecordRow:
    """One stored record."""

    timestamp: int
    bucket_span: int
    entity: tuple[str, ...]
    ln_probability: float
    score: float
    initial_score: float
    actual: tuple[float | None, ...]
    typical: tuple[float | None, ...] | None
    interim: bool


class InfluencerStore(Protocol):
    """Influencers, buckets and records of jobs. Thread-safe; a page never mixes two writes.

    Rows are keyed by (job, timestamp, bucket span, field, value), buckets by field and records by
    entity instead of the value.
    """

    def write(self, job: str, step: InfluencerStep) -> None:
        """Replace what is stored of the step's windows, in one transaction.

        A final row that was there before in the same run keeps its initial score, whatever its new
        score is; all others begin with ``initial_score = score``.
        """
        ...

    def write_all(self, steps: Sequence[tuple[str, InfluencerStep]]) -> None:
        """Do what ``write`` does for several jobs, each once, in one transaction."""
        ...

    def state(self, job: str, run: str) -> RunState | None:
        """Return how far a run is; None when it never wrote anything."""
        ...

    def scores(self, job: str, run: str, *, since: int) -> StoredScores:
        """Return the final influencers of a run from ``since`` (epoch ms, inclusive) on."""
        ...

    def rescore(self, job: str, run: str, stored: StoredScores, score: Float64s) -> int:
        """Give influencers new scores, in one transaction; returns how many rows changed.

        Args:
            job: whose.
            run: which of its runs.
            stored: as ``scores`` returned it, whole or a part.
            score: ``float64[rows]``, 0 to 100.
        """
        ...

    def forget(self, job: str, run: str | None = None) -> None:
        """Delete everything of a job, or of one of its runs; of a run its shares stay."""
        ...

    def write_shares(
        self, job: str, run: str, categories: Sequence[str], shares: ShareRows
    ) -> None:
        """Write shares; each (window, entity) loses those it had.

        Args:
            job: whose.
            run: of which run.
            categories: the detector's category fields.
            shares: of some windows and entities.
        """
        ...

    def shares(self, job: str, run: str, *, start: int, end: int) -> StoredShares:
        """Return the shares of windows in ``[start, end)``, epoch ms."""
        ...

    def forget_shares(self, job: str, run: str, *, before: int) -> None:
        """Delete the shares of windows that begin before a time, epoch ms."""
        ...

    def jobs(self) -> frozenset[str]:
        """Return the jobs that anything is kept of."""
        ...

    def influencers(
        self, job: str, which: ResultFilter, page: ResultPage
    ) -> tuple[int, tuple[InfluencerRow, ...]]:
        """Return how many influencers match, and a page of them.

        The order is total: by ``page.sort``, then the newest first, then by field and value.
        """
        ...

    def buckets(self, job: str, which: ResultFilter) -> tuple[BucketRow, ...]:
        """Return bucket levels in order of time and field; the score is that of the bucket.

        The score of a bucket is the largest of its levels.
        """
        ...

    def records(
        self, job: str, which: ResultFilter, page: ResultPage
    ) -> tuple[int, tuple[RecordRow, ...]]:
        """Return how many records match, and a page of them, ordered as influencers are."""
        ...
