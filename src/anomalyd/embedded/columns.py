"""A batch of documents as typed columns, with the mapping that they need.

Unknown fields are mapped by the first document that has them, as Elasticsearch does it: a text
that is a date becomes a date field, any other text a text field with ``.keyword``, a whole number
a long, a fraction a double, ``true`` or ``false`` a boolean; null says nothing. A document that
does not fit fails alone, and leaves no field behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from anomalyd.embedded.convert import Converted, convert
from anomalyd.embedded.dates import DateFormat
from anomalyd.embedded.flatten import (
    Flat,
    Piece,
    concrete_value_error,
    flatten,
    object_value_error,
)
from anomalyd.embedded.item_error import ItemError, field_failure
from anomalyd.embedded.mapping import TEXT_SUB_FIELDS, IndexMapping, MappedField, prefixes

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MAXIMUM_FIELDS = 1000

_ISO = "strict_date_optional_time"
_SLASHED = "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd"
# how often a field's type is chosen anew because the document that gave it failed
_ATTEMPTS = 8


@dataclass(frozen=True)
class Column:
    """Values of one field, an element per document.

    Attributes:
        leaf: the field.
        values: in the column's type; JSON arrays as texts where the field is ``multi``.
        valid: False where the document has no value; None where all have one, or where the
            values are texts and None themselves.
    """

    leaf: MappedField
    values: npt.NDArray[Any]
    valid: Bools | None


@dataclass(frozen=True)
class Batch:
    """Documents as columns.

    Attributes:
        mapping: the index's mapping with what these documents add to it.
        columns: one per field that any document has.
        errors: what is wrong with a document, by its position; such documents must be left out.
    """

    mapping: IndexMapping
    columns: tuple[Column, ...]
    errors: Mapping[int, ItemError]


def build_batch(
    documents: Sequence[dict[str, Any]],
    mapping: IndexMapping,
    id_of: Callable[[int], str],
    *,
    widen: bool = False,
) -> Batch:
    """Turn documents into columns.

    Args:
        documents: JSON objects, at least one.
        mapping: the fields that the index has.
        id_of: id of the document at a position, for messages.
        widen: make a new field double where any document of the batch has a fraction, though the
            first has none. For imports of files, whose numbers belong together.
    """
    flat = flatten(documents, mapping, id_of)
    errors = dict(flat.errors)
    builder = _Builder(flat, len(documents), id_of)
    known = {path: mapping.leaves[path] for path in flat.pieces if path in mapping.leaves}
    columns = [builder.column(leaf, errors) for leaf in known.values()]
    unknown = [path for path in flat.pieces if path not in known]
    if unknown:
        columns += _add_fields(builder, mapping, unknown, errors, widen)
    return Batch(mapping.with_leaves(column.leaf for column in columns), tuple(columns), errors)


def _add_fields(
    builder: _Builder,
    mapping: IndexMapping,
    paths: Sequence[str],
    errors: dict[int, ItemError],
    widen: bool,
) -> list[Column]:
    """Map unknown fields and build their columns; adds to ``errors``."""
    for attempt in range(_ATTEMPTS):
        failed = dict(errors)
        chosen = _choose_types(builder, mapping, paths, failed, widen)
        columns = [builder.column(leaf, failed) for leaf, _ in chosen]
        regretted = [row for _, row in chosen if row in failed]
        if not regretted or attempt == _ATTEMPTS - 1:
            errors.update(failed)
            break
        # up to the first document that chose a type and failed, everything is as it should be
        errors.update((row, error) for row, error in failed.items() if row <= min(regretted))
    return columns


def _choose_types(
    builder: _Builder,
    mapping: IndexMapping,
    paths: Sequence[str],
    errors: dict[int, ItemError],
    widen: bool,
) -> list[tuple[MappedField, int]]:
    """Return a new leaf field per path that can have one, with the row that decided its type."""
    first_values = []
    for path in paths:
        first = builder.first_value(path, errors)
        if first is not None:
            first_values.append((first[0], path, first[1]))
    # the earliest document decides whether a name is an object or a leaf
    first_values.sort(key=lambda each: each[0])
    chosen: dict[str, tuple[MappedField, int]] = {}
    objects: set[str] = set()
    for row, path, value in first_values:
        error = _refusal(mapping, chosen, objects, path)
        if error is not None:
            builder.fail_all(path, error, errors)
            continue
        if mapping.dynamic == "false":
            continue
        objects.update(prefixes(path))
        nested_path = mapping.nested_path_of(path)
        leaf = replace(
            _leaf_for(path, value, mapping, widen and builder.has_fraction(path)),
            column=mapping.free_column(path, (leaf.column for leaf, _ in chosen.values())),
            multi=nested_path is not None,
            nested_path=nested_path,
        )
        chosen[path] = leaf, row
        builder.fail_objects(leaf, row, errors)
    return list(chosen.values())


def _refusal(
    mapping: IndexMapping, chosen: Mapping[str, object], objects: set[str], path: str
) -> ItemError | None:
    """Return why a field cannot be added, or None."""
    kind = "mapper_parsing_exception"
    for prefix in prefixes(path):
        if prefix in mapping.leaves or prefix in chosen:
            leaf = mapping.leaves.get(prefix)
            found = "a concrete value" if leaf is None else leaf.type
            return ItemError(
                kind,
                f"Could not dynamically add mapping for field [{path}]. Existing mapping for "
                f"[{prefix}] must be of type object but found [{found}].",
            )
    if path in objects:
        return concrete_value_error(path)
    if mapping.dynamic == "strict":
        parent, _, name = path.rpartition(".")
        return ItemError(
            "strict_dynamic_mapping_exception",
            f"mapping set to strict, dynamic introduction of [{name}] within "
            f"[{parent or '_doc'}] is not allowed",
        )
    if mapping.dynamic == "true" and len(mapping.leaves) + len(chosen) >= MAXIMUM_FIELDS:
        reason = f"Limit of total fields [{MAXIMUM_FIELDS}] has been exceeded"
        return ItemError("illegal_argument_exception", reason)
    return None


def _leaf_for(path: str, value: object, mapping: IndexMapping, fraction: bool) -> MappedField:
    if isinstance(value, bool):
        return MappedField(path=path, type="boolean", column=path)
    if isinstance(value, float) or fraction:
        # Elasticsearch says float for its own size; ours has one width
        return MappedField(path=path, type="double", column=path)
    if isinstance(value, int):
        return MappedField(path=path, type="long", column=path)
    text = str(value)
    if mapping.date_detection and not _is_number(text):
        if DateFormat.parse(_ISO).read(text) is not None:
            return MappedField(path=path, type="date", column=path)
        if DateFormat.parse(_SLASHED).read(text) is not None:
            parameters = {"format": f"{_SLASHED}||epoch_millis"}
            return MappedField(path=path, type="date", column=path, parameters=parameters)
    return MappedField(path=path, type="text", column=path, sub_fields=TEXT_SUB_FIELDS)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _Builder:
    """Builds columns out of the pieces of a batch."""

    def __init__(self, flat: Flat, row_count: int, id_of: Callable[[int], str]) -> None:
        self._flat = flat
        self._row_count = row_count
        self._id_of = id_of

    def first_value(self, path: str, errors: Mapping[int, ItemError]) -> tuple[int, object] | None:
        """Return the first document's value that is not null, with its row."""
        found = [self._first_of(piece, errors) for piece in self._flat.pieces[path]]
        return min((each for each in found if each is not None), key=lambda e: e[0], default=None)

    def _first_of(self, piece: Piece, errors: Mapping[int, ItemError]) -> tuple[int, object] | None:
        for position, value in enumerate(piece.values):
            if value is not None and (row := int(piece.rows[position])) not in errors:
                return row, value
        return None

    def has_fraction(self, path: str) -> bool:
        """Tell whether any value of the field is a number with a fraction."""
        return any(float in set(map(type, piece.values)) for piece in self._flat.pieces[path])

    def fail_all(self, path: str, error: ItemError, errors: dict[int, ItemError]) -> None:
        """Give every document that has a value in this field an error."""
        for piece in self._flat.pieces[path]:
            for row, value in zip(piece.rows.tolist(), piece.values, strict=True):
                if value is not None:
                    errors.setdefault(row, error)

    def fail_objects(self, leaf: MappedField, row: int, errors: dict[int, ItemError]) -> None:
        """Give documents an error that have an object where a document before them has a leaf."""
        for other, value in self._flat.new_objects.get(leaf.path, ()):
            if other > row:
                error = object_value_error(leaf.path, leaf.type, self._id_of(other), value)
                errors.setdefault(other, error)

    def column(self, leaf: MappedField, errors: dict[int, ItemError]) -> Column:
        """Build a field's column; documents whose value does not fit are added to ``errors``."""
        pieces = self._flat.pieces[leaf.path]
        if len(pieces) == 1:
            rows, values, elements = pieces[0].rows, pieces[0].values, pieces[0].elements
        else:
            rows = np.concatenate([piece.rows for piece in pieces])
            values = list(chain.from_iterable(piece.values for piece in pieces))
            elements = _join_elements(pieces)
        converted = convert(leaf, values)
        for position, caused_by in converted.errors.items():
            row = int(rows[position])
            error = field_failure(
                leaf.path, leaf.type, self._id_of(row), values[position], caused_by
            )
            errors.setdefault(row, error)
        if leaf.nested_path is not None:
            return self._nested_column(leaf, rows, elements, converted)
        if len(pieces) == 1 and pieces[0].covers_all_rows and not leaf.multi:
            return _scalar_column(leaf, converted.values, converted.valid)
        return self._scattered_column(leaf, rows, elements, converted)

    def _scattered_column(
        self, leaf: MappedField, rows: Int64s, elements: Int64s | None, converted: Converted
    ) -> Column:
        """Build a column of values that stand in some rows, or several of them in one row."""
        rows = rows[converted.valid]
        values = converted.values[converted.valid]
        if not leaf.multi and np.bincount(rows, minlength=1).max() <= 1:
            column = np.zeros(self._row_count, dtype=values.dtype)
            if values.dtype == object:
                column[:] = None
            valid = np.zeros(self._row_count, dtype=np.bool_)
            column[rows] = values
            valid[rows] = True
            return _scalar_column(leaf, column, valid)
        order = np.argsort(rows, kind="stable")
        if elements is not None:
            order = np.lexsort((elements[converted.valid], rows))
        texts = _list_texts(values[order], rows[order], self._row_count)
        return Column(replace(leaf, multi=True), texts, None)

    def _nested_column(
        self, leaf: MappedField, rows: Int64s, elements: Int64s | None, converted: Converted
    ) -> Column:
        """Build a list column with one element per nested object, null where it has no value."""
        assert leaf.nested_path is not None
        assert elements is not None
        objects = self._flat.nested_objects[leaf.nested_path]
        all_rows = np.concatenate([each[0] for each in objects])
        all_elements = np.concatenate([each[1] for each in objects])
        stride = int(all_elements.max()) + 1
        keys = np.unique(all_rows * stride + all_elements)
        values = np.empty(len(keys), dtype=object)
        places = np.searchsorted(keys, rows * stride + elements)[converted.valid]
        values[places] = converted.values[converted.valid].tolist()
        return Column(leaf, _list_texts(values, keys // stride, self._row_count), None)


def _scalar_column(leaf: MappedField, values: npt.NDArray[Any], valid: Bools) -> Column:
    # None inside an array of texts is missing already
    needs_mask = values.dtype != object and not valid.all()
    return Column(leaf, values, valid if needs_mask else None)


def _list_texts(values: npt.NDArray[Any], rows: Int64s, row_count: int) -> npt.NDArray[Any]:
    """Return a JSON array per row, None for rows without values; rows must be sorted."""
    texts = np.empty(row_count, dtype=object)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    ends = np.append(starts, len(rows))[1:]  # none where there are no rows
    items = values.tolist()
    texts[rows[starts]] = [
        orjson.dumps(items[start:end]).decode()
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    return texts


def _join_elements(pieces: Sequence[Piece]) -> Int64s | None:
    """Return the positions inside arrays of all pieces; scalars have the position 0."""
    if all(piece.elements is None for piece in pieces):
        return None
    return np.concatenate(
        [
            np.zeros(len(piece.rows), dtype=np.int64) if piece.elements is None else piece.elements
            for piece in pieces
        ]
    )
