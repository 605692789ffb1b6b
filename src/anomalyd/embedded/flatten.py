"""Documents to the values of their leaf fields, column by column.

Documents of a batch mostly have the same keys in the same order. They are grouped by their keys,
and each group is turned into columns in one step; nothing here looks at documents one by one but
where they hold arrays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from anomalyd.embedded.item_error import ItemError, field_failure, parse_failure
from anomalyd.embedded.mapping import IndexMapping

Int64s = npt.NDArray[np.int64]

MAXIMUM_DEPTH = 20


@dataclass(frozen=True)
class Piece:
    """Values of one field in some rows.

    Attributes:
        rows: row of each value, ascending; a row with an array has several values.
        values: JSON scalars or None.
        elements: position of each value in its row's array of objects; None without arrays.
        row_count: rows of the whole batch.
    """

    rows: Int64s
    values: Sequence[Any]
    elements: Int64s | None
    row_count: int

    @property
    def covers_all_rows(self) -> bool:
        """Whether this piece alone is the column: one value for each row."""
        return self.elements is None and len(self.rows) == self.row_count


@dataclass
class Flat:
    """The leaf values of a batch.

    Attributes:
        pieces: per path, in the order in which the paths first appear.
        errors: what is wrong with a document, by row.
        new_objects: per path of an object that is not mapped, row and value of each.
        nested_objects: per nested path, row and position in the row of every object.
    """

    pieces: dict[str, list[Piece]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[int, ItemError] = field(default_factory=dict)
    new_objects: dict[str, list[tuple[int, dict[str, Any]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    nested_objects: dict[str, list[tuple[Int64s, Int64s]]] = field(
        default_factory=lambda: defaultdict(list)
    )


def flatten(
    documents: Sequence[dict[str, Any]], mapping: IndexMapping, id_of: Callable[[int], str]
) -> Flat:
    """Split documents into the values of their leaf fields.

    Args:
        documents: JSON objects.
        mapping: tells objects from leaves, nested and disabled objects.
        id_of: id of the document of a row, for messages.
    """
    walker = _Walker(mapping, id_of, len(documents))
    walker.walk("", np.arange(len(documents)), None, documents)
    return walker.flat


class _Walker:
    def __init__(self, mapping: IndexMapping, id_of: Callable[[int], str], row_count: int) -> None:
        self.flat = Flat()
        self._mapping = mapping
        self._id_of = id_of
        self._row_count = row_count

    def walk(
        self,
        prefix: str,
        rows: Int64s,
        elements: Int64s | None,
        documents: Sequence[dict[str, Any]],
    ) -> None:
        """Take the objects of one path apart."""
        if prefix.count(".") > MAXIMUM_DEPTH:
            reason = f"Limit of mapping depth [{MAXIMUM_DEPTH}] has been exceeded"
            self._fail(rows, ItemError("illegal_argument_exception", reason))
            return
        all_keys = list(map(tuple, documents))
        if len(set(all_keys)) == 1:
            self._walk_group(prefix, rows, elements, documents, all_keys[0])
            return
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for position, keys in enumerate(all_keys):
            groups[keys].append(position)
        for keys, positions in groups.items():
            chosen = np.array(positions)
            self._walk_group(
                prefix,
                rows[chosen],
                None if elements is None else elements[chosen],
                [documents[position] for position in positions],
                keys,
            )

    def _walk_group(
        self,
        prefix: str,
        rows: Int64s,
        elements: Int64s | None,
        documents: Sequence[dict[str, Any]],
        keys: tuple[str, ...],
    ) -> None:
        columns = zip(*map(dict.values, documents), strict=True)
        for key, values in zip(keys, columns, strict=False):
            problem = _key_problem(prefix, key)
            if problem is not None:
                self._fail(rows, parse_failure(problem))
                continue
            self._take(prefix + key, rows, elements, values)

    def _take(
        self, path: str, rows: Int64s, elements: Int64s | None, values: Sequence[Any]
    ) -> None:
        """Take the values of one path, which may be of any type."""
        types = set(map(type, values))
        if path in self._mapping.disabled or types == {type(None)}:
            return
        if dict not in types and list not in types:
            if path in self._mapping.objects:
                self._fail_concrete(path, rows, values)
            else:
                self.flat.pieces[path].append(Piece(rows, values, elements, self._row_count))
            return
        for kind, positions in _by_shape(values):
            chosen_rows = rows[positions]
            chosen_elements = None if elements is None else elements[positions]
            chosen = [values[position] for position in positions.tolist()]
            if kind is list:
                self._take_arrays(path, chosen_rows, chosen_elements, chosen)
            elif kind is dict:
                self._take_objects(path, chosen_rows, chosen_elements, chosen)
            else:
                self._take(path, chosen_rows, chosen_elements, chosen)

    def _take_arrays(
        self, path: str, rows: Int64s, elements: Int64s | None, arrays: list[list[Any]]
    ) -> None:
        flat_arrays = [list(_flat_items(array)) for array in arrays]
        lengths = np.fromiter(map(len, flat_arrays), np.int64, len(flat_arrays))
        values = [value for array in flat_arrays for value in array]
        if not values:
            return
        inner_rows = np.repeat(rows, lengths)
        if self._mapping.nested_path_of(path) is not None:
            if (lengths > 1).any():
                error = ItemError(
                    "mapper_parsing_exception",
                    f"array [{path}] inside a nested object is not supported",
                )
                self._fail(rows[lengths > 1], error)
            single = lengths == 1
            chosen = [array[0] for array in flat_arrays if len(array) == 1]
            if chosen:
                self._take(
                    path, rows[single], None if elements is None else elements[single], chosen
                )
            return
        # positions only order the values of a row; objects in objects keep their own order
        inner = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        if elements is not None:
            inner = np.repeat(elements, lengths) * (int(lengths.max()) + 1) + inner
        self._take(path, inner_rows, inner, values)

    def _take_objects(
        self, path: str, rows: Int64s, elements: Int64s | None, objects: list[dict[str, Any]]
    ) -> None:
        leaf = self._mapping.leaves.get(path)
        if leaf is not None:
            for row, value in zip(rows.tolist(), objects, strict=True):
                error = object_value_error(path, leaf.type, self._id_of(row), value)
                self.flat.errors.setdefault(row, error)
            return
        if path not in self._mapping.objects:
            self.flat.new_objects[path].extend(zip(rows.tolist(), objects, strict=True))
        if path in self._mapping.nested:
            if elements is None:
                elements = np.zeros(len(rows), dtype=np.int64)
            self.flat.nested_objects[path].append((rows, elements))
        self.walk(f"{path}.", rows, elements, objects)

    def _fail(self, rows: Int64s, error: ItemError) -> None:
        for row in rows.tolist():
            self.flat.errors.setdefault(row, error)

    def _fail_concrete(self, path: str, rows: Int64s, values: Sequence[Any]) -> None:
        error = concrete_value_error(path)
        for row, value in zip(rows.tolist(), values, strict=True):
            if value is not None:
                self.flat.errors.setdefault(row, error)


def concrete_value_error(path: str) -> ItemError:
    """Return the error of a document that has a scalar where others have an object."""
    return ItemError(
        "mapper_parsing_exception",
        f"object mapping for [{path}] tried to parse field [{path}] as object, "
        "but found a concrete value",
    )


def object_value_error(path: str, type_name: str, id: str, value: object) -> ItemError:
    """Return the error of a document that has an object where others have a scalar."""
    caused_by = ItemError("illegal_state_exception", "Can't get text on a START_OBJECT")
    return field_failure(path, type_name, id, value, caused_by)


def _key_problem(prefix: str, key: str) -> ItemError | None:
    if not prefix and key in ("_id", "_index", "_source", "_version", "_seq_no", "_routing"):
        reason = (
            f"Field [{key}] is a metadata field and cannot be added inside a document. "
            "Use the index API request parameters."
        )
        return ItemError("mapper_parsing_exception", reason)
    if not all(key.split(".")):
        reason = f"field name [{key}] cannot be empty, nor start or end with a dot"
        return ItemError("illegal_argument_exception", reason)
    return None


def _by_shape(values: Sequence[Any]) -> Iterator[tuple[type, Int64s]]:
    """Tell arrays, objects and scalars apart; yields the positions of each kind."""
    kinds = [type(value) if isinstance(value, dict | list) else object for value in values]
    for kind in (object, dict, list):
        positions = np.array([at for at, each in enumerate(kinds) if each is kind], dtype=np.int64)
        if len(positions):
            yield kind, positions


def _flat_items(array: list[Any]) -> Iterator[Any]:
    """Yield the items of an array with inner arrays opened; null is no item."""
    stack = [iter(array)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, list):
                stack.append(iter(item))
                break
            if item is not None:
                yield item
        else:
            stack.pop()
