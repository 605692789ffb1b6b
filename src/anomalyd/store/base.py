"""What the rest of anomalyd asks of the place that keeps its own documents and results.

Two protocols over one store. *Documents* (detectors, jobs, tasks) are small JSON objects with
optimistic concurrency, as in Elasticsearch: each write gives the document the next ``_seq_no`` of
its index and raises its ``_version``. *Results* arrive as columns and are rendered as documents
only when somebody reads them.

Every implementation passes ``tests/contract/test_store.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from anomalyd.query.nodes import Query
from anomalyd.query.nodes_aggregations import SearchRequest

Document = dict[str, Any]

NO_TIME = int(np.iinfo(np.int64).min)
"""Stands for an absent time in a column of them."""


@dataclass(frozen=True, kw_only=True)
class StoredDocument:
    """A document with its place and version."""

    index: str
    id: str
    version: int
    seq_no: int
    primary_term: int
    source: Document


@dataclass(frozen=True, kw_only=True)
class DocumentWrite:
    """One document to write.

    Attributes:
        id: the document's id; the store never makes ids up.
        source: the whole document; replaces the stored one.
        if_seq_no: write only when the stored document has this sequence number; None = whatever.
        if_primary_term: likewise for the primary term.
        create_only: refuse when a document with this id exists.
    """

    index: str
    id: str
    source: Document
    if_seq_no: int | None = None
    if_primary_term: int | None = None
    create_only: bool = False


class DocumentStore(Protocol):
    """Versioned documents. Thread-safe; a returned write is on disk and visible to all readers."""

    def put(self, writes: Sequence[DocumentWrite]) -> tuple[StoredDocument, ...]:
        """Write all or none. Raises: VersionConflict naming the document."""
        ...

    def get(self, index: str, id: str) -> StoredDocument | None:
        """Return one document, or None."""
        ...

    def delete(self, index: str, id: str) -> StoredDocument | None:
        """Delete one document; returns it with the version and seq_no of its deletion."""
        ...

    def exists(self, index: str) -> bool:
        """Tell whether anything was ever written to an index."""
        ...

    def delete_matching(self, index: str, query: Query, *, now: int) -> int:
        """Delete the documents that a query matches and return how many there were."""
        ...

    def search(self, index: str, request: SearchRequest, *, now: int) -> Document:
        """Answer a search in Elasticsearch's shape, without ``took``.

        An index that nothing was written to yet reads as empty.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ResultBatch:
    """Results of one analysis step as columns; every array has one element per row.

    Attributes:
        index: result index that receives the rows (default index of the day, or a custom one).
        detector_id, task_id: ``task_id`` is None for real time.
        feature_ids, feature_names: of the enabled features, in the order of ``feature_values``.
        category_fields: names of the detector's category fields; empty for a single series.
        entities: the distinct entities of the batch, values in the order of ``category_fields``;
            ``((),)`` for a single series.
        model_ids: model id per element of ``entities``; None where the document has none.
        entity: ``int64[rows]``, position in ``entities``.
        data_start, data_end, execution_start, execution_end: ``int64[rows]``, epoch ms.
        feature_values: ``float64[rows, features]``; NaN = missing.
        score, grade, confidence, threshold: ``float64[rows]``; NaN = absent from the document.
        error: message per row, or None for all rows.
        relevant_attribution, expected_values, past_values: ``float64[rows, features]`` or None;
            rows of NaN have none.
        imputed: ``bool[rows, features]``, which values were made up, or None where none ever are.
        approx_anomaly_start: ``int64[rows]``, epoch ms, or None; ``NO_TIME`` = absent from the
            document.
        user: the ``user`` object of every document, or None.
        schema_version: of the result mapping.
    """

    index: str
    detector_id: str
    task_id: str | None
    feature_ids: tuple[str, ...]
    feature_names: tuple[str, ...]
    category_fields: tuple[str, ...]
    entities: tuple[tuple[str, ...], ...]
    model_ids: tuple[str | None, ...]
    entity: npt.NDArray[np.int64]
    data_start: npt.NDArray[np.int64]
    data_end: npt.NDArray[np.int64]
    execution_start: npt.NDArray[np.int64]
    execution_end: npt.NDArray[np.int64]
    feature_values: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    grade: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    threshold: npt.NDArray[np.float64]
    error: Sequence[str | None] | None = None
    relevant_attribution: npt.NDArray[np.float64] | None = None
    expected_values: npt.NDArray[np.float64] | None = None
    past_values: npt.NDArray[np.float64] | None = None
    approx_anomaly_start: npt.NDArray[np.int64] | None = None
    imputed: npt.NDArray[np.bool_] | None = None
    user: Mapping[str, Any] | None = None
    schema_version: int = 5

    def __len__(self) -> int:
        return len(self.data_start)

    def take(self, rows: npt.NDArray[np.int64]) -> ResultBatch:
        """Return the batch with these of its rows only; entities stay as they are."""
        changed: dict[str, Any] = {
            field.name: values[rows]
            for field in fields(self)
            if isinstance(values := getattr(self, field.name), np.ndarray)
        }
        if self.error is not None:
            changed["error"] = [self.error[row] for row in rows.tolist()]
        return replace(self, **changed)


@dataclass(frozen=True, kw_only=True)
class TopAnomaly:
    """One bucket of the top anomalies: key is category field → value."""

    key: dict[str, str]
    doc_count: int
    max_anomaly_grade: float


