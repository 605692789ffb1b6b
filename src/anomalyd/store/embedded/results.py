"""Anomaly results in tables of the embedded database."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from sqlglot import exp

from anomalyd.embedded.catalogue import Catalogue, ReadSession
from anomalyd.embedded.kept_rows import KeptRows
from anomalyd.embedded.matching import delete_matching
from anomalyd.embedded.relation import IndexSet
from anomalyd.errors import IllegalArgument
from anomalyd.query.nodes import Query
from anomalyd.query.nodes_aggregations import SearchRequest
from anomalyd.query.search import search
from anomalyd.query.subset import only_above_zero
from anomalyd.store.base import (
    Document,
    DocumentWrite,
    ResultBatch,
    StoredDocument,
    TopAnomaly,
)
from anomalyd.store.embedded.documents import put_documents
from anomalyd.store.embedded.result_indices import (
    matching_results,
    result_names,
    result_relation,
)
from anomalyd.store.embedded.result_writes import (
    ensured,
    forget_deleted,
    layout,
    next_position,
    revise_rows,
    write_rows,
)

_ORDERS = {
    "severity": ("max_anomaly_grade", "doc_count"),
    "occurrence": ("doc_count", "max_anomaly_grade"),
}


def _nothing() -> None:
    pass


class EmbeddedResultStore:
    """Results (implements ``store.base.ResultStore``), one table per result index.

    Args:
        catalogue: the indices.
        recorded: called after results were written, on the writer's thread; must return at once.
    """

    def __init__(self, catalogue: Catalogue, *, recorded: Callable[[], None] = _nothing) -> None:
        self._catalogue = catalogue
        self._recorded = recorded
        self._kept = KeptRows()

    def record(self, batch: ResultBatch, documents: Sequence[DocumentWrite] = ()) -> None:
        """Write the rows and the documents (the task's progress) in one transaction.

        Raises: VersionConflict; nothing is written then.
        """
        self.record_all([batch], documents)

    def record_all(
        self, batches: Sequence[ResultBatch], documents: Sequence[DocumentWrite] = ()
    ) -> tuple[StoredDocument, ...]:
        """Write several batches and documents in one transaction; returns the documents in order.

        Raises: VersionConflict; nothing is written then.
        """
        with self._catalogue.write() as session:
            stored = put_documents(session, documents)
            for index in dict.fromkeys(batch.index for batch in batches):
                state = ensured(session, index)
                alike: dict[object, list[ResultBatch]] = {}
                for batch in batches:
                    if len(batch) and batch.index == index:
                        alike.setdefault(layout(batch), []).append(batch)
                for group in alike.values():
                    write_rows(session, state, group)
        self._recorded()
        return stored

    def revise(self, batch: ResultBatch, indices: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Replace real-time results by what documents made of them that came late."""
        if not len(batch):
            return np.zeros(0, dtype=np.bool_)
        with self._catalogue.write() as session:
            written = revise_rows(session, batch, indices)
        if written.any():
            self._recorded()
        return written

    def position(self) -> int:
        """Return the sequence number of the result that was written last; -1 before the first."""
        with self._catalogue.read() as session:
            return next_position(session.states) - 1

    def create_index(self, index: str) -> None:
        """Create an empty result index when it does not exist.

        Raises: IndexNameInvalid; IndexExists when the name belongs to another kind of index.
        """
        with self._catalogue.write() as session:
            ensured(session, index)

    def indices(self, pattern: str) -> tuple[str, ...]:
        """Return the result indices that a name or ``*`` pattern matches."""
        return tuple(result_names(self._catalogue.committed(), [pattern]))

    def search(self, indices: Sequence[str], request: SearchRequest, *, now: int) -> Document:
        """Answer a search over result documents in Elasticsearch's shape, without ``took``."""
        anomalies = only_above_zero(request.query, "anomaly_grade")

        def found(session: ReadSession) -> Document:
            relation = result_relation(session, indices, kept=self._kept, anomalies=anomalies)
            return search(relation, request, now_ms=now)

        return self._catalogue.reading(found)

    def delete_matching(self, indices: Sequence[str], query: Query, *, now: int) -> int:
        """Delete the results that a query matches and return how many there were."""
        with self._catalogue.write() as session:
            states = matching_results(session, indices)
            deleted = sum(delete_matching(session, state, query, now=now) for state in states)
            for state in states:
                forget_deleted(session.connection, state)
            return deleted

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
        """Group the anomalies (grade > 0, ``data_end_time`` in ``[start, end]``) by category."""
        if order not in _ORDERS:
            raise IllegalArgument(f"Ordering by {order} is not a valid option", field="order")
        parameters: dict[str, object] = {
            "detector_id": detector_id,
            "task_id": task_id,
            "start": start,
            "end": end,
            "size": size,
        }
        parameters |= {f"field{at}": name for at, name in enumerate(category_fields)}

        def found(session: ReadSession) -> list[tuple[object, ...]]:
            relation = result_relation(session, indices, anomalies=True)
            sql = _top_anomalies_sql(relation, len(category_fields), order)
            return relation.rows(sql, parameters)

        return tuple(
            TopAnomaly(
                key=dict(zip(category_fields, map(str, row[:-2]), strict=True)),
                doc_count=int(str(row[-2])),
                max_anomaly_grade=float(str(row[-1])),
            )
            for row in self._catalogue.reading(found)
        )


def _top_anomalies_sql(relation: IndexSet, fields: int, order: str) -> str:
    """Return the statement that groups anomalies by the values of category fields."""
    columns = ("detector_id", "task_id", "data_end_time", "anomaly_grade")
    rows = relation.select([*columns, "entity_name", "entity_value"]).subquery("results")
    values = [
        f"list_extract(entity_value, list_position(entity_name, $field{at}))"
        for at in range(fields)
    ]
    first, second = _ORDERS[order]
    keys = [f"key{at}" for at in range(fields)]
    query = (
        exp.select(
            *(f"{value} AS {key}" for key, value in zip(keys, values, strict=True)),
            "count(*) AS doc_count",
            "max(anomaly_grade) AS max_anomaly_grade",
            dialect="duckdb",
        )
        .from_(rows)
        .where(
            "detector_id = $detector_id",
            "task_id IS NOT DISTINCT FROM $task_id",
            "anomaly_grade > 0",
            "data_end_time BETWEEN $start AND $end",
            *(f"{value} IS NOT NULL" for value in values),
            dialect="duckdb",
        )
        .group_by(*keys)
        .order_by(f"{first} DESC", f"{second} DESC", *keys)
        .limit("$size", dialect="duckdb")
    )
    return query.sql(dialect="duckdb")
