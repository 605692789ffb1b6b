"""Typed batches as bulk bodies."""

from __future__ import annotations

import orjson
import pytest

from anomalyd.api.bulk import bulk_body, default_index, item_document
from anomalyd.api.typed import respond
from anomalyd.errors import IllegalArgument
from anomalyd.model.bulk import BulkItem
from anomalyd.v1 import index_pb2

Operation = index_pb2.BulkOperation


def lines(batch: index_pb2.BulkBatch) -> list[object]:
    body = bulk_body(batch)
    assert body.endswith(b"\n")
    return [orjson.loads(line) for line in body.splitlines()]


def test_operations_become_action_and_source_lines() -> None:
    """Both forms of a document, all actions, an index or an id of their own."""
    update = Operation(action=index_pb2.BULK_ACTION_UPDATE, id="2", json=b'{"doc":{"a":2}}')
    structured = Operation(index="logs")
    structured.document.update({"a": 1, "b": [1.5, None]})
    batch = index_pb2.BulkBatch(
        operations=[
            Operation(json=b'{"a":9007199254740993}'),
            structured,
            Operation(action=index_pb2.BULK_ACTION_CREATE, id="1", json=b"{}"),
            update,
            Operation(action=index_pb2.BULK_ACTION_DELETE, index="logs", id="3"),
        ]
    )
    assert lines(batch) == [
        {"index": {}},
        {"a": 9007199254740993},
        {"index": {"_index": "logs"}},
        {"a": 1, "b": [1.5, None]},
        {"create": {"_id": "1"}},
        {},
        {"update": {"_id": "2"}},
        {"doc": {"a": 2}},
        {"delete": {"_index": "logs", "_id": "3"}},
    ]
    assert default_index(batch) is None


def test_a_document_over_several_lines_becomes_one() -> None:
    """Pretty JSON is no reason to fail, and cannot smuggle in an action line."""
    pretty = b'{\n  "a": "x\\ny",\r\n  "b": 1\n}'
    batch = index_pb2.BulkBatch(index="logs", operations=[Operation(json=pretty)])
    assert lines(batch) == [{"index": {}}, {"a": "x\ny", "b": 1}]
    assert default_index(batch) == "logs"


def test_an_ndjson_body_passes_as_it_is() -> None:
    """The fast way is not touched."""
    body = b'{"index":{}}\n{"a":1}\n'
    assert bulk_body(index_pb2.BulkBatch(ndjson=body)) == body


@pytest.mark.parametrize(
    ("batch", "field"),
    [
        (index_pb2.BulkBatch(), "batch"),
        (index_pb2.BulkBatch(ndjson=b""), "batch"),
        (index_pb2.BulkBatch(ndjson=b"x", operations=[Operation(json=b"{}")]), "batch"),
        (index_pb2.BulkBatch(operations=[Operation(id="1")]), "batch.operations[0]"),
        (
            index_pb2.BulkBatch(
                operations=[Operation(action=index_pb2.BULK_ACTION_DELETE, id="1", json=b"{}")]
            ),
            "batch.operations[0]",
        ),
    ],
    ids=["nothing", "empty", "both", "no document", "deleted document"],
)
def test_batches_of_the_wrong_form(batch: index_pb2.BulkBatch, field: str) -> None:
    """The error names the batch or the operation."""
    with pytest.raises(IllegalArgument) as caught:
        bulk_body(batch)
    assert caught.value.field == field


def test_items_as_messages() -> None:
    """A success has result and version, a failure has its cause alone."""
    good = BulkItem("index", "logs", "1", 201, result="created", version=1, seq_no=7)
    cause = {"type": "mapper_parsing_exception", "reason": "no", "caused_by": {"type": "x"}}
    bad = BulkItem("create", "logs", "2", 400, error=cause)
    first = respond(item_document(good), index_pb2.BulkItem)
    second = respond(item_document(bad), index_pb2.BulkItem)
    assert (first.result, first.version, first.seq_no) == (index_pb2.BulkItem().result + 1, 1, 7)
    assert not first.HasField("error")
    assert (second.status, second.error.type) == (400, "mapper_parsing_exception")
    assert not second.HasField("version")
