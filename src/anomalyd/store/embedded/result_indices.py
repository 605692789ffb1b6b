"""Which indices hold results, for whoever reads or deletes them."""

from __future__ import annotations

from collections.abc import Sequence

from anomalyd.embedded.catalogue import IndexState, ReadSession, WriteSession
from anomalyd.embedded.names import expand, is_pattern
from anomalyd.embedded.relation import IndexSet
from anomalyd.embedded.result_table import KIND


def matching_results(
    session: ReadSession | WriteSession, patterns: Sequence[str]
) -> list[IndexState]:
    """Return the result indices that are meant; those that do not exist hold nothing."""
    names = [name for name, state in session.states.items() if state.kind == KIND]
    known = [pattern for pattern in patterns if is_pattern(pattern) or pattern in names]
    return [session.states[name] for name in expand(known, names)]


def result_relation(session: ReadSession, patterns: Sequence[str]) -> IndexSet:
    """Return the result indices that are meant as one table."""
    return IndexSet(session.cursor, matching_results(session, patterns))
