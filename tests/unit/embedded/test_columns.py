"""Documents to columns: dynamic mapping, coercion, conflicts."""

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.embedded.columns import build_batch
from anomalyd.embedded.mapping import IndexMapping
from anomalyd.embedded.mapping_json import parse_mapping, render_mapping
from anomalyd.query.fields import FieldKind


def build(*documents, mapping=None, **options):
    return build_batch(list(documents), mapping or IndexMapping(), "d{}".format, **options)


def values_of(batch, path):
    """Return a column as Python values, None where it has none."""
    [column] = [column for column in batch.columns if column.leaf.path == path]
    values = column.values.tolist()
    if column.leaf.multi:
        return [None if text is None else orjson.loads(text) for text in values]
    if column.valid is not None:
        values = [v if ok else None for v, ok in zip(values, column.valid, strict=True)]
    return [None if isinstance(v, float) and np.isnan(v) else v for v in values]


def types_of(batch):
    return {path: leaf.type for path, leaf in batch.mapping.leaves.items()}


def test_the_first_document_decides_the_type_of_a_new_field():
    """By Elasticsearch's rules for dynamic mapping."""
    batch = build(
        {
            "text": "a b", "long": 1, "double": 1.5, "yes": True, "iso": "2020-01-01T00:00:00Z",
            "day": "2020-01-01", "slashed": "2020/01/01 10:00:00", "year": "2020", "none": None,
            "object": {"inner": {"deep": 1}}, "empty": [], "dotted.name": 1,
        }
    )  # fmt: skip
    assert types_of(batch) == {
        "text": "text", "long": "long", "double": "double", "yes": "boolean", "iso": "date",
        "day": "date", "slashed": "date", "year": "text", "object.inner.deep": "long",
        "dotted.name": "long",
    }  # fmt: skip
    assert values_of(batch, "slashed") == [1577872800000]
    properties = render_mapping(batch.mapping)["properties"]
    assert properties["text"]["fields"]["keyword"] == {"type": "keyword", "ignore_above": 256}
    assert properties["object"] == {
        "properties": {"inner": {"properties": {"deep": {"type": "long"}}}}
    }


def test_null_says_nothing_about_a_type():
    """The first value does."""
    batch = build({"a": None}, {"a": []}, {"a": [None]}, {"a": 1})
    assert types_of(batch) == {"a": "long"}
    assert values_of(batch, "a") == [None, None, None, 1]


def test_a_long_field_cuts_fractions_and_an_import_widens_instead():
    """Elasticsearch cuts; numbers of one file belong together."""
    assert values_of(build({"a": 1}, {"a": -2.7}), "a") == [1, -2]
    widened = build({"a": 1}, {"a": -2.7}, widen=True)
    assert types_of(widened) == {"a": "double"}
    assert values_of(widened, "a") == [1.0, -2.7]


def test_arrays_make_lists_of_more_than_one_value():
    """One value in brackets is that value."""
    batch = build({"a": [1]}, {"a": [2, 3]}, {"a": 4}, {"b": [[5], [6, [7]]]}, {"b": ["8"]})
    assert values_of(batch, "a") == [[1], [2, 3], [4], None, None]
    assert values_of(batch, "b") == [None, None, None, [5, 6, 7], [8]]
    single = build({"a": [1]}, {"a": 2})
    assert not single.mapping.leaves["a"].multi
    assert values_of(single, "a") == [1, 2]


def test_a_field_of_lists_may_get_no_value_that_fits():
    """Each document fails for itself; the batch is written."""
    mapping = build({"a": [1, 2]}).mapping
    batch = build({"a": "none"}, {"a": ["no", "number"]}, {"b": 1}, mapping=mapping)
    assert sorted(batch.errors) == [0, 1]
    assert values_of(batch, "b") == [None, None, 1]


def test_arrays_of_objects_become_lists_per_leaf():
    """In the order of the objects, whatever keys each of them has."""
    batch = build({"p": [{"a": 1, "b": "x"}, {"b": "y"}, {"b": None, "a": 3}]}, {"p": {"a": 4}})
    assert values_of(batch, "p.a") == [[1, 3], [4]]
    assert values_of(batch, "p.b") == [["x", "y"], None]


