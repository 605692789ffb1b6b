"""Mappings as Elasticsearch writes them: JSON to ``IndexMapping`` and back.

Supported types and parameters are listed here; anything else is refused by name, because a
mapping that is silently not honoured gives wrong answers later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from anomalyd.embedded.dates import DateFormat
from anomalyd.embedded.mapping import KIND_OF_TYPE, IndexMapping, MappedField, prefixes
from anomalyd.errors import IllegalArgument, ParsingError
from anomalyd.query.fields import FieldKind

# Kept and shown, without effect here: they tune how Lucene stores or scores.
_TUNING = frozenset(
    {
        "analyzer", "boost", "coerce", "doc_values", "eager_global_ordinals", "fielddata",
        "fielddata_frequency_filter", "ignore_above", "ignore_malformed", "index",
        "index_options", "index_phrases", "index_prefixes", "locale", "meta", "norms",
        "position_increment_gap", "search_analyzer", "similarity",
        "split_queries_on_whitespace", "store", "term_vector", "time_series_metric",
        "time_series_dimension",
    }
)  # fmt: skip
_PARAMETERS_OF_TYPE = {"date": {"format"}, "scaled_float": {"scaling_factor"}}
_DYNAMIC = {True: "true", False: "false", "true": "true", "false": "false", "strict": "strict"}
_ROOT_KEYS = frozenset(
    {"properties", "dynamic", "date_detection", "numeric_detection", "_meta", "_source", "_routing"}
)
_OBJECT_KEYS = frozenset({"type", "properties", "dynamic", "enabled", "include_in_root"})


def parse_mapping(body: Mapping[str, Any]) -> IndexMapping:
    """Read the object below ``mappings`` (or the body of ``_mapping``).

    Raises: ParsingError for an unknown type, parameter or shape.
    """
    if set(body) == {"_doc"}:
        # clients of older versions wrap the mapping in its type
        body = _object(body["_doc"], "_doc")
    for key in body:
        if key not in _ROOT_KEYS:
            raise _failure(f"Root mapping definition has unsupported parameters:  [{key}]")
    if body.get("numeric_detection", False) not in (False, "false"):
        raise _failure("numeric_detection is not supported")
    try:
        dynamic = _DYNAMIC[body.get("dynamic", True)]
    except (KeyError, TypeError):
        raise _failure(f"dynamic [{body['dynamic']}] is not supported") from None
    reader = _Reader()
    reader.read(_object(body.get("properties", {}), "properties"), "", None)
    return IndexMapping(
        leaves=_with_columns(reader.leaves),
        nested=frozenset(reader.nested),
        disabled=frozenset(reader.disabled),
        declared_objects=frozenset(reader.objects),
        dynamic=dynamic,
        date_detection=body.get("date_detection", True) not in (False, "false"),
        meta=_object(body.get("_meta", {}), "_meta"),
    )


def render_mapping(mapping: IndexMapping) -> dict[str, object]:
    """Return the mapping as Elasticsearch shows it, fields by name."""
    body: dict[str, object] = {}
    if mapping.dynamic != "true":
        body["dynamic"] = mapping.dynamic
    if mapping.meta:
        body["_meta"] = dict(mapping.meta)
    if not mapping.date_detection:
        body["date_detection"] = False
    root: dict[str, Any] = {}
    for path in sorted(mapping.objects | mapping.disabled | mapping.nested):
        node = _enter(root, path)
        if path in mapping.nested:
            node["type"] = "nested"
        if path in mapping.disabled:
            node.update(type="object", enabled=False)
    for path, leaf in sorted(mapping.leaves.items()):
        _enter(root, path).update(_render_leaf(leaf))
    if root:
        body["properties"] = _sorted(root)
    return body


def merge_mappings(old: IndexMapping, new: IndexMapping) -> IndexMapping:
    """Return the old mapping with the new one's fields added, as ``PUT _mapping`` does.

    Raises: IllegalArgument where a field would change its type.
    """
    added: list[MappedField] = []
    taken: list[str] = []
    for path, leaf in new.leaves.items():
        known = old.leaves.get(path)
        if known is not None:
            if known.type != leaf.type:
                raise IllegalArgument(
                    f"mapper [{path}] cannot be changed from type [{known.type}] to [{leaf.type}]"
                )
            parameters = {**known.parameters, **leaf.parameters}
            sub_fields = {**known.sub_fields, **leaf.sub_fields}
            added.append(replace(known, parameters=parameters, sub_fields=sub_fields))
            continue
        if path in old.objects | old.disabled:
            raise IllegalArgument(
                f"can't merge a non object mapping [{path}] with an object mapping"
            )
        column = old.free_column(path, taken)
        taken.append(column)
        added.append(replace(leaf, column=column))
    for path in new.objects | new.nested | new.disabled:
        if path in old.leaves:
            raise IllegalArgument(
                f"can't merge a non object mapping [{path}] with an object mapping"
            )
        if path in old.objects and (path in new.nested) != (path in old.nested):
            raise IllegalArgument(
                f"object mapping [{path}] can't be changed from nested to non-nested or back"
            )
    return replace(
        old.with_leaves(added),
        nested=old.nested | new.nested,
        disabled=old.disabled | new.disabled,
        declared_objects=old.declared_objects | new.declared_objects,
        meta=new.meta or old.meta,
    )


@dataclass
class _Reader:
    """Walks a ``properties`` tree and collects what it declares."""

    leaves: dict[str, MappedField] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)
    disabled: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)

    def read(self, properties: Mapping[str, Any], prefix: str, nested_path: str | None) -> None:
        for name, definition in properties.items():
            if not all(name.split(".")):
                raise _failure("field name cannot be an empty string")
            path = prefix + name
            definition = _object(definition, path)
            type_name = definition.get("type", "object")
            if type_name in ("object", "nested"):
                self._read_object(path, definition, nested_path)
            else:
                self.leaves[path] = _read_leaf(path, definition, nested_path)
            self.objects.update(prefixes(path))

    def _read_object(
        self, path: str, definition: Mapping[str, Any], nested_path: str | None
    ) -> None:
        for key in definition:
            if key not in _OBJECT_KEYS:
                raise _failure(f"unknown parameter [{key}] on object [{path}]")
        if definition.get("dynamic", True) not in (True, "true"):
            raise _failure(f"dynamic on the inner object [{path}] is not supported")
        self.objects.add(path)
        if definition.get("enabled", True) in (False, "false"):
            self.disabled.add(path)
        if definition.get("type") == "nested":
            if nested_path is not None:
                raise _failure(f"nested object [{path}] inside [{nested_path}] is not supported")
            self.nested.add(path)
            nested_path = path
        self.read(_object(definition.get("properties", {}), path), f"{path}.", nested_path)


def _read_leaf(path: str, definition: Mapping[str, Any], nested_path: str | None) -> MappedField:
    type_name = _leaf_type(path, definition)
    allowed = _TUNING | _PARAMETERS_OF_TYPE.get(type_name, set())
    parameters = {}
    sub_fields = {}
    for key, value in definition.items():
        if key == "fields":
            for name, sub_definition in _object(value, path).items():
                sub_fields[name] = _read_sub_field(f"{path}.{name}", type_name, sub_definition)
        elif key in allowed:
            parameters[key] = value
        elif key != "type":
            raise _failure(f"unknown parameter [{key}] on mapper [{path}] of type [{type_name}]")
    if type_name == "scaled_float" and not _is_positive(parameters.get("scaling_factor")):
        raise _failure(f"Field [{path}] misses required parameter [scaling_factor]")
    if "format" in parameters:
        DateFormat.parse(str(parameters["format"]))
    return MappedField(
        path=path,
        type=type_name,
        column=path,
        multi=nested_path is not None,
        nested_path=nested_path,
        sub_fields=sub_fields,
        parameters=parameters,
    )


def _read_sub_field(path: str, parent: str, definition: object) -> Mapping[str, object]:
    definition = _object(definition, path)
    kind = KIND_OF_TYPE[_leaf_type(path, definition)]
    texts = (FieldKind.KEYWORD, FieldKind.TEXT)
    if kind is not KIND_OF_TYPE[parent] and not (kind in texts and KIND_OF_TYPE[parent] in texts):
        # the sub-field reads its parent's column, so it must hold the same kind of values
        raise _failure(f"sub-field [{path}] of another kind than its field is not supported")
    return dict(definition)


def _leaf_type(path: str, definition: Mapping[str, Any]) -> str:
    type_name = definition.get("type")
    if type_name not in KIND_OF_TYPE:
        raise _failure(f"No handler for type [{type_name}] declared on field [{path}]")
    return str(type_name)


def _with_columns(leaves: Mapping[str, MappedField]) -> dict[str, MappedField]:
    empty = IndexMapping()
    taken: list[str] = []
    named = {}
    for path, leaf in leaves.items():
        column = empty.free_column(path, taken)
        taken.append(column)
        named[path] = replace(leaf, column=column)
    return named


def _sorted(properties: dict[str, Any]) -> dict[str, Any]:
    """Return definitions by name, at every depth."""
    for definition in properties.values():
        if "properties" in definition:
            definition["properties"] = _sorted(definition["properties"])
    return dict(sorted(properties.items()))


def _render_leaf(leaf: MappedField) -> dict[str, object]:
    rendered: dict[str, object] = {"type": leaf.type, **leaf.parameters}
    if leaf.sub_fields:
        rendered["fields"] = {name: dict(each) for name, each in leaf.sub_fields.items()}
    return rendered


def _enter(root: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the definition at a path, made where it is missing."""
    first, *rest = path.split(".")
    node: dict[str, Any] = root.setdefault(first, {})
    for part in rest:
        node = node.setdefault("properties", {}).setdefault(part, {})
    return node


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _failure(f"Expected map for property [{name}] but got {type(value).__name__}")
    return value


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and value > 0


def _failure(reason: str) -> ParsingError:
    return ParsingError(f"Failed to parse mapping [_doc]: {reason}")
