"""Single documents by id: their versions, their texts, their removal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import orjson

from anomalyd.embedded.database import quote

PRIMARY_TERM = 1
"""There is one primary, this process, for as long as the data lives."""


# As one text: a list parameter is taken over value by value, a hundred times slower.
IDS = "(SELECT unnest(from_json($ids, '[\"VARCHAR\"]')))"


@dataclass(frozen=True)
class DocumentVersion:
    """Version and sequence number of a stored document."""

    version: int
    seq_no: int


@dataclass(frozen=True)
class FoundDocument:
    """A document as it is stored."""

    id: str
    version: int
    seq_no: int
    text: str

    @property
    def source(self) -> dict[str, Any]:
        """The document."""
        return orjson.loads(self.text)  # type: ignore[no-any-return]  # only objects are stored


def find_versions(
    connection: duckdb.DuckDBPyConnection, table: str, ids: Sequence[str]
) -> dict[str, DocumentVersion]:
    """Return the versions of those of the ids that exist."""
    connection.execute(
        f"SELECT _id, _version, _seq_no FROM {quote(table)} "  # noqa: S608 - quoted identifier
        f"WHERE _id IN {IDS}",
        {"ids": orjson.dumps(list(ids)).decode()},
    )
    return {id: DocumentVersion(version, seq) for id, version, seq in connection.fetchall()}


def find_document(
    connection: duckdb.DuckDBPyConnection, table: str, id: str
) -> FoundDocument | None:
    """Return one document, or None."""
    connection.execute(
        f"SELECT _id, _version, _seq_no, _source FROM {quote(table)} "  # noqa: S608 - quoted
        "WHERE _id = $id",
        {"id": id},
    )
    row = connection.fetchone()
    return None if row is None else FoundDocument(*row)


def find_documents(
    connection: duckdb.DuckDBPyConnection, table: str, *, most: int, longest: int
) -> list[FoundDocument]:
    """Return the documents of at most so many characters; none if all are more than ``most``."""
    connection.execute(
        f"SELECT _id, _version, _seq_no, _source FROM {quote(table)} "  # noqa: S608 - quoted
        f"WHERE length(_source) <= $longest AND (SELECT count(*) FROM {quote(table)}) <= $most",
        {"longest": longest, "most": most},
    )
    return [FoundDocument(*row) for row in connection.fetchall()]


def delete_documents(connection: duckdb.DuckDBPyConnection, table: str, ids: Sequence[str]) -> None:
    """Remove the documents with these ids."""
    connection.execute(
        f"DELETE FROM {quote(table)} "  # noqa: S608 - quoted identifier
        f"WHERE _id IN {IDS}",
        {"ids": orjson.dumps(list(ids)).decode()},
    )
