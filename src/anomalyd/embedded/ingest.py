"""Documents into the table of an index, a batch in one statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anomalyd.embedded.catalogue import WriteSession
from anomalyd.embedded.columns import Batch, Column, build_batch
from anomalyd.embedded.database import quote
from anomalyd.embedded.documents import delete_documents
from anomalyd.embedded.item_error import ItemError
from anomalyd.embedded.mapping import SQL_TYPE

_BATCH = "anomalyd_batch"


@dataclass(frozen=True)
class Appended:
    """What became of a batch.

    Attributes:
        first_seq_no: sequence number of the first document written; the others count on.
        errors: what is wrong with a document, by its position; such documents were not written.
    """

    first_seq_no: int
    errors: Mapping[int, ItemError]


def append_documents(
    session: WriteSession,
    index: str,
    documents: Sequence[dict[str, Any]],
    *,
    ids: Sequence[str],
    sources: Sequence[str],
    versions: Sequence[int] | None = None,
    replaced: Collection[str] = (),
    widen: bool = False,
) -> Appended:
    """Add documents to an index, extending its mapping as they need.

    Args:
        session: the transaction.
        index: an index that exists.
        documents: JSON objects, at least one.
        ids: their ids.
        sources: their texts as they are given back.
        versions: their versions, 1 each by default.
        replaced: those of the ids that the index has already; these documents go, unless the one
            that comes in their place has an error.
        widen: see ``build_batch``.
    """
    state = session.get(index)
    batch = build_batch(documents, state.mapping, ids.__getitem__, widen=widen)
    if batch.mapping.leaves != state.mapping.leaves:
        state = session.change_mapping(index, batch.mapping)
    good = _good_rows(batch, len(documents))
    first_seq_no = session.take_seq_nos(index, len(good))
    if replaced:
        gone = [ids[row] for row in good.tolist() if ids[row] in replaced]
        delete_documents(session.connection, state.table, gone)
    if len(good):
        fixed = {
            "_id": _texts(ids),
            "_version": np.array(versions or 1, dtype=np.int64) * np.ones(len(ids), dtype=np.int64),
            "_source": _texts(sources),
        }
        _insert(session, state.table, fixed, batch.columns, good, first_seq_no)
    return Appended(first_seq_no, batch.errors)


def _insert(
    session: WriteSession,
    table: str,
    fixed: Mapping[str, npt.NDArray[Any]],
    columns: Sequence[Column],
    good: npt.NDArray[np.int64],
    first_seq_no: int,
) -> None:
    everything = len(good) == len(fixed["_id"])
    arrays: dict[str, npt.NDArray[Any]] = {
        "s": np.arange(first_seq_no, first_seq_no + len(good), dtype=np.int64)
    }
    targets, expressions = [quote("_seq_no")], ["s"]
    for number, (name, values) in enumerate(fixed.items()):
        arrays[f"f{number}"] = values if everything else values[good]
        targets.append(quote(name))
        expressions.append(f"f{number}")
    for number, column in enumerate(columns):
        arrays[f"c{number}"] = column.values if everything else column.values[good]
        expression = f"c{number}"
        if column.leaf.multi:
            # lists travel as JSON texts: nothing else takes them in at once without pyarrow
            element = SQL_TYPE[column.leaf.kind]
            expression = f"from_json({expression}, '[\"{element}\"]')"
        elif column.valid is not None:
            arrays[f"v{number}"] = column.valid if everything else column.valid[good]
            expression = f"CASE WHEN v{number} THEN {expression} END"
        targets.append(quote(column.leaf.column))
        expressions.append(expression)
    statement = (
        f"INSERT INTO {quote(table)} ({', '.join(targets)}) "  # noqa: S608 - quoted identifiers
        f"SELECT {', '.join(expressions)} FROM {_BATCH}"
    )
    session.connection.register(_BATCH, arrays)
    try:
        session.connection.execute(statement)
    finally:
        session.connection.unregister(_BATCH)


def _good_rows(batch: Batch, count: int) -> npt.NDArray[np.int64]:
    good = np.ones(count, dtype=np.bool_)
    good[list(batch.errors)] = False
    return np.flatnonzero(good)


def _texts(values: Sequence[str]) -> npt.NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
