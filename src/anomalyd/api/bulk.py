"""Typed batches of documents, as the bulk body that the source reads, and its report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import orjson

from anomalyd.api.convert import to_document
from anomalyd.errors import IllegalArgument
from anomalyd.model.bulk import BulkItem
from anomalyd.v1 import index_pb2

MOST_FAILURES = 1000
"""Failed operations that a stream's report describes; the others are counted."""


def bulk_body(batch: index_pb2.BulkBatch) -> bytes:
    """Return a batch as an NDJSON bulk body.

    Raises: IllegalArgument when it has both forms or none, or a document of the wrong shape.
    """
    form = form_of(batch)
    if form == "operations":
        return b"\n".join(_lines(batch.operations)) + b"\n"
    if form == "documents":
        lines = (line for line in batch.documents.split(b"\n") if line.strip())
        return b"".join(b'{"index":{}}\n%b\n' % line for line in lines)
    return batch.ndjson


def form_of(batch: index_pb2.BulkBatch) -> str:
    """Return which of its fields a batch comes in. Raises: IllegalArgument when not in one."""
    given = [name for name in ("operations", "ndjson", "documents") if getattr(batch, name)]
    if len(given) > 1:
        both = "] and [".join(given)
        raise IllegalArgument(f"[batch] has both [{both}]", field="batch")
    if not given:
        raise IllegalArgument(
            "[batch] has neither [operations] nor [ndjson] nor [documents]", field="batch"
        )
    return given[0]


def default_index(batch: index_pb2.BulkBatch) -> str | None:
    """Return the index of operations that name none."""
    return batch.index if batch.HasField("index") else None


def item_document(item: BulkItem) -> Mapping[str, Any]:
    """Return an item of a report in the form of ``anomalyd.v1.BulkItem``."""
    if item.error is None:
        return asdict(item)
    kept = {"action", "index", "id", "status", "error"}
    return {key: value for key, value in asdict(item).items() if key in kept}


def _lines(operations: Iterable[index_pb2.BulkOperation]) -> Iterator[bytes]:
    for position, operation in enumerate(operations):
        described = to_document(operation, without=_SOURCE)
        action = described.pop("action", "index")
        yield orjson.dumps({action: {f"_{key}": value for key, value in described.items()}})
        kind = operation.WhichOneof("source")
        if (kind is None) != (action == "delete"):
            needs = "has no document" if kind is None else "deletes, so it has no document"
            here = f"batch.operations[{position}]"
            raise IllegalArgument(f"[{here}] {needs}", field=here)
        if kind == "json":
            # outside strings a line break is white space, and inside them JSON has none
            yield operation.json.replace(b"\n", b" ").replace(b"\r", b" ")
        elif kind == "document":
            yield orjson.dumps(to_document(operation)["document"])


_SOURCE = frozenset({"json", "document"})
