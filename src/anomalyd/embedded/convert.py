"""JSON values to the typed arrays of a column.

Values of the type that the field expects are taken in one step; anything else goes value by
value, by Elasticsearch's coercion rules: texts that hold numbers fit numeric fields, fractions are
cut for whole-number fields, numbers and booleans fit keyword and text fields.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anomalyd.embedded.dates import DateFormat
from anomalyd.embedded.item_error import ItemError, preview
from anomalyd.embedded.mapping import MappedField
from anomalyd.query.fields import FieldKind

Bools = npt.NDArray[np.bool_]

_BITS = {"long": 64, "integer": 32, "short": 16, "byte": 8}
_NONE = type(None)


@dataclass(frozen=True)
class Converted:
    """Values of one field in their column's type.

    Attributes:
        values: int64, float64, bool or object (texts) array.
        valid: False where there is no value.
        errors: by position, why a value does not fit.
    """

    values: npt.NDArray[Any]
    valid: Bools
    errors: Mapping[int, ItemError]


class _Unfit(Exception):
    def __init__(self, error: ItemError) -> None:
        super().__init__()
        self.error = error


def convert(leaf: MappedField, values: Sequence[Any]) -> Converted:
    """Turn JSON scalars (or None) into the field's column type."""
    types = set(map(type, values)) - {_NONE}
    quick = _quick(leaf, values, types)
    if quick is not None:
        return quick
    return _one_by_one(leaf, values)


def _quick(leaf: MappedField, values: Sequence[Any], types: set[type]) -> Converted | None:
    """Convert values that all have an expected type; None when some have not."""
    kind = leaf.kind
    if kind in (FieldKind.KEYWORD, FieldKind.TEXT) and types <= {str}:
        return _texts(values)
    if kind is FieldKind.DOUBLE and types <= {int, float} and leaf.type != "scaled_float":
        return _doubles(values)
    if kind is FieldKind.LONG and types <= {int}:
        return _longs(values, _BITS[leaf.type])
    if kind is FieldKind.BOOLEAN and types <= {bool}:
        valid = _present(values)
        return Converted(np.array(values, dtype=np.bool_), valid, {})
    if kind is FieldKind.DATE:
        return _dates(leaf, values, types)
    if kind is FieldKind.IP and types <= {str}:
        return _addresses(values)
    return None


def _texts(values: Sequence[Any]) -> Converted:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return Converted(column, _present(values), {})


def _doubles(values: Sequence[Any]) -> Converted | None:
    column = np.array(values, dtype=np.float64)
    if np.isinf(column).any():
        return None
    return Converted(column, ~np.isnan(column), {})


def _longs(values: Sequence[Any], bits: int) -> Converted | None:
    valid = _present(values)
    if not valid.all():
        values = [0 if value is None else value for value in values]
    try:
        column = np.array(values, dtype=np.int64)
    except OverflowError:
        return None
    if bits < 64 and not _within(column, 2 ** (bits - 1)):
        return None
    return Converted(column, valid, {})


def _within(column: npt.NDArray[np.int64], bound: int) -> bool:
    return bool(((column > -bound) & (column < bound)).all())


def _dates(leaf: MappedField, values: Sequence[Any], types: set[type]) -> Converted | None:
    date_format = DateFormat.parse(leaf.format)
    if types <= {str}:
        valid = _present(values)
        texts = values if valid.all() else [value for value in values if value is not None]
        millis, parsed = date_format.read_column(texts)
        if not parsed.all():
            return None
        column = np.zeros(len(values), dtype=np.int64)
        column[valid] = millis
        return Converted(column, valid, {})
    if types == {int} and date_format.epoch_unit == 1:
        converted = _longs(values, 64)
        if converted is not None and _within(converted.values, 2**53):
            return converted
    return None


def _addresses(values: Sequence[Any]) -> Converted | None:
    # addresses repeat, so each is read once
    normal = {value: normalise_address(value) for value in set(values) if value is not None}
    if None in normal.values():
        return None
    return _texts([normal.get(value) for value in values])


def _present(values: Sequence[Any]) -> Bools:
    if None not in values:
        return np.ones(len(values), dtype=np.bool_)
    return np.fromiter((value is not None for value in values), np.bool_, len(values))