def test_nested_objects_become_parallel_lists():
    """Element i of each list belongs to object i; null where it has no such field."""
    mapping = parse_mapping(
        {"properties": {"n": {"type": "nested", "properties": {"a": {"type": "long"}}}}}
    )
    batch = build(
        {"n": [{"a": 1, "b": "x"}, {"b": "y"}, {}]}, {"n": {"a": 4}}, {}, {"n": []}, mapping=mapping
    )
    assert values_of(batch, "n.a") == [[1, None, None], [4], None, None]
    assert values_of(batch, "n.b") == [["x", "y", None], [None], None, None]
    assert batch.mapping.leaves["n.b"].nested_path == "n"


def error_of(batch, row=0):
    return batch.errors[row].to_json()


@pytest.mark.parametrize(
    ("type_", "value", "cause"),
    [
        ("long", "abc", 'For input string: "abc"'),
        (
            "long",
            True,
            "Current token (VALUE_TRUE) not numeric, can not use numeric value accessors",
        ),
        ("byte", 128, "Value [128] is out of range for a byte"),
        ("integer", 2**31, "Value [2147483648] is out of range for an integer"),
        ("double", "1e999", "[double] supports only finite values, but got [1e999]"),
        ("boolean", 1, "Failed to parse value [1] as only [true] or [false] are allowed."),
        ("ip", "1.2.3", "'1.2.3' is not an IP string literal."),
        ("keyword", {"a": 1}, "Can't get text on a START_OBJECT"),
        (
            "date",
            "x",
            "failed to parse date field [x] with format [strict_date_optional_time||epoch_millis]",
        ),
    ],
)
def test_a_value_that_does_not_fit_fails_its_document_alone(type_, value, cause):
    """With Elasticsearch's message; the others are written."""
    mapping = parse_mapping({"properties": {"f": {"type": type_}}})
    batch = build({"f": value, "new": 1}, {"g": 1}, mapping=mapping)
    assert list(batch.errors) == [0]
    error = error_of(batch)
    assert error["type"] == "mapper_parsing_exception"
    assert error["reason"].startswith(
        f"failed to parse field [f] of type [{type_}] in document with id 'd0'. "
        "Preview of field's value: "
    )
    assert error["caused_by"]["reason"] == cause
    assert set(batch.mapping.leaves) == {"f", "g"}, "a document that fails adds no field"


@pytest.mark.parametrize(
    ("type_", "given_value", "stored"),
    [
        ("long", "12", 12),
        ("long", "12.9", 12),
        ("long", "", None),
        ("double", "1.5", 1.5),
        ("double", 2**60, float(2**60)),
        ("scaled_float", 1.239, 1.24),
        ("keyword", 5, "5"),
        ("keyword", True, "true"),
        ("text", 1.5, "1.5"),
        ("boolean", "false", False),
        ("boolean", "", False),
        ("ip", "2001:DB8::0:1", "2001:db8::1"),
        ("date", "1500000", 1500000),
        ("date", 1500, 1500),
        ("date", 1500.7, 1500),
    ],
)
def test_values_are_coerced_to_their_field(type_, given_value, stored):
    """As Elasticsearch does it."""
    parameters = {"scaling_factor": 100} if type_ == "scaled_float" else {}
    mapping = parse_mapping({"properties": {"f": {"type": type_, **parameters}}})
    batch = build({"f": given_value}, mapping=mapping)
    assert not batch.errors
    assert values_of(batch, "f") == [stored]


def test_names_are_objects_or_leaves_by_their_first_document():
    """The other document fails, in either order, in one batch or in two."""
    batch = build({"a": 1}, {"a": {"b": 1}}, {"a": 2})
    assert error_of(batch, 1)["reason"].startswith("failed to parse field [a] of type [long]")
    batch = build({"a": 1}, {"a.b": 1}, {"a": 2})
    assert error_of(batch, 1)["reason"].startswith("Could not dynamically add mapping for field")
    batch = build({"a": {"b": 1}}, {"a": 1}, {"a": {"b": 2}})
    assert error_of(batch, 1)["reason"] == (
        "object mapping for [a] tried to parse field [a] as object, but found a concrete value"
    )
    later = build({"a": 1}, mapping=batch.mapping)
    assert error_of(later)["reason"] == error_of(batch, 1)["reason"]


