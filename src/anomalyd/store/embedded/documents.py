"""Versioned documents in tables of the embedded database."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from anomalyd.embedded.catalogue import Catalogue, ReadSession, WriteSession
from anomalyd.embedded.documents import (
    PRIMARY_TERM,
    DocumentVersion,
    delete_documents,
    find_document,
    find_versions,
)
from anomalyd.embedded.ingest import append_documents
from anomalyd.embedded.matching import delete_matching
from anomalyd.embedded.relation import IndexSet
from anomalyd.errors import VersionConflict
from anomalyd.query.nodes import Query
from anomalyd.query.nodes_aggregations import SearchRequest
from anomalyd.query.search import search
from anomalyd.store.base import Document, DocumentWrite, StoredDocument
from anomalyd.store.embedded.kept import KeptDocuments
from anomalyd.store.embedded.system_mappings import mapping_for


class EmbeddedDocumentStore:
    """Documents (implements ``store.base.DocumentStore``); an index is made by its first write."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kept = KeptDocuments(catalogue)

    def put(self, writes: Sequence[DocumentWrite]) -> tuple[StoredDocument, ...]:
        """Write all or none. Raises: VersionConflict naming the document."""
        with self._catalogue.write() as session:
            return put_documents(session, writes)

    def get(self, index: str, id: str) -> StoredDocument | None:
        """Return one document, or None."""
        found = self._kept.get(index, id)
        if found is None:
            return None
        return StoredDocument(
            index=index,
            id=id,
            version=found.version,
            seq_no=found.seq_no,
            primary_term=PRIMARY_TERM,
            source=found.source,
        )

    def delete(self, index: str, id: str) -> StoredDocument | None:
        """Delete one document; returns it with the version and seq_no of its deletion."""
        with self._catalogue.write() as session:
            state = session.states.get(index)
            if state is None:
                return None
            found = find_document(session.connection, state.table, id)
            if found is None:
                return None
            delete_documents(session.connection, state.table, [id])
            return StoredDocument(
                index=index,
                id=id,
                version=found.version + 1,
                seq_no=session.take_seq_nos(index, 1),
                primary_term=PRIMARY_TERM,
                source=found.source,
            )

    def exists(self, index: str) -> bool:
        """Tell whether anything was ever written to an index."""
        with self._catalogue.read() as session:
            return index in session.states

    def delete_matching(self, index: str, query: Query, *, now: int) -> int:
        """Delete the documents that a query matches and return how many there were."""
        with self._catalogue.write() as session:
            if index not in session.states:
                return 0
            return delete_matching(session, session.get(index), query, now=now)

    def search(self, index: str, request: SearchRequest, *, now: int) -> Document:
        """Answer a search in Elasticsearch's shape, without ``took``.

        An index that nothing was written to yet reads as empty.
        """

        def found(session: ReadSession) -> Document:
            state = session.states.get(index)
            relation = IndexSet(session.cursor, [] if state is None else [state])
            return search(relation, request, now_ms=now)

        return self._catalogue.reading(found)


def put_documents(
    session: WriteSession, writes: Sequence[DocumentWrite]
) -> tuple[StoredDocument, ...]:
    """Write documents inside a transaction; the later one of two with the same id stays.

    Raises: VersionConflict; MappingConflict when a document does not fit its index.
    """
    stored: dict[int, StoredDocument] = {}
    waiting: dict[tuple[str, str], int] = {}
    for position, write in enumerate(writes):
        if (write.index, write.id) in waiting:
            stored |= _put_distinct(session, writes, list(waiting.values()))
            waiting = {}
        waiting[write.index, write.id] = position
    stored |= _put_distinct(session, writes, list(waiting.values()))
    return tuple(stored[position] for position in range(len(writes)))


def _put_distinct(
    session: WriteSession, writes: Sequence[DocumentWrite], positions: Sequence[int]
) -> dict[int, StoredDocument]:
    """Write documents of distinct ids; returns them by position in ``writes``."""
    by_index: dict[str, list[int]] = {}
    for position in positions:
        by_index.setdefault(writes[position].index, []).append(position)
    stored: dict[int, StoredDocument] = {}
    for index, chosen in by_index.items():
        documents = _put_index(session, index, [writes[position] for position in chosen])
        stored.update(zip(chosen, documents, strict=True))
    return stored


def _put_index(
    session: WriteSession, index: str, writes: Sequence[DocumentWrite]
) -> list[StoredDocument]:
    if index not in session.states:
        session.create(index, mapping_for(index))
    state = session.get(index)
    ids = [write.id for write in writes]
    known = find_versions(session.connection, state.table, ids)
    for write in writes:
        _check_version(write, known.get(write.id))
    versions = [known[id].version + 1 if id in known else 1 for id in ids]
    appended = append_documents(
        session,
        index,
        [write.source for write in writes],
        ids=ids,
        sources=[orjson.dumps(write.source).decode() for write in writes],
        versions=versions,
        replaced=known,
    )
    for error in appended.errors.values():
        raise error.exception()
    return [
        StoredDocument(
            index=index,
            id=write.id,
            version=version,
            seq_no=appended.first_seq_no + position,
            primary_term=PRIMARY_TERM,
            source=write.source,
        )
        for position, (write, version) in enumerate(zip(writes, versions, strict=True))
    ]


def _check_version(write: DocumentWrite, known: DocumentVersion | None) -> None:
    if write.create_only and known is not None:
        raise VersionConflict(
            f"[{write.id}]: version conflict, document already exists "
            f"(current version [{known.version}])"
        )
    if write.if_seq_no is None and write.if_primary_term is None:
        return
    required = f"required seqNo [{write.if_seq_no}], primary term [{write.if_primary_term}]"
    if known is None:
        raise VersionConflict(
            f"[{write.id}]: version conflict, {required}. but no document was found"
        )
    wrong_seq_no = write.if_seq_no is not None and write.if_seq_no != known.seq_no
    wrong_term = write.if_primary_term is not None and write.if_primary_term != PRIMARY_TERM
    if wrong_seq_no or wrong_term:
        raise VersionConflict(
            f"[{write.id}]: version conflict, {required}. current document has seqNo "
            f"[{known.seq_no}] and primary term [{PRIMARY_TERM}]"
        )
