"""What use cases return, as the documents that both surfaces show.

The key order is that of the API document's examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomalyd.model.bulk import BulkItem, BulkResult
from anomalyd.service.detectors import DeletedDetector, DetectorView, DetectorWritten
from anomalyd.service.memory import MemoryNeed
from anomalyd.service.suggest import Suggestions
from anomalyd.service.validation_issue import Validation
from anomalyd.source.base import IndexDefinition
from anomalyd.store.base import StoredDocument

Document = dict[str, Any]

# A write goes to a primary and, in a cluster, to its copy; one node has no copy to write to.
WRITE_SHARDS: Mapping[str, int] = {"total": 2, "successful": 1, "failed": 0}


def written_detector(written: DetectorWritten) -> Document:
    """Return the answer to creating a detector."""
    stored = written.stored
    return {
        "_id": stored.id,
        "_version": stored.version,
        "_seq_no": stored.seq_no,
        "anomaly_detector": stored.source,
        "_primary_term": stored.primary_term,
    }


def viewed_detector(view: DetectorView, *, job: bool, task: bool) -> Document:
    """Return a detector; what was asked for and is not there is null."""
    stored = view.stored
    document: Document = {
        "_id": stored.id,
        "_version": stored.version,
        "_primary_term": stored.primary_term,
        "_seq_no": stored.seq_no,
        "anomaly_detector": stored.source,
    }
    if job:
        document["anomaly_detector_job"] = view.job
    if task:
        document["realtime_detection_task"] = view.realtime_task
        document["historical_analysis_task"] = view.historical_task
    return document


def deleted_detector(deleted: DeletedDetector) -> Document:
    """Return the answer to deleting a detector."""
    return {
        "_index": deleted.index,
        "_id": deleted.id,
        "_version": deleted.version,
        "result": deleted.result,
        "forced_refresh": True,
        "_shards": dict(WRITE_SHARDS),
        "_seq_no": deleted.seq_no,
        "_primary_term": deleted.primary_term,
    }


def validated(found: Validation) -> Document:
    """Return the answer to validating a detector; empty when nothing was found or asked for."""
    memory = {} if found.memory is None else {"memory": memory_need(found.memory)}
    issue = found.issue
    if issue is None:
        return memory
    document: Document = {"message": issue.message}
    if issue.sub_issues:
        document["sub_issues"] = dict(issue.sub_issues)
    if issue.suggested is not None:
        document["suggested_value"] = issue.suggested.render()
    return {issue.aspect.value: {issue.field: document}, **memory}


def memory_need(need: MemoryNeed) -> Document:
    """Return an estimate of memory."""
    return {
        "entities": need.entities,
        "model_size_in_bytes": need.model_size,
        "needed_in_bytes": need.needed,
        "least_in_bytes": need.least,
        "reserved_in_bytes": need.reserved,
        "room_in_bytes": need.room,
        "startable": need.startable,
    }


def suggested(found: Suggestions) -> Document:
    """Return the answer to suggesting settings, under the names that later versions give them."""
    document: Document = {}
    if found.interval is not None:
        document["interval"] = found.interval.render()
    if found.history is not None:
        document["history"] = found.history
    if found.window_delay is not None:
        document["windowDelay"] = found.window_delay.render()
    if found.memory is not None:
        document["memory"] = memory_need(found.memory)
    return document


def started(stored: StoredDocument) -> Document:
    """Return the answer to starting a job or task."""
    return {
        "_id": stored.id,
        "_version": stored.version,
        "_seq_no": stored.seq_no,
        "_primary_term": stored.primary_term,
    }


def stopped(id: str) -> Document:
    """Return the answer to stopping a job or task; the documented numbers are zeros."""
    return {"_id": id, "_version": 0, "_seq_no": 0, "_primary_term": 0}


def written_document(item: BulkItem) -> Document:
    """Return the answer to writing or deleting one document."""
    return {
        "_index": item.index,
        "_id": item.id,
        "_version": item.version,
        "result": item.result,
        "_shards": WRITE_SHARDS,
        "_seq_no": item.seq_no,
        "_primary_term": 1,
    }


def bulk_answer(result: BulkResult, *, took: int) -> Document:
    """Return the answer to a bulk request, one item per action."""
    return {
        "took": took,
        "errors": result.errors,
        "items": [_bulk_item(item) for item in result.items],
    }


def _bulk_item(item: BulkItem) -> Document:
    if item.error is None:
        return {item.action: {**written_document(item), "status": item.status}}
    failed = {"_index": item.index, "_id": item.id, "status": item.status, "error": item.error}
    return {item.action: failed}


def mappings(definitions: Mapping[str, IndexDefinition]) -> Document:
    """Return the mappings of indices by name."""
    return {name: {"mappings": each.mapping} for name, each in definitions.items()}


def read_shards(count: int) -> Document:
    """Return the ``_shards`` of an answer that read so many indices."""
    return {"total": count, "successful": count, "skipped": 0, "failed": 0}