def test_strict_and_false_mappings_get_no_new_fields():
    """Strict refuses the document, false keeps it."""
    strict = build({"a": 1, "o": {"b": 1}}, mapping=parse_mapping({"dynamic": "strict"}))
    assert error_of(strict) == {
        "type": "strict_dynamic_mapping_exception",
        "reason": "mapping set to strict, dynamic introduction of [a] within [_doc] is not allowed",
    }
    kept = build({"a": 1}, mapping=parse_mapping({"dynamic": False}))
    assert not kept.errors
    assert not kept.columns


def test_disabled_objects_are_not_looked_into():
    """Whatever is in them."""
    mapping = parse_mapping({"properties": {"raw": {"type": "object", "enabled": False}}})
    batch = build({"raw": {"a": 1}}, {"raw": {"a": "x"}}, {"raw": 5}, mapping=mapping)
    assert not batch.errors
    assert not batch.columns


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"_id": 1}, "is a metadata field"),
        ({"": 1}, "cannot be empty"),
        ({"a..b": 1}, "cannot be empty"),
        ({f"f{number}": 1 for number in range(1001)}, r"Limit of total fields \[1000\]"),
    ],
)
def test_documents_that_no_mapping_can_hold(document, reason):
    """Refused one by one."""
    batch = build({"ok": 1}, document)
    assert list(batch.errors) == [1]
    assert pytest.importorskip("re").search(reason, str(error_of(batch, 1)))


def test_depth_is_limited():
    """A document of a thousand levels is an error of its own, not a crash."""
    deep = {"a": 1}
    for _ in range(900):
        deep = {"a": deep}
    assert "depth" in error_of(build(deep))["reason"]


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**64 - 1),
    st.floats(allow_nan=False),
    st.sampled_from(["x", "2020-01-01T00:00:00Z", "12", ""]),
    st.text(max_size=4),
)
NAMES = st.sampled_from(["a", "b", "A", "a.b", "o", "n"])
DOCUMENTS = st.lists(
    st.dictionaries(
        NAMES,
        st.recursive(
            SCALARS,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)
MAPPINGS = st.sampled_from(
    [
        {},
        {"properties": {"n": {"type": "nested", "properties": {"a": {"type": "long"}}}}},
        {"properties": {"a": {"type": "double"}, "o": {"type": "object", "enabled": False}}},
        {"dynamic": "strict", "properties": {"a": {"type": "keyword"}, "b": {"type": "date"}}},
    ]
)


def plain_leaves(value, path=""):
    """Yield path and scalar of every leaf, the obvious way."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from plain_leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from plain_leaves(inner, path)
    elif value is not None:
        yield path, value


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, MAPPINGS)
def test_any_documents_become_columns_or_errors(documents, body):
    """No exception; every document without an error has all its mapped leaves, counted plainly."""
    mapping = parse_mapping(body)
    batch = build(*documents, mapping=mapping)
    for row, document in enumerate(documents):
        if row in batch.errors:
            continue
        counts = {}
        for path, value in plain_leaves(document):
            leaf = batch.mapping.leaves.get(path)
            if leaf is not None and not (leaf.kind is not FieldKind.KEYWORD and value == ""):
                counts[path] = counts.get(path, 0) + 1
        for column in batch.columns:
            if column.leaf.kind in (FieldKind.TEXT, FieldKind.BOOLEAN):
                continue
            value = values_of(batch, column.leaf.path)[row]
            if column.leaf.multi:
                found = sum(each is not None for each in value or [])
            else:
                found = int(value is not None)
            assert found == counts.get(column.leaf.path, 0), column.leaf.path


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS, MAPPINGS)
def test_a_batch_is_as_good_as_its_documents_one_after_the_other(documents, body):
    """Same errors, same fields, same types."""
    mapping = parse_mapping(body)
    batch = build(*documents, mapping=mapping)
    failed = set()
    for row, document in enumerate(documents):
        single = build(document, mapping=mapping)
        if single.errors:
            failed.add(row)
        else:
            mapping = single.mapping
    assert set(batch.errors) == failed
    assert {p: leaf.type for p, leaf in batch.mapping.leaves.items()} == {
        p: leaf.type for p, leaf in mapping.leaves.items()
    }