@dataclass(frozen=True, kw_only=True)
class ScoreColumns:
    """Scores of stored results as columns, in order of window and entity.

    Entities and values stand as codes: 63-bit hashes that are the same on every machine for ever.

    Attributes:
        window: ``int64[rows]``, ``data_start_time``, epoch ms, ascending.
        entity: ``int64[rows]``, code of the entity as a whole; 0 for a single series.
        values: ``int64[rows, fields]``, code of its value per category field.
        score: ``float64[rows]``; NaN while the entity's model was warming up.
        features: ``float64[rows, features]``, the enabled features' values.
    """

    window: npt.NDArray[np.int64]
    entity: npt.NDArray[np.int64]
    values: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    features: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.window)


@dataclass(frozen=True, kw_only=True)
class ScoreRange:
    """Which stored results are meant.

    Attributes:
        indices: result indices to look in.
        detector_id: whose.
        task_id: of that task; None = of real time.
        category_fields: the detector's; ``()`` for a single series.
        features: how many enabled features the detector has.
        start, end: ``data_start_time`` lies in this half-open range, epoch ms.
    """

    indices: tuple[str, ...]
    detector_id: str
    task_id: str | None
    category_fields: tuple[str, ...]
    features: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class ScoredResult:
    """One stored result as a record shows it; features in the detector's order, None = absent."""

    entity: tuple[str, ...]
    actual: tuple[float | None, ...]
    typical: tuple[float | None, ...] | None


class ScoreReader(Protocol):
    """Reads back what was scored, as columns. Thread-safe.

    Rows without a score or with a feature that has no value are left out; those of a single series
    whose model was warming up as well, because there is nothing to compare them with.
    """

    def score_counts(self, which: ScoreRange) -> tuple[tuple[int, int], ...]:
        """Return (window, rows) of each window that has rows, in order of time."""
        ...

    def scores(self, which: ScoreRange) -> ScoreColumns:
        """Return the scores of a range."""
        ...

    def scores_of_each(self, ranges: Sequence[ScoreRange]) -> tuple[ScoreColumns, ...]:
        """Return what ``scores`` says of each range, all as of the same moment."""
        ...

    def codes(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the code of each text ``int64[texts]``, as ``ScoreColumns`` has them."""
        ...

    def value_names(
        self, which: ScoreRange, field: str, codes: npt.NDArray[np.int64]
    ) -> Mapping[int, str]:
        """Return the value that each of these codes of a category field stands for."""
        ...

    def scored_results(
        self,
        which: ScoreRange,
        window: npt.NDArray[np.int64],
        entity: npt.NDArray[np.int64],
    ) -> Mapping[tuple[int, int], ScoredResult]:
        """Return the results of these (window, entity code) pairs ``int64[n]``, by pair."""
        ...


class ResultStore(Protocol):
    """Anomaly results. Thread-safe.

    A row is identified by (detector, task, entity, window), so that writing the same step twice,
    as after a crash, leaves one row. Each write gives its rows the next sequence numbers
    (``_seq_no``), counted over all result indices and in the order of the commits: who has read
    up to one finds everything newer above it.
    """

    def record(self, batch: ResultBatch, documents: Sequence[DocumentWrite] = ()) -> None:
        """Write the rows and the documents (the task's progress) in one transaction.

        Raises: VersionConflict; nothing is written then.
        """
        ...

    def record_all(
        self, batches: Sequence[ResultBatch], documents: Sequence[DocumentWrite] = ()
    ) -> tuple[StoredDocument, ...]:
        """Write several batches and documents in one transaction; returns the documents in order.

        No row may be in two of the batches.

        Raises: VersionConflict; nothing is written then.
        """
        ...

    def revise(self, batch: ResultBatch, indices: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Replace real-time results by what documents made of them that came late.

        A result is replaced in the index that holds it, under its id, with the next ``_version``
        and ``_seq_no``; ``rescored_time`` is the row's execution end. What its model had learned of
        the window stays what ``ScoredValuesReader`` says. A row without a result before goes to
        the batch's own index; nothing was learned of it. A row whose features are those of the
        stored result changes nothing.

        Args:
            batch: every row with a score.
            indices: where the results are.

        Returns: ``bool[rows]``, which rows were written.
        """
        ...

    def position(self) -> int:
        """Return the sequence number of the result that was written last; -1 before the first."""
        ...

    def create_index(self, index: str) -> None:
        """Create an empty result index when it does not exist."""
        ...

    def indices(self, pattern: str) -> tuple[str, ...]:
        """Return the result indices that a name or ``*`` pattern matches."""
        ...

    def search(self, indices: Sequence[str], request: SearchRequest, *, now: int) -> Document:
        """Answer a search over result documents in Elasticsearch's shape, without ``took``."""
        ...

    def delete_matching(self, indices: Sequence[str], query: Query, *, now: int) -> int:
        """Delete the results that a query matches and return how many there were."""
        ...

    def top_anomalies(
        self,
        indices: Sequence[str],
        *,
        detector_id: str,
        task_id: str | None,
        category_fields: Sequence[str],
        start: int,
        end: int,
        order: str,
        size: int,
    ) -> tuple[TopAnomaly, ...]:
        """Group the anomalies (grade > 0, ``data_end_time`` in ``[start, end]``) by category.

        Args:
            indices: result indices to look in.
            detector_id: whose results.
            task_id: results of that task, or real-time results when None.
            category_fields: to group by; at least one of the detector's.
            start: epoch ms, inclusive.
            end: epoch ms, inclusive.
            order: ``severity`` (highest grade) or ``occurrence`` (most anomalies) first.
            size: most groups to return.
        """
        ...
