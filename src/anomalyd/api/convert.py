"""One converter between documents and messages, driven by the message's descriptor.

A document is what JSON decodes to; its keys are the message's field names, or what the proto gives
as their ``document_key`` (``_id``). Absent and null are the same. Enum values stand in documents
as their ``document_value`` option says, or else as their name without the enum's common prefix.
``google.protobuf.Struct`` and ``Value`` carry any JSON; their numbers are doubles, so whole numbers
up to 2^53 come back as integers.

Nothing here knows a single message by name: a field that is added to a proto is converted.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from google.protobuf import struct_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from anomalyd.errors import IllegalArgument
from anomalyd.v1 import common_pb2

M = TypeVar("M", bound=Message)
Document = dict[str, Any]

LARGEST_EXACT_INTEGER = 2.0**53
_INTEGER_BITS: Mapping[int, tuple[int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def to_message(document: Mapping[str, Any], message_type: type[M]) -> tuple[M, tuple[str, ...]]:
    """Build a message from a document.

    Returns: the message, and the paths of the document's keys that the message has no field for.
    Raises: IllegalArgument naming the field whose value has the wrong type.
    """
    message = message_type()
    unknown: list[str] = []
    _fill(message, document, "", unknown)
    return message, tuple(unknown)


def to_document(message: Message, *, without: frozenset[str] = frozenset()) -> Document:
    """Build a document from a message, keys in the order in which the proto declares the fields.

    Args:
        message: any message of ``anomalyd.v1`` but those with bytes.
        without: names of top-level fields to leave out.

    Raises: IllegalArgument naming a field whose number JSON cannot hold, or whose enum value is
        none that this version knows.
    """
    return dict(_items(message, "", without))


# ---- document -> message


def _fill(message: Message, document: object, path: str, unknown: list[str]) -> None:
    if not isinstance(document, Mapping):
        raise _wrong_type(path, "an object", document)
    fields = _fields_by_key(message.DESCRIPTOR)
    for key, value in document.items():
        here = f"{path}.{key}" if path else str(key)
        field = fields.get(key)
        if field is None:
            unknown.append(here)
        elif value is not None:
            _set(message, field, value, here, unknown)


def _set(
    message: Message, field: FieldDescriptor, value: object, path: str, unknown: list[str]
) -> None:
    if _is_map(field):
        _fill_map(getattr(message, field.name), field, value, path, unknown)
    elif field.is_repeated:
        if not isinstance(value, (list, tuple)):
            raise _wrong_type(path, "an array", value)
        target = getattr(message, field.name)
        for position, element in enumerate(value):
            here = f"{path}[{position}]"
            if field.message_type is None:
                target.append(_scalar(field, element, here))
            else:
                _fill_message(target.add(), element, here, unknown)
    elif field.message_type is not None:
        target = getattr(message, field.name)
        target.SetInParent()
        _fill_message(target, value, path, unknown)
    else:
        setattr(message, field.name, _scalar(field, value, path))


def _fill_map(
    target: Any, field: FieldDescriptor, value: object, path: str, unknown: list[str]
) -> None:
    if not isinstance(value, Mapping):
        raise _wrong_type(path, "an object", value)
    value_field = _value_field(field)
    for key, element in value.items():
        here = f"{path}.{key}"
        if value_field.message_type is None:
            target[key] = _scalar(value_field, element, here)
        else:
            _fill_message(target[key], element, here, unknown)


def _fill_message(target: Message, value: object, path: str, unknown: list[str]) -> None:
    try:
        if isinstance(target, struct_pb2.Struct):
            if not isinstance(value, Mapping):
                raise _wrong_type(path, "an object", value)
            target.update(value)
        elif isinstance(target, struct_pb2.Value):
            _fill_value(target, value)
        else:
            _fill(target, value, path, unknown)
    except (ValueError, TypeError, RecursionError) as error:
        raise IllegalArgument(f"[{path}] holds what JSON cannot: {error}", field=path) from error


def _fill_value(target: struct_pb2.Value, value: Any) -> None:
    holder = struct_pb2.ListValue()
    holder.append(value)
    target.CopyFrom(holder.values[0])


def _scalar(field: FieldDescriptor, value: object, path: str) -> object:
    kind = field.cpp_type
    if kind in _INTEGER_BITS:
        low, high = _INTEGER_BITS[kind]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _wrong_type(path, f"an integer from {low} to {high}", value)
        return value
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong_type(path, "a number", value)
        return _as_double(value, path)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        numbers = _numbers_by_text(field.enum_type)
        if not isinstance(value, str) or value not in numbers:
            raise _wrong_type(path, "one of " + ", ".join(sorted(numbers)), value)
        return numbers[value]
    if kind == FieldDescriptor.CPPTYPE_BOOL and isinstance(value, bool):
        return value
    if field.type == FieldDescriptor.TYPE_STRING and isinstance(value, str):
        return _as_utf8(value, path)
    raise _wrong_type(path, _NAMES.get(field.type, "absent"), value)


_NAMES: Mapping[int, str] = {
    FieldDescriptor.TYPE_BOOL: "a boolean",
    FieldDescriptor.TYPE_STRING: "a string",
}


def _as_double(value: float, path: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise _wrong_type(path, "a number of double precision", value) from error


def _as_utf8(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _wrong_type(path, "valid Unicode text", ascii(value)) from error
    return value


def _wrong_type(path: str, expected: str, value: object) -> IllegalArgument:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return IllegalArgument(f"[{path}] must be {expected}, but is {shown}", field=path)


# ---- message -> document


def _items(message: Message, path: str, without: frozenset[str]) -> Iterator[tuple[str, object]]:
    for field in _fields_by_key(message.DESCRIPTOR).values():
        if field.name in without or not _is_present(message, field):
            continue
        key = _key(field)
        here = f"{path}.{key}" if path else key
        value = getattr(message, field.name)
        render = _renderer(field)
        if _is_map(field):
            render = _renderer(_value_field(field))
            yield key, {name: render(value[name], f"{here}.{name}") for name in sorted(value)}
        elif field.is_repeated:
            yield key, [render(each, f"{here}[{i}]") for i, each in enumerate(value)]
        else:
            yield key, render(value, here)


def _is_present(message: Message, field: FieldDescriptor) -> bool:
    if field.has_presence:
        return message.HasField(field.name)
    value = getattr(message, field.name)
    return bool(len(value) if field.is_repeated else value)


def _renderer(field: FieldDescriptor) -> Callable[[Any, str], object]:
    if field.message_type is not None:
        return _render_message
    if field.enum_type is not None:
        return functools.partial(_render_enum, field.enum_type)
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return _finite
    return _as_it_is


def _render_message(message: Message, path: str) -> object:
    if isinstance(message, struct_pb2.Struct):
        return {name: _render_value(value, path) for name, value in message.fields.items()}
    if isinstance(message, struct_pb2.Value):
        return _render_value(message, path)
    return dict(_items(message, path, frozenset()))


def _render_value(value: struct_pb2.Value, path: str) -> object:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _render_message(value.struct_value, path)
        case "list_value":
            return [_render_value(each, path) for each in value.list_value.values]
        case "number_value":
            number = _finite(value.number_value, path)
            exact = number.is_integer() and abs(number) <= LARGEST_EXACT_INTEGER
            return int(number) if exact else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _render_enum(enum: EnumDescriptor, number: int, path: str) -> str:
    text = _texts_by_number(enum).get(number)
    if text is None:
        raise IllegalArgument(f"[{path}] has no value with the number {number}", field=path)
    return text


def _finite(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise IllegalArgument(f"[{path}] must be a finite number, but is {value}", field=path)
    return value


def _as_it_is(value: object, path: str) -> object:
    del path
    return value


# ---- what a descriptor says, computed once


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _option(described: Any, extension: Any) -> str:
    """Return a text option of a field or enum value; empty when the proto does not give it."""
    return str(described.GetOptions().Extensions[extension])


@functools.cache
def _key(field: FieldDescriptor) -> str:
    return _option(field, common_pb2.document_key) or field.name


@functools.cache
def _fields_by_key(descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
    # the C implementation's own descriptor class, which the type stubs name too, is never seen here
    fields = cast("list[FieldDescriptor]", descriptor.fields)
    return {_key(field): field for field in fields}


def _value_field(map_field: FieldDescriptor) -> FieldDescriptor:
    assert map_field.message_type is not None
    return _fields_by_key(map_field.message_type)["value"]


@functools.cache
def _texts_by_number(enum: EnumDescriptor) -> Mapping[int, str]:
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {
        value.number: _option(value, common_pb2.document_value) or value.name.removeprefix(prefix)
        for value in enum.values
        if value.number != 0
    }


@functools.cache
def _numbers_by_text(enum: EnumDescriptor) -> Mapping[str, int]:
    return {text: number for number, text in _texts_by_number(enum).items()}
