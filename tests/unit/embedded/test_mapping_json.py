"""Mappings as Elasticsearch writes them."""

import pytest

from anomalyd.embedded.mapping_json import merge_mappings, parse_mapping, render_mapping
from anomalyd.errors import IllegalArgument, ParsingError
from anomalyd.query.fields import FieldKind

EVERYTHING = {
    "dynamic": "strict",
    "_meta": {"schema_version": 3},
    "properties": {
        "code": {"type": "keyword", "ignore_above": 256},
        "count": {"type": "integer"},
        "entity": {
            "type": "nested",
            "properties": {"name": {"type": "keyword"}, "value": {"type": "keyword"}},
        },
        "host": {"properties": {"address": {"type": "ip"}, "name": {"type": "keyword"}}},
        "price": {"type": "scaled_float", "scaling_factor": 100},
        "raw": {"type": "object", "enabled": False},
        "time": {"type": "date", "format": "epoch_second"},
        "title": {"type": "text", "fields": {"exact": {"type": "keyword"}}},
        "up": {"type": "boolean"},
    },
}


def test_a_mapping_is_rendered_as_it_was_given():
    """Nothing is lost and nothing is added; fields by name."""
    assert render_mapping(parse_mapping(EVERYTHING)) == EVERYTHING


def test_fields_are_found_by_their_dotted_path():
    """Sub-fields read the column of their field; `_id` is a field too."""
    mapping = parse_mapping(EVERYTHING)
    exact = mapping.resolve("title.exact")
    assert (exact.column, exact.kind) == ("title", FieldKind.KEYWORD)
    assert mapping.resolve("host.address").kind is FieldKind.IP
    assert mapping.resolve("entity.name").nested_path == "entity"
    assert mapping.resolve("entity.name").multi
    assert mapping.resolve("_id").column == "_id"
    for unknown in ("host", "title.keyword", "raw.x", "", "code.exact"):
        assert mapping.resolve(unknown) is None
    assert [field.path for field in mapping.fields()] == [
        "code", "count", "entity.name", "entity.value", "host.address", "host.name",
        "price", "time", "title", "title.exact", "up",
    ]  # fmt: skip


def test_names_that_differ_in_case_alone_have_columns_of_their_own():
    """Columns know no case, fields do; and no field takes a system column."""
    mapping = parse_mapping(
        {"properties": {name: {"type": "long"} for name in ("Host", "host", "HOST", "rowid")}}
    )
    columns = [leaf.column.lower() for leaf in mapping.leaves.values()]
    assert len(set(columns)) == 4
    assert "rowid" not in columns


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"properties": {"a": {"type": "geo_shape"}}}, r"No handler for type \[geo_shape\].*\[a\]"),
        ({"properties": {"a": {"properties": {"b": {"type": "x"}}}}}, r"\[x\] .* field \[a.b\]"),
        (
            {"properties": {"a": {"type": "keyword", "null_value": "x"}}},
            r"parameter \[null_value\]",
        ),
        ({"properties": {"a": {"type": "long", "format": "x"}}}, r"unknown parameter \[format\]"),
        ({"properties": {"a": {"type": "scaled_float"}}}, "scaling_factor"),
        ({"properties": {"a": {"type": "date", "format": "QQ"}}}, "Invalid format"),
        ({"properties": {"a": {"type": "long", "fields": {"b": {"type": "ip"}}}}}, "another kind"),
        ({"properties": {"a": 5}}, "Expected map"),
        ({"properties": {"a..b": {"type": "long"}}}, "empty"),
        ({"dynamic_templates": []}, "dynamic_templates"),
        ({"dynamic": "runtime"}, "runtime"),
        ({"numeric_detection": True}, "numeric_detection"),
        ({"properties": {"a": {"type": "object", "dynamic": False}}}, "inner object"),
        (
            {
                "properties": {
                    "a": {"type": "nested", "properties": {"b": {"type": "nested"}}},
                }
            },
            "nested object .* inside",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(body, problem):
    """Never ignored: a mapping that is not honoured gives wrong answers later."""
    with pytest.raises(ParsingError, match=problem):
        parse_mapping(body)


def test_the_type_level_of_older_clients_is_opened():
    """`{"_doc": {"properties": …}}` is the mapping inside."""
    assert parse_mapping({"_doc": EVERYTHING}) == parse_mapping(EVERYTHING)


def test_merging_adds_fields_and_never_changes_a_type():
    """As PUT _mapping does it."""
    old = parse_mapping({"properties": {"a": {"type": "long"}, "o": {"properties": {}}}})
    new = parse_mapping({"properties": {"b": {"type": "keyword"}, "A": {"type": "keyword"}}})
    merged = merge_mappings(old, new)
    assert set(merged.leaves) == {"a", "b", "A"}
    assert merged.leaves["A"].column != "A"
    with pytest.raises(IllegalArgument, match=r"\[a\] cannot be changed from type \[long\]"):
        merge_mappings(old, parse_mapping({"properties": {"a": {"type": "keyword"}}}))
    with pytest.raises(IllegalArgument, match="non object mapping"):
        merge_mappings(old, parse_mapping({"properties": {"o": {"type": "keyword"}}}))
    with pytest.raises(IllegalArgument, match="non object mapping"):
        merge_mappings(old, parse_mapping({"properties": {"a": {"properties": {}}}}))
