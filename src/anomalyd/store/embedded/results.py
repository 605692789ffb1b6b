"""Anomaly results in tables of the embedded database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from anomalyd.embedded.catalogue import Catalogue, IndexState, WriteSession
from anomalyd.embedded.database import quote
from anomalyd.embedded.matching import delete_matching
from anomalyd.embedded.relation import IndexSet
from anomalyd.embedded.result_table import COLUMNS, KIND, MAPPING
from anomalyd.errors import IllegalArgument, IndexExists
from anomalyd.query.nodes import Query
from anomalyd.query.nodes_aggregations import SearchRequest
from anomalyd.query.search import search
from anomalyd.store.base import Document, DocumentWrite, ResultBatch, TopAnomaly
from anomalyd.store.embedded.documents import put_documents
from anomalyd.store.embedded.result_indices import matching_results, result_relation
from anomalyd.store.embedded.result_rows import constants, result_columns

_BATCH = "anomalyd_results"
_CONSTANTS = ("detector_id", "task_id", "schema_version", "user", "user_name")
_LISTS = ("user_backend_roles", "user_roles")
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

    def record(self, batch: ResultBatch, documents: Sequence[DocumentWrite] = ()) -> None:
        """Write the rows and the documents (the task's progress) in one transaction.

        Raises: VersionConflict; nothing is written then.
        """
        with self._catalogue.write() as session:
            put_documents(session, documents)
            state = _ensure(session, batch.index)
            if len(batch):
                _write_rows(session, state, batch)
        self._recorded()

    def position(self) -> int:
        """Return the sequence number of the result that was written last; -1 before the first."""
        with self._catalogue.read() as session:
            return _next_position(session.states) - 1

    def create_index(self, index: str) -> None:
        """Create an empty result index when it does not exist.

        Raises: IndexNameInvalid; IndexExists when the name belongs to another kind of index.
        """
        with self._catalogue.write() as session:
            _ensure(session, index)

    def indices(self, pattern: str) -> tuple[str, ...]:
        """Return the result indices that a name or ``*`` pattern matches."""
        with self._catalogue.read() as session:
            return tuple(state.name for state in matching_results(session, [pattern]))

    def search(self, indices: Sequence[str], request: SearchRequest, *, now: int) -> Document:
        """Answer a search over result documents in Elasticsearch's shape, without ``took``."""
        with self._catalogue.read() as session:
            return search(result_relation(session, indices), request, now_ms=now)

    def delete_matching(self, indices: Sequence[str], query: Query, *, now: int) -> int:
        """Delete the results that a query matches and return how many there were."""
        with self._catalogue.write() as session:
            return sum(
                delete_matching(session, state, query, now=now)
                for state in matching_results(session, indices)
            )

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
        with self._catalogue.read() as session:
            relation = result_relation(session, indices)
            parameters: dict[str, object] = {
                "detector_id": detector_id,
                "task_id": task_id,
                "start": start,
                "end": end,
                "size": size,
            }
            parameters |= {f"field{at}": name for at, name in enumerate(category_fields)}
            sql = _top_anomalies_sql(relation, len(category_fields), order)
            return tuple(
                TopAnomaly(
                    key=dict(zip(category_fields, map(str, row[:-2]), strict=True)),
                    doc_count=int(str(row[-2])),
                    max_anomaly_grade=float(str(row[-1])),
                )
                for row in relation.rows(sql, parameters)
            )


def _ensure(session: WriteSession, index: str) -> IndexState:
    state = session.states.get(index)
    if state is None:
        return session.create(index, MAPPING, kind=KIND, columns=COLUMNS)
    if state.kind != KIND:
        raise IndexExists(f"index [{index}] exists and holds no results", details={"index": index})
    return state


def _next_position(states: Mapping[str, IndexState]) -> int:
    """Results of all indices share one sequence, so that readers can follow them all by it."""
    return max((state.next_seq_no for state in states.values() if state.kind == KIND), default=0)


def _write_rows(session: WriteSession, state: IndexState, batch: ResultBatch) -> None:
    arrays, expressions = result_columns(batch)
    expressions |= {name: f"${name}" for name in _CONSTANTS}
    expressions |= {name: f"${name}::VARCHAR[]" for name in _LISTS}
    position = _next_position(session.states)
    first_seq_no = session.take_seq_nos(state.name, len(batch), at_least=position)
    expressions["_seq_no"] = f"{first_seq_no} + (row_number() OVER ()) - 1"
    targets = ", ".join(map(quote, expressions))
    parameters = constants(batch)
    used = {name: parameters[name] for name in parameters if _uses(expressions, name)}
    table = quote(state.table)
    connection = session.connection
    connection.register(_BATCH, arrays)
    try:
        # the range lets DuckDB skip everything that is not near these windows
        connection.execute(
            f"DELETE FROM {table} WHERE data_start_time BETWEEN $first AND $last "  # noqa: S608
            f"AND _id IN (SELECT id FROM {_BATCH})",
            {"first": int(batch.data_start.min()), "last": int(batch.data_start.max())},
        )
        connection.execute(
            f"INSERT INTO {table} ({targets}) "  # noqa: S608 - quoted identifiers
            f"SELECT {', '.join(expressions.values())} FROM {_BATCH}",
            used,
        )
    finally:
        connection.unregister(_BATCH)


def _uses(expressions: dict[str, str], parameter: str) -> bool:
    return any(f"${parameter}" in expression for expression in expressions.values())


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
