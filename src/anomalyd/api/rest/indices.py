"""REST routes of the embedded source: the part of Elasticsearch's document API that loads data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomalyd.api import documents
from anomalyd.api.rest.call import SEARCH_PARAMETERS, Answer, Call, Operation
from anomalyd.api.rest.json_body import decode_object
from anomalyd.errors import IllegalArgument, MissingBody
from anomalyd.schedule.clock import Clock
from anomalyd.service.indices import IndexService

# What clients send along with writes and what makes no difference here: a write is on disk and
# visible when it is answered, and there are no copies to wait for.
WRITE_PARAMETERS = frozenset({"refresh", "routing", "timeout", "wait_for_active_shards"})
INDEX_PARAMETERS = frozenset({"timeout", "master_timeout", "cluster_manager_timeout"})
PATTERN_PARAMETERS = frozenset({"ignore_unavailable"})
READ_PARAMETERS = frozenset({"preference", "routing"})
PAGE_PARAMETERS = frozenset({"from", "size"})
ALL = "_all"


class IndexRoutes:
    """Answers the routes of indices and their documents with the use cases."""

    def __init__(self, indices: IndexService, clock: Clock) -> None:
        self._indices = indices
        self._clock = clock

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their names in ``rest.proto``."""
        searching = SEARCH_PARAMETERS | PATTERN_PARAMETERS | READ_PARAMETERS
        one = WRITE_PARAMETERS
        return {
            "CreateIndex": Operation(
                handle=self.create_index, parameters=INDEX_PARAMETERS | {"wait_for_active_shards"}
            ),
            "DeleteIndex": Operation(
                handle=self.delete_index, parameters=INDEX_PARAMETERS | PATTERN_PARAMETERS
            ),
            "IndexExists": Operation(handle=self.index_exists, parameters=PATTERN_PARAMETERS),
            "GetMapping": Operation(
                handle=self.get_mapping, parameters=INDEX_PARAMETERS | PATTERN_PARAMETERS
            ),
            "PutMapping": Operation(
                handle=self.put_mapping, parameters=INDEX_PARAMETERS | PATTERN_PARAMETERS
            ),
            "Bulk": Operation(handle=self.bulk, parameters=WRITE_PARAMETERS),
            "IndexDocument": Operation(handle=self.index_document, parameters=one | {"op_type"}),
            "CreateDocument": Operation(handle=self.create_document, parameters=one),
            "GetDocument": Operation(
                handle=self.get_document, parameters=READ_PARAMETERS | {"refresh", "realtime"}
            ),
            "DeleteDocument": Operation(handle=self.delete_document, parameters=one),
            "SearchDocuments": Operation(
                handle=self.search, parameters=searching | PAGE_PARAMETERS | {"track_total_hits"}
            ),
            "CountDocuments": Operation(handle=self.count, parameters=searching),
            "RefreshIndex": Operation(handle=self.refresh, parameters=PATTERN_PARAMETERS),
        }

    def create_index(self, call: Call) -> Answer:
        """Create an index, with a mapping when the body has one."""
        name = call.variables["index"]
        self._indices.create_index(name, call.json() or {})
        answer = {"acknowledged": True, "shards_acknowledged": True, "index": name}
        return Answer(document=answer)

    def delete_index(self, call: Call) -> Answer:
        """Delete indices."""
        self._indices.delete_index(self._patterns(call))
        return Answer(document={"acknowledged": True})

    def index_exists(self, call: Call) -> Answer:
        """Tell by the status whether indices exist."""
        exists = self._indices.exists(self._patterns(call))
        return Answer(document={}, status=200 if exists else 404)

    def get_mapping(self, call: Call) -> Answer:
        """Read the fields of indices."""
        return Answer(document=documents.mappings(self._indices.get_mapping(self._patterns(call))))

    def put_mapping(self, call: Call) -> Answer:
        """Add fields to indices."""
        self._indices.put_mapping(self._patterns(call), call.required_json())
        return Answer(document={"acknowledged": True})

    def bulk(self, call: Call) -> Answer:
        """Write many documents; the body goes to the source as it came."""
        if not call.body:
            raise MissingBody("request body is required")
        begun = self._clock.monotonic()
        result = self._indices.bulk(call.body, default_index=call.variables.get("index"))
        took = round((self._clock.monotonic() - begun) * 1000)
        return Answer(document=documents.bulk_answer(result, took=took))

    def index_document(self, call: Call) -> Answer:
        """Write one document: 201 when it is new, 200 when it replaces one."""
        kind = call.query.get("op_type", "index")
        if kind not in ("index", "create"):
            raise IllegalArgument(f"opType must be 'create' or 'index', found: [{kind}]")
        return self._write(call, create_only=kind == "create")

    def create_document(self, call: Call) -> Answer:
        """Write one document that must be new."""
        return self._write(call, create_only=True)

    def get_document(self, call: Call) -> Answer:
        """Read one document: 404 with ``found: false`` when it is not there."""
        index, id = call.variables["index"], call.variables["id"]
        found = self._indices.get_document(index, id)
        if found is None:
            return Answer(document={"_index": index, "_id": id, "found": False}, status=404)
        place = {key: value for key, value in found.items() if key != "_source"}
        return Answer(document={**place, "found": True, "_source": found["_source"]})

    def delete_document(self, call: Call) -> Answer:
        """Delete one document: 404 with ``not_found`` when it was not there."""
        item = self._indices.delete_document(call.variables["index"], call.variables["id"])
        status = 404 if item.result == "not_found" else 200
        return Answer(document=documents.written_document(item), status=status)

    def search(self, call: Call) -> Answer:
        """Search documents; ``from``, ``size`` and ``track_total_hits`` may stand in the query."""
        body: dict[str, Any] = dict(call.search_json() or {})
        for name in sorted(PAGE_PARAMETERS):
            number = call.number(name)
            if number is not None:
                body[name] = number
        if "track_total_hits" in call.query:
            body["track_total_hits"] = call.query["track_total_hits"]
        return Answer(document=self._indices.search(self._patterns(call), body))

    def count(self, call: Call) -> Answer:
        """Count the documents that a query matches."""
        body = call.search_json() or {}
        unknown = sorted(set(body) - {"query"})
        if unknown:
            raise IllegalArgument(f"request does not support [{unknown[0]}]")
        patterns = self._patterns(call)
        count = self._indices.count(patterns, body.get("query"))
        shards = documents.read_shards(len(self._indices.get_mapping(patterns)))
        return Answer(document={"count": count, "_shards": shards})

    def refresh(self, call: Call) -> Answer:
        """Answer that writes are visible, as they are already."""
        count = len(self._indices.get_mapping(self._patterns(call)))
        return Answer(document={"_shards": {"total": count, "successful": count, "failed": 0}})

    def _patterns(self, call: Call) -> tuple[str, ...]:
        """Return the indices that the path names; all when it names none."""
        named = call.variables.get("index", ALL)
        patterns = ("*",) if named == ALL else tuple(part for part in named.split(",") if part)
        if call.flag("ignore_unavailable"):
            return tuple(each for each in patterns if "*" in each or self._indices.exists([each]))
        return patterns

    def _write(self, call: Call, *, create_only: bool) -> Answer:
        if not call.body:
            raise MissingBody("request body is required")
        decode_object(call.body)
        index, id = call.variables["index"], call.variables.get("id")
        item = self._indices.index_document(index, call.body, id=id, create_only=create_only)
        status = 201 if item.result == "created" else 200
        path = f"/{item.index}/_doc/{item.id}"
        return Answer(
            document=documents.written_document(item),
            status=status,
            headers=_location(path) if status == 201 else (),
        )


def _location(path: str) -> tuple[tuple[str, str], ...]:
    return (("location", path),) if path.isascii() else ()
