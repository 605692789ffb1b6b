"""Documents that were read are kept until their index changes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.documents import FoundDocument, find_document, find_documents

MOST_KEPT = 20_000
"""Documents that are kept; beyond that all are forgotten."""
LONGEST_KEPT = 10_000
"""Characters of a document that is kept."""
SINGLE_READS = 16
"""Documents of an unchanged index that are read one by one before all others are read at once.

One costs as much as a few hundred in the same statement: DuckDB looks for it in the whole table.
"""


@dataclass
class _Index:
    """What is known of an index in one state.

    Attributes:
        changes: the state, see ``Catalogue.changes``.
        documents: those that were read, by id.
        reads: numbers the reads of single documents; ``next`` gives no number to two threads.
    """

    changes: int
    documents: dict[str, FoundDocument] = field(default_factory=dict)
    reads: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class KeptDocuments:
    """Reads single documents: detectors are asked for all the time and hardly ever change.

    Thread-safe: an index that changed is a new object here, and what two threads read of one state
    is the same.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._indices: dict[str, _Index] = {}

    def get(self, index: str, id: str) -> FoundDocument | None:
        """Return one document, or None."""
        changes = self._catalogue.changes(index)
        kept = self._indices.get(index)
        if kept is None or kept.changes != changes:
            kept = self._indices[index] = _Index(changes)
        found = kept.documents.get(id)
        return self._read(kept, index, id) if found is None else found

    def _read(self, kept: _Index, index: str, id: str) -> FoundDocument | None:
        # whoever draws the number reads all: a shared count is past it before others compare
        reads_all = next(kept.reads) == SINGLE_READS
        with self._catalogue.read() as session:
            state = session.states.get(index)
            if state is None:
                return None
            if reads_all:
                every = find_documents(
                    session.cursor, state.table, most=MOST_KEPT, longest=LONGEST_KEPT
                )
                kept.documents.update((one.id, one) for one in every)
            found = kept.documents.get(id) or find_document(session.cursor, state.table, id)
        if found is not None and len(found.text) <= LONGEST_KEPT:
            if len(kept.documents) >= MOST_KEPT:
                kept.documents.clear()
            kept.documents[id] = found
        return found
