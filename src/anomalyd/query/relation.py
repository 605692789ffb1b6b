"""What a search runs on: one index, or many seen as one table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from sqlglot import exp

from anomalyd.query.fields import FieldResolver


class Relation(Protocol):
    """Documents of one snapshot: all statements of a search see the same ones.

    Used by one thread at a time.
    """

    @property
    def resolver(self) -> FieldResolver:
        """The fields of all the indices together."""
        ...

    @property
    def shard_count(self) -> int:
        """How many indices these are; 0 reads as empty whatever is asked."""
        ...

    def select(self, columns: Collection[str]) -> exp.Query:
        """A query for these columns of all documents.

        ``_index``, ``_id`` (VARCHAR), ``_version`` and ``_seq_no`` (BIGINT, no two of an index have
        the same) always come with them.
        """
        ...

    def documents(
        self, places: Collection[tuple[str, int]], *, encoded: bool = False
    ) -> list[tuple[str, int, Any]]:
        """``_index``, ``_seq_no`` and the document of each of these places, in any order.

        ``encoded`` allows documents as ``orjson.Fragment``, where they lie there as JSON. What it
        costs depends on these documents alone, also where they have to be made.
        """
        ...

    def rows(self, sql: str, parameters: Mapping[str, object]) -> list[tuple[object, ...]]:
        """Runs a statement in DuckDB's dialect and gives its rows.

        Raises:
            IllegalArgument: a value of the request overflows its type.
        """
        ...
