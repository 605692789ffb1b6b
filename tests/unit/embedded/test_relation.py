"""Several indices seen as one table."""

import orjson
import pytest

from anomalyd.errors import IndexNotFound
from anomalyd.query.fields import FieldKind
from anomalyd.source.embedded import EmbeddedSource


@pytest.fixture
def mixed(indices, catalogue):
    """Indices whose fields agree, differ in type, or are missing."""
    indices.index_document("m-1", b'{"same":1,"number":1,"many":"a","odd":5,"only":"x"}', id="1")
    indices.index_document("m-2", b'{"same":2,"number":1.5,"many":["b","c"],"odd":"t"}', id="2")
    return indices


def hits(indices, query):
    found = indices.search(["m-*"], {"query": query, "sort": ["_id"]})
    return [hit["_id"] for hit in found["hits"]["hits"]]


def test_fields_of_another_type_meet_in_the_wider_one(mixed):
    """Long and double as double, one value and many as many, the rest as text."""
    assert hits(mixed, {"range": {"number": {"gte": 1.2}}}) == ["2"]
    assert hits(mixed, {"range": {"number": {"gte": 1}}}) == ["1", "2"]
    assert hits(mixed, {"terms": {"many.keyword": ["a", "c"]}}) == ["1", "2"]
    assert hits(mixed, {"term": {"odd": "5"}}) == ["1"]
    assert hits(mixed, {"term": {"odd": "t"}}) == ["2"]


def test_a_field_that_one_index_lacks_is_missing_there(mixed):
    """And found in the other."""
    assert hits(mixed, {"exists": {"field": "only"}}) == ["1"]
    assert hits(mixed, {"bool": {"must_not": {"exists": {"field": "only"}}}}) == ["2"]


def test_aggregations_run_over_all_of_them(mixed):
    """With `_index` known per hit."""
    answer = mixed.search(["m-*"], {"size": 0, "aggs": {"s": {"sum": {"field": "number"}}}})
    assert answer["aggregations"]["s"]["value"] == 2.5
    assert answer["_shards"]["total"] == 2


def test_fields_that_differ_in_case_alone_stay_apart(indices):
    """Also across indices."""
    indices.index_document("m-1", b'{"Host":"x"}', id="1")
    indices.index_document("m-2", b'{"host":"x"}', id="2")
    assert hits(indices, {"term": {"Host.keyword": "x"}}) == ["1"]
    assert hits(indices, {"term": {"host.keyword": "x"}}) == ["2"]


def test_no_index_at_all_reads_as_empty(indices):
    """A pattern may match nothing, a name must be there."""
    assert indices.search(["none-*"], {})["hits"]["total"]["value"] == 0
    assert indices.count(["none-*"], {"term": {"a": 1}}) == 0
    with pytest.raises(IndexNotFound):
        indices.search(["none"], {})


def test_a_column_that_becomes_a_list_is_still_the_same_field(indices):
    """Documents from before read as arrays of one."""
    for number, value in enumerate(["1", "2", "[3,4]"]):
        indices.index_document("m-1", b'{"v":%s}' % value.encode(), id=str(number))
    assert hits(indices, {"terms": {"v": [2, 4]}}) == ["1", "2"]
    assert indices.get_mapping(["m-1"])["m-1"].mapping["properties"] == {"v": {"type": "long"}}
    answer = indices.search(["m-1"], {"size": 0, "aggs": {"s": {"sum": {"field": "v"}}}})
    assert answer["aggregations"]["s"]["value"] == 10.0


@pytest.mark.parametrize("value", ['"a\\u0000b"', '"\\"]"', '"é\\ud83d\\ude00"', '""'])
def test_texts_in_arrays_come_through_unchanged(indices, value):
    """Arrays travel as JSON on their way in."""
    document = '{"v":["other",' + value + "]}"
    indices.index_document("m-1", document.encode(), id="1")
    text = orjson.loads(document)["v"][1]
    assert hits(indices, {"term": {"v.keyword": text}}) == ["1"]


def test_kinds_of_merged_fields(mixed, catalogue):
    """What the source tells about the fields of a pattern."""
    kinds = EmbeddedSource(catalogue, now=lambda: 0).field_kinds(["m-*"])
    assert kinds["number"] is FieldKind.DOUBLE
    assert kinds["same"] is FieldKind.LONG
    assert kinds["odd"] is FieldKind.KEYWORD
    assert kinds["only.keyword"] is FieldKind.KEYWORD


def test_a_field_counts_before_a_sub_field_of_the_same_name(indices):
    """One index has ``keyword`` below a text, another one as a field of an object."""
    text = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
    indices.create_index("m-2", {"mappings": {"properties": {"a": text}}})
    inner = {"properties": {"keyword": {"type": "long"}}}
    indices.create_index("m-1", {"mappings": {"properties": {"a": inner}}})
    indices.index_document("m-1", b'{"a":{"keyword":7}}', id="2")
    found = hits(indices, {"range": {"a.keyword": {"gte": 7, "lte": 7}}})
    assert found == ["2"]