def _one_by_one(leaf: MappedField, values: Sequence[Any]) -> Converted:
    reader = _READERS[leaf.kind]
    read: list[Any] = [None] * len(values)
    errors = {}
    for position, value in enumerate(values):
        if value is None:
            continue
        try:
            read[position] = reader(leaf, value)
        except _Unfit as unfit:
            errors[position] = unfit.error
    valid = _present(read)
    if leaf.kind in (FieldKind.KEYWORD, FieldKind.TEXT, FieldKind.IP):
        return Converted(_texts(read).values, valid, errors)
    types = {FieldKind.DOUBLE: np.float64, FieldKind.BOOLEAN: np.bool_}
    filled = [0 if value is None else value for value in read]
    return Converted(np.array(filled, dtype=types.get(leaf.kind, np.int64)), valid, errors)


def _read_text(_: MappedField, value: Any) -> str:
    return preview(value)


def _read_boolean(_: MappedField, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false", ""):
        return bool(value == "true")
    raise _Unfit(
        _illegal(f"Failed to parse value [{preview(value)}] as only [true] or [false] are allowed.")
    )


def _read_number(value: Any) -> int | float | None:
    """Return the number that a JSON value stands for; an empty text stands for none."""
    if isinstance(value, bool):
        token = "VALUE_TRUE" if value else "VALUE_FALSE"
        reason = f"Current token ({token}) not numeric, can not use numeric value accessors"
        raise _Unfit(ItemError("json_parse_exception", reason))
    if not isinstance(value, str):
        return value  # type: ignore[no-any-return]  # JSON leaves int and float
    if not value:
        return None
    try:
        # what Java does not read as a number either: digits grouped by underscores
        if "_" not in value:
            return int(value) if value.lstrip("+-").isdecimal() else float(value)
    except ValueError:
        pass
    raise _Unfit(ItemError("number_format_exception", f'For input string: "{value}"'))


def _read_long(leaf: MappedField, value: Any) -> int | None:
    number = _read_number(value)
    if number is None:
        return None
    if isinstance(number, float) and not math.isfinite(number):
        raise _Unfit(_illegal(f"[{leaf.type}] supports only finite values, but got [{value}]"))
    whole = int(number)
    if not -(2 ** (_BITS[leaf.type] - 1)) <= whole < 2 ** (_BITS[leaf.type] - 1):
        reason = f"Value [{preview(value)}] is out of range for {_article(leaf.type)}"
        raise _Unfit(_illegal(reason))
    return whole


def _read_double(leaf: MappedField, value: Any) -> float | None:
    number = _read_number(value)
    if number is None:
        return None
    try:
        double = float(number)
    except OverflowError:
        double = math.inf
    if not math.isfinite(double):
        raise _Unfit(
            _illegal(f"[{leaf.type}] supports only finite values, but got [{preview(value)}]")
        )
    if leaf.type == "scaled_float":
        factor = float(leaf.parameters["scaling_factor"])  # type: ignore[arg-type]  # checked
        return round(double * factor) / factor
    return double


def _read_date(leaf: MappedField, value: Any) -> int:
    date_format = DateFormat.parse(leaf.format)
    millis = None
    if isinstance(value, str):
        millis = date_format.read(value)
    elif not isinstance(value, bool):
        millis = date_format.read_number(value)
    if millis is None or not -(2**63) <= millis < 2**63:
        caused_by = ItemError(
            "date_time_parse_exception", "Failed to parse with all enclosed parsers"
        )
        reason = f"failed to parse date field [{preview(value)}] with format [{leaf.format}]"
        raise _Unfit(ItemError("illegal_argument_exception", reason, caused_by))
    return millis


def _read_address(_: MappedField, value: Any) -> str:
    address = normalise_address(value) if isinstance(value, str) else None
    if address is None:
        raise _Unfit(_illegal(f"'{preview(value)}' is not an IP string literal."))
    return address


def normalise_address(text: str) -> str | None:
    """Return an IPv4 or IPv6 address in its one normal form, or None when it is none."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError):
        return None


_READERS: Mapping[FieldKind, Callable[[MappedField, Any], Any]] = {
    FieldKind.KEYWORD: _read_text,
    FieldKind.TEXT: _read_text,
    FieldKind.LONG: _read_long,
    FieldKind.DOUBLE: _read_double,
    FieldKind.BOOLEAN: _read_boolean,
    FieldKind.DATE: _read_date,
    FieldKind.IP: _read_address,
}


def _illegal(reason: str) -> ItemError:
    return ItemError("illegal_argument_exception", reason)


def _article(type_name: str) -> str:
    return f"an {type_name}" if type_name == "integer" else f"a {type_name}"
