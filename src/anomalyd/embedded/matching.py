"""What happens to the documents of one table that a query matches."""

from __future__ import annotations

from sqlglot import exp

from anomalyd.embedded.catalogue import IndexState, WriteSession
from anomalyd.query.nodes import Query
from anomalyd.query.to_sql import compile_query


def delete_matching(session: WriteSession, state: IndexState, query: Query, *, now: int) -> int:
    """Delete the documents that a query matches and return how many there were.

    Each deletion takes a sequence number, as Elasticsearch counts it.
    """
    condition = compile_query(query, state.mapping, now_ms=now)
    statement = exp.delete(exp.to_table(state.table, dialect="duckdb")).where(condition.expression)
    session.connection.execute(statement.sql(dialect="duckdb"), dict(condition.parameters))
    row = session.connection.fetchone()
    deleted = 0 if row is None else int(row[0])
    session.take_seq_nos(state.name, deleted)
    return deleted
