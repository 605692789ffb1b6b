"""Which indices hold results, for whoever reads or deletes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anomalyd.embedded.catalogue import IndexState, ReadSession, WriteSession
from anomalyd.embedded.database import quote
from anomalyd.embedded.kept_rows import KeptRows
from anomalyd.embedded.names import expand, is_pattern
from anomalyd.embedded.relation import IndexSet
from anomalyd.embedded.result_table import COLUMNS, KIND


def matching_results(
    session: ReadSession | WriteSession, patterns: Sequence[str]
) -> list[IndexState]:
    """Return the result indices that are meant; those that do not exist hold nothing."""
    return [session.states[name] for name in result_names(session.states, patterns)]


def result_names(states: Mapping[str, IndexState], patterns: Sequence[str]) -> list[str]:
    """Return the names of the result indices that are meant."""
    names = [name for name, state in states.items() if state.kind == KIND]
    known = [pattern for pattern in patterns if is_pattern(pattern) or pattern in names]
    return list(expand(known, names))


def result_relation(
    session: ReadSession,
    patterns: Sequence[str],
    *,
    kept: KeptRows | None = None,
    anomalies: bool = False,
) -> IndexSet:
    """Return the result indices that are meant as one table, or their anomalies alone."""
    states = matching_results(session, patterns)
    return IndexSet(session.cursor, states, kept=kept, anomalies=anomalies)


def raw_rows(session: ReadSession, patterns: Sequence[str], columns: Sequence[str]) -> str:
    """Return a query for columns of result tables, ``_index`` and ``_seq_no``, as they lie there.

    Without any result yet it has no rows, and the same types.
    """
    names = ", ".join(map(quote, columns))
    parts = [
        f"SELECT {_text(state.name)} AS _index, _seq_no, {names} "  # noqa: S608 - quoted
        f"FROM {quote(state.table)}"
        for state in matching_results(session, patterns)
    ]
    if not parts:
        typed = (f"CAST(NULL AS {COLUMNS[name]}) AS {quote(name)}" for name in columns)
        parts = [f"SELECT '' AS _index, 0 AS _seq_no, {', '.join(typed)} WHERE false"]
    return " UNION ALL ".join(parts)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
