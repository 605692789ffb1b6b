"""Bulk operations applied to tables: as few statements as the operations allow.

Operations on different documents do not see each other, so they are applied together: one look-up
of the ids that were given, one deletion of what is replaced, one insertion. Only a second
operation on the same document starts a new round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from anomalyd.embedded.bulk_body import Operation
from anomalyd.embedded.catalogue import WriteSession
from anomalyd.embedded.documents import (
    PRIMARY_TERM,
    DocumentVersion,
    delete_documents,
    find_document,
    find_versions,
)
from anomalyd.embedded.identifiers import DocumentIds
from anomalyd.embedded.ingest import append_documents
from anomalyd.embedded.item_error import ItemError
from anomalyd.embedded.mapping import IndexMapping
from anomalyd.errors import IndexNameInvalid
from anomalyd.model.bulk import BulkItem

MappingOf = Callable[[str], IndexMapping]
_Known = Mapping[str, DocumentVersion]
_Items = dict[int, BulkItem]

_UPDATE_KEYS = frozenset({"doc", "upsert", "doc_as_upsert", "detect_noop", "_source"})


def apply_operations(
    session: WriteSession, operations: Sequence[Operation], ids: DocumentIds
) -> tuple[BulkItem, ...]:
    """Apply operations in order and report each of them; indices are made as they are needed.

    Args:
        session: the transaction.
        operations: what to do.
        ids: makes the ids of documents that have none.
    """
    items: _Items = {}
    for positions in _rounds(operations):
        by_index: dict[str, list[int]] = {}
        for position in positions:
            by_index.setdefault(operations[position].index, []).append(position)
        for index, chosen in by_index.items():
            done = _apply_distinct(session, index, [operations[at] for at in chosen], ids)
            items.update((chosen[number], item) for number, item in done.items())
    return tuple(items[position] for position in range(len(operations)))


def _rounds(operations: Sequence[Operation]) -> Iterator[list[int]]:
    """Split operations into runs in which no document occurs twice."""
    positions: list[int] = []
    seen: set[tuple[str, str]] = set()
    for position, operation in enumerate(operations):
        if operation.id is not None:
            key = operation.index, operation.id
            if key in seen:
                yield positions
                positions, seen = [], set()
            seen.add(key)
        positions.append(position)
    if positions:
        yield positions


def _apply_distinct(
    session: WriteSession, index: str, operations: Sequence[Operation], ids: DocumentIds
) -> _Items:
    """Apply operations on different documents of one index."""
    problem = _create_when_missing(session, index, operations)
    if problem is not None:
        return {at: _failed(operation, problem) for at, operation in enumerate(operations)}
    if session.get(index).kind != "documents":
        reason = f"index [{index}] holds results, which only detectors write"
        problem = ItemError("illegal_argument_exception", reason)
        return {at: _failed(operation, problem) for at, operation in enumerate(operations)}
    # documents that get a new id cannot meet another one: no look-up for them
    given = [operation.id for operation in operations if operation.id is not None]
    table = session.get(index).table
    known: _Known = find_versions(session.connection, table, given) if given else {}
    items: _Items = {}
    writes: dict[int, Operation] = {}
    deletions: dict[int, Operation] = {}
    for at, operation in enumerate(operations):
        error = operation.error or _conflict(operation, known)
        if error is not None:
            items[at] = _failed(operation, error)
        elif operation.action == "delete":
            deletions[at] = operation
        elif operation.action == "update":
            outcome = _updated(session, table, operation, known)
            if isinstance(outcome, Operation):
                writes[at] = outcome
            else:
                items[at] = outcome
        else:
            writes[at] = operation
    return (
        items
        | _write(session, index, writes, known, ids)
        | _delete(session, index, deletions, known)
    )


def _create_when_missing(
    session: WriteSession, index: str, operations: Sequence[Operation]
) -> ItemError | None:
    if index in session.states:
        return None
    if all(operation.error for operation in operations):
        return operations[0].error  # nothing to write: no index comes into being
    if all(operation.action == "delete" for operation in operations):
        return ItemError("index_not_found_exception", f"no such index [{index}]", status=404)
    try:
        session.create(index, IndexMapping())
    except IndexNameInvalid as error:
        return ItemError("invalid_index_name_exception", error.reason)
    return None


def _conflict(operation: Operation, known: _Known) -> ItemError | None:
    """Return why the stored version forbids the operation, or None."""
    current = None if operation.id is None else known.get(operation.id)
    reason = None
    if operation.action == "create" and current is not None:
        reason = f"document already exists (current version [{current.version}])"
    elif operation.if_seq_no is not None:
        found = "no document was found"
        if current is not None:
            found = (
                f"current document has seqNo [{current.seq_no}] and primary term [{PRIMARY_TERM}]"
            )
        if current is None or current.seq_no != operation.if_seq_no:
            reason = (
                f"required seqNo [{operation.if_seq_no}], primary term [{PRIMARY_TERM}]. {found}"
            )
    if reason is None:
        return None
    reason = f"[{operation.id}]: version conflict, {reason}"
    return ItemError("version_conflict_engine_exception", reason, status=409)


def _updated(
    session: WriteSession, table: str, operation: Operation, known: _Known
) -> Operation | BulkItem:
    """Return the write that an update leads to, or the item when it leads to none."""
    body = operation.document
    unknown = sorted(body.keys() - _UPDATE_KEYS)
    if unknown:
        reason = f"[UpdateRequest] unknown field [{unknown[0]}]"
        return _failed(operation, ItemError("x_content_parse_exception", reason))
    assert operation.id is not None
    change = body.get("doc", {})
    current = known.get(operation.id)
    if current is None:
        document = change if body.get("doc_as_upsert") else body.get("upsert")
    else:
        found = find_document(session.connection, table, operation.id)
        assert found is not None
        document = _merged(found.source, change)
        if document == found.source and body.get("detect_noop", True):
            return BulkItem(
                "update", operation.index, operation.id, 200, "noop",
                current.version, current.seq_no,
            )  # fmt: skip
    if not isinstance(document, dict):
        reason = f"[_doc][{operation.id}]: document missing"
        error = ItemError("document_missing_exception", reason, status=404)
        return _failed(operation, error)
    return replace(operation, document=document, text=orjson.dumps(document).decode())


def _merged(document: Any, change: Any) -> Any:
    """Return a document with the changed keys replaced; objects are merged key by key."""
    if not isinstance(document, dict) or not isinstance(change, dict):
        return change
    return document | {key: _merged(document.get(key), value) for key, value in change.items()}


def _write(
    session: WriteSession,
    index: str,
    writes: Mapping[int, Operation],
    known: _Known,
    ids: DocumentIds,
) -> _Items:
    if not writes:
        return {}
    operations = list(writes.values())
    new_ids = iter(ids.take(sum(operation.id is None for operation in operations)))
    all_ids = [next(new_ids) if operation.id is None else operation.id for operation in operations]
    versions = [known[id].version + 1 if id in known else 1 for id in all_ids]
    appended = append_documents(
        session,
        index,
        [operation.document for operation in operations],
        ids=all_ids,
        sources=[operation.text for operation in operations],
        versions=versions,
        replaced=known,
    )
    items: _Items = {}
    seq_no = appended.first_seq_no
    for number, (at, operation) in enumerate(writes.items()):
        error = appended.errors.get(number)
        if error is not None:
            items[at] = _failed(operation, error, all_ids[number])
            continue
        version = versions[number]
        created = all_ids[number] not in known
        result, status = ("created", 201) if created else ("updated", 200)
        items[at] = BulkItem(
            operation.action, index, all_ids[number], status, result, version, seq_no
        )
        seq_no += 1
    return items


def _delete(
    session: WriteSession, index: str, deletions: Mapping[int, Operation], known: _Known
) -> _Items:
    if not deletions:
        return {}
    found = [operation.id for operation in deletions.values() if operation.id in known]
    delete_documents(session.connection, session.get(index).table, [id for id in found if id])
    seq_no = session.take_seq_nos(index, len(deletions))
    items: _Items = {}
    for at, operation in deletions.items():
        id = operation.id or ""
        current = known.get(id)
        result, status = ("not_found", 404) if current is None else ("deleted", 200)
        version = 1 if current is None else current.version + 1
        items[at] = BulkItem("delete", index, id, status, result, version, seq_no)
        seq_no += 1
    return items


def _failed(operation: Operation, error: ItemError, id: str | None = None) -> BulkItem:
    return BulkItem(
        operation.action,
        operation.index,
        id or operation.id or "",
        error.status,
        error=error.to_json(),
    )
