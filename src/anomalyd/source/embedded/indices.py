"""Write access to the embedded source: indices, mappings, documents, searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from anomalyd.embedded.bulk import apply_operations
from anomalyd.embedded.bulk_body import Operation, parse_bulk, parse_document
from anomalyd.embedded.catalogue import Catalogue, WriteSession
from anomalyd.embedded.documents import PRIMARY_TERM
from anomalyd.embedded.identifiers import DocumentIds
from anomalyd.embedded.ingest import append_documents
from anomalyd.embedded.item_error import ItemError, parse_failure
from anomalyd.embedded.mapping_json import merge_mappings, parse_mapping, render_mapping
from anomalyd.embedded.names import expand, is_pattern, split_patterns
from anomalyd.embedded.relation import IndexSet
from anomalyd.errors import (
    IllegalArgument,
    IndexNotFound,
    MalformedJson,
    ParsingError,
)
from anomalyd.model.bulk import BulkItem, BulkResult
from anomalyd.query.nodes import MatchAll
from anomalyd.query.parse import parse_query
from anomalyd.query.parse_search import parse_search
from anomalyd.query.search import search
from anomalyd.query.to_sql import compile_query
from anomalyd.source.base import AppendResult, IndexDefinition
from anomalyd.source.importing.json_lines import read_lines

_BODY_KEYS = frozenset({"mappings", "settings", "aliases"})


class EmbeddedIndices:
    """The embedded source's indices (implements ``source.base.DocumentIndices``).

    Args:
        catalogue: where they are.
        ids: makes ids of documents that come without one.
        now: the clock, epoch milliseconds: what ``now`` means in a query.
        reserved_prefix: bulk actions cannot touch indices whose names begin so.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        ids: DocumentIds,
        now: Callable[[], int],
        reserved_prefix: str | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._reserved_prefix = reserved_prefix
        self._ids = ids
        self._now = now

    def create_index(self, name: str, body: Mapping[str, object]) -> None:
        """Create an index from ``{"mappings": …, "settings": …}``.

        Raises: IndexExists, IndexNameInvalid, ParsingError for an unknown field type.
        """
        for key in body:
            if key not in _BODY_KEYS:
                raise ParsingError(f"unknown key [{key}] for create index")
        if body.get("aliases"):
            raise IllegalArgument("aliases are not supported by the embedded source")
        mapping = parse_mapping(_object(body.get("mappings", {}), "mappings"))
        settings = _object(body.get("settings", {}), "settings")
        with self._catalogue.write() as session:
            session.create(name, mapping, settings=settings)

    def delete_index(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """Delete the matching indices and return their names. Raises: IndexNotFound."""
        with self._catalogue.write() as session:
            names = tuple(state.name for state in session.matching(patterns))
            for name in names:
                session.drop(name)
            return names

    def exists(self, patterns: Sequence[str]) -> bool:
        """Tell whether every concrete name exists and every pattern matches something."""
        with self._catalogue.read() as session:
            return all(
                expand([part], session.states) if is_pattern(part) else part in session.states
                for part in split_patterns(patterns)
            )

    def put_mapping(self, patterns: Sequence[str], body: Mapping[str, object]) -> None:
        """Add fields to a mapping. Raises: IndexNotFound, IllegalArgument on a changed type."""
        added = parse_mapping(body)
        with self._catalogue.write() as session:
            for state in session.matching(patterns):
                if state.kind != "documents":
                    raise IllegalArgument(f"the mapping of result index [{state.name}] is fixed")
                session.change_mapping(state.name, merge_mappings(state.mapping, added))

    def get_mapping(self, patterns: Sequence[str]) -> Mapping[str, IndexDefinition]:
        """Return the matching indices by name. Raises: IndexNotFound."""
        with self._catalogue.read() as session:
            return {
                state.name: IndexDefinition(
                    name=state.name,
                    mapping=render_mapping(state.mapping),
                    settings=state.settings,
                )
                for state in session.matching(patterns)
            }

    def bulk(self, body: bytes, *, default_index: str | None = None) -> BulkResult:
        """Apply an NDJSON bulk body (action line, source line, …).

        Raises: IllegalArgument or ActionInvalid when the body as a whole is no bulk body; nothing
            is written then.
        """
        operations = parse_bulk(body, default_index, reserved_prefix=self._reserved_prefix)
        with self._catalogue.write() as session:
            return BulkResult(apply_operations(session, operations, self._ids))

    def index_document(
        self, index: str, document: bytes, *, id: str | None = None, create_only: bool = False
    ) -> BulkItem:
        """Write one JSON document.

        Raises: MappingConflict, VersionConflict, MalformedJson, IndexNameInvalid.
        """
        try:
            text = document.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedJson(f"the document is not UTF-8: {error}") from error
        parsed, problem = parse_document(text)
        if problem is not None:
            assert problem.caused_by is not None
            raise MalformedJson(problem.caused_by.reason)
        action = "create" if create_only else "index"
        # the source's text is one line, however the document was laid out
        text = text if "\n" not in text else orjson.dumps(parsed).decode()
        with self._catalogue.write() as session:
            if index not in session.states:
                session.create(index, parse_mapping({}))
            return self._apply(session, Operation(action, index, id, parsed, text))

    def get_document(self, index: str, id: str) -> Mapping[str, object] | None:
        """Return ``{"_index", "_id", "_version", "_seq_no", "_primary_term", "_source"}``.

        Raises: IndexNotFound.
        """
        with self._catalogue.read() as session:
            if index not in session.states:
                raise IndexNotFound(index)
            relation = IndexSet(session.cursor, [session.states[index]])
            statement = relation.select([]).subquery("documents")
            rows = relation.rows(
                _SELECT_ONE.format(documents=statement.sql(dialect="duckdb")), {"id": id}
            )
            if not rows:
                return None
            version, seq_no = rows[0]
            [(_, _, document)] = relation.documents([(index, int(str(seq_no)))])
        return {
            "_index": index,
            "_id": id,
            "_version": version,
            "_seq_no": seq_no,
            "_primary_term": PRIMARY_TERM,
            "_source": document,
        }

    def delete_document(self, index: str, id: str) -> BulkItem:
        """Delete one document; ``result`` is ``not_found`` when it was not there.

        Raises: IndexNotFound.
        """
        with self._catalogue.write() as session:
            session.get(index)
            return self._apply(session, Operation("delete", index, id, {}, ""))

    def require_time_field(self, index: str, field: str, format: str) -> None:
        """Make sure that the index exists and that the field is a date there.

        Raises: IllegalArgument when it is mapped as something else; IndexNameInvalid.
        """
        added = parse_mapping({"properties": {field: {"type": "date", "format": format}}})
        with self._catalogue.write() as session:
            if index not in session.states:
                session.create(index, added)
                return
            mapping = session.get(index).mapping
            known = mapping.leaves.get(field)
            if known is None:
                session.change_mapping(index, merge_mappings(mapping, added))
            elif known.type != "date":
                raise IllegalArgument(
                    f"the time field [{field}] is mapped as {known.type} in index [{index}], "
                    "not as date",
                    field="time_field",
                )

    def append(
        self, index: str, documents: Sequence[dict[str, Any]], texts: Sequence[str]
    ) -> Mapping[int, str]:
        """Add documents to an index under new ids; returns why some were not, by position.

        A new field whose numbers have fractions in any of the documents becomes double.
        Raises: IndexNotFound.
        """
        with self._catalogue.write() as session:
            appended = append_documents(
                session,
                index,
                documents,
                ids=self._ids.take(len(documents)),
                sources=texts,
                widen=True,
            )
            return {at: error.reason for at, error in appended.errors.items()}

    def append_lines(self, index: str, lines: bytes) -> AppendResult:
        """Write one JSON document per line under new ids; the index is made when it is missing.

        Raises: IndexNameInvalid.
        """
        texts = lines.removesuffix(b"\n").split(b"\n")
        batch = read_lines(texts, 0, 0)
        failures = {
            problem.line: parse_failure(ItemError("json_parse_exception", problem.reason)).to_json()
            for problem in batch.problems
        }
        if batch.documents:
            with self._catalogue.write() as session:
                if index not in session.states:
                    session.create(index, parse_mapping({}))
                ids = self._ids.take(len(batch.documents))
                appended = append_documents(
                    session, index, batch.documents, ids=ids, sources=batch.texts, widen=True
                )
            failures |= {batch.lines[at]: e.to_json() for at, e in appended.errors.items()}
        written = len(batch.documents) + len(batch.problems) - len(failures)
        return AppendResult(len(texts), written, failures)

    def search(self, patterns: Sequence[str], body: Mapping[str, object]) -> dict[str, object]:
        """Run an Elasticsearch search body and return its answer (without ``took``)."""
        request = parse_search(body)
        with self._catalogue.read() as session:
            relation = IndexSet(session.cursor, session.matching(patterns))
            return search(relation, request, now_ms=self._now())

    def count(self, patterns: Sequence[str], query: Mapping[str, object] | None) -> int:
        """Count the documents that a query matches."""
        node = MatchAll() if query is None else parse_query(query)
        with self._catalogue.read() as session:
            count = 0
            for state in session.matching(patterns):
                relation = IndexSet(session.cursor, [state])
                condition = compile_query(node, relation.resolver, now_ms=self._now())
                columns = [leaf.column for leaf in state.mapping.leaves.values()]
                statement = relation.select(columns).subquery("documents")
                rows = relation.rows(
                    _COUNT.format(
                        documents=statement.sql(dialect="duckdb"),
                        condition=condition.expression.sql(dialect="duckdb"),
                    ),
                    condition.parameters,
                )
                count += int(str(rows[0][0]))
            return count

    def _apply(self, session: WriteSession, operation: Operation) -> BulkItem:
        [item] = apply_operations(session, [operation], self._ids)
        if item.error is not None:
            raise ItemError.of_item(item.error, item.status).exception()
        return item


_SELECT_ONE = "SELECT _version, _seq_no FROM {documents} WHERE _id = $id"
_COUNT = "SELECT count(*) FROM {documents} WHERE {condition}"


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ParsingError(f"[{name}] must be an object")
    return value
