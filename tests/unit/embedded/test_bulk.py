"""Bulk requests: bodies, items, versions."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.embedded.bulk_body import parse_bulk
from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.errors import ActionInvalid, AnomalydError, IllegalArgument
from anomalyd.source.embedded import EmbeddedIndices


def body(*lines):
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def outcome(indices, *lines, index="logs"):
    """Return (status, result or error type) per item."""
    items = indices.bulk(body(*lines), default_index=index).items
    return [(item.status, item.result or item.error["type"]) for item in items]


def test_each_action_does_what_elasticsearch_does(indices):
    """Status and result per item, in the order of the request."""
    assert outcome(
        indices,
        {"index": {"_id": "1"}}, {"n": 1},
        {"create": {"_id": "1"}}, {"n": 2},
        {"create": {"_id": "2"}}, {"n": 2},
        {"index": {"_id": "1"}}, {"n": 3},
        {"update": {"_id": "1"}}, {"doc": {"o": {"a": 1}}},
        {"update": {"_id": "1"}}, {"doc": {"o": {"b": 2}}},
        {"update": {"_id": "1"}}, {"doc": {"o": {"b": 2}}},
        {"update": {"_id": "9"}}, {"doc": {"n": 1}},
        {"update": {"_id": "3"}}, {"doc": {"n": 1}, "doc_as_upsert": True},
        {"update": {"_id": "4"}}, {"doc": {"n": 1}, "upsert": {"n": 7}},
        {"update": {"_id": "4"}}, {"script": "x"},
        {"delete": {"_id": "2"}},
        {"delete": {"_id": "2"}},
        {"index": {}}, {"n": "x"},
    ) == [
        (201, "created"),
        (409, "version_conflict_engine_exception"),
        (201, "created"),
        (200, "updated"),
        (200, "updated"),
        (200, "updated"),
        (200, "noop"),
        (404, "document_missing_exception"),
        (201, "created"),
        (201, "created"),
        (400, "x_content_parse_exception"),
        (200, "deleted"),
        (404, "not_found"),
        (400, "mapper_parsing_exception"),
    ]  # fmt: skip
    found = indices.get_document("logs", "1")
    assert found["_source"] == {"n": 3, "o": {"a": 1, "b": 2}}
    assert found["_version"] == 4
    assert indices.get_document("logs", "2") is None
    assert indices.get_document("logs", "4")["_source"] == {"n": 7}


def test_a_replacement_that_does_not_fit_keeps_the_old_document(indices):
    """A failed item changes nothing."""
    indices.bulk(body({"index": {"_id": "1"}}, {"n": 1}), default_index="logs")
    failed = outcome(indices, {"index": {"_id": "1"}}, {"n": "abc"})
    assert failed == [(400, "mapper_parsing_exception")]
    assert indices.get_document("logs", "1")["_source"] == {"n": 1}


def test_sequence_numbers_rise_and_survive(tmp_path):
    """Per index, one for each write, also after a restart."""
    for start in (0, 4):
        with Database(tmp_path / "x.duckdb") as database:
            indices = EmbeddedIndices(Catalogue(database), ids=CountedIds(bytes), now=lambda: 0)
            items = indices.bulk(
                body(
                    {"index": {"_id": "1"}},
                    {"n": 1},
                    {"index": {"_id": "2"}},
                    {"n": "x"},
                    {"index": {"_id": "2"}},
                    {"n": 1},
                    {"index": {"_id": "1"}},
                    {"n": 2},
                    {"delete": {"_id": "1"}},
                ),
                default_index="logs",
            ).items
            assert [item.seq_no for item in items if item.error is None] == [
                start, start + 1, start + 2, start + 3,
            ]  # fmt: skip
            assert items[-1].version == 3


def test_if_seq_no_guards_a_write(indices):
    """Refused with the version that is there."""
    indices.bulk(body({"index": {"_id": "1"}}, {"n": 1}), default_index="logs")
    assert outcome(
        indices,
        {"index": {"_id": "1", "if_seq_no": 5, "if_primary_term": 1}}, {"n": 2},
        {"index": {"_id": "1", "if_seq_no": 0, "if_primary_term": 1}}, {"n": 3},
        {"index": {"_id": "2", "if_seq_no": 0, "if_primary_term": 1}}, {"n": 3},
    ) == [
        (409, "version_conflict_engine_exception"),
        (200, "updated"),
        (409, "version_conflict_engine_exception"),
    ]  # fmt: skip


def test_items_name_their_index(indices):
    """Several indices in one request; bad names fail alone."""
    items = indices.bulk(
        body(
            {"index": {"_index": "b"}},
            {"n": 1},
            {"index": {"_index": "UPPER"}},
            {"n": 1},
            {"delete": {"_index": "nowhere", "_id": "1"}},
            {"index": {"_index": "a"}},
            {"n": 1},
        )
    ).items
    assert [(item.index, item.status) for item in items] == [
        ("b", 201), ("UPPER", 400), ("nowhere", 404), ("a", 201),
    ]  # fmt: skip
    assert items[1].error["type"] == "invalid_index_name_exception"
    assert items[2].error["type"] == "index_not_found_exception"
    assert indices.exists(["a,b"])
    assert not indices.exists(["nowhere"])


def test_source_lines_that_are_no_documents_fail_alone(indices):
    """The next action is read as one."""
    text = (
        b'{"index":{}}\n{"n":\n{"index":{}}\n[1]\n{"index":{"_id":""}}\n{}\n{"index":{}}\n{"n":1}\n'
    )
    items = indices.bulk(text, default_index="logs").items
    assert [item.status for item in items] == [400, 400, 400, 201]
    assert items[0].error["reason"] == "failed to parse"
    assert items[0].error["caused_by"]["type"] == "json_parse_exception"


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        (b"", ActionInvalid, "no requests added"),
        (b"\n \n", ActionInvalid, "no requests added"),
        (b'{"index":{}}\n{}', IllegalArgument, "terminated by a newline"),
        (b"x\n", IllegalArgument, r"Malformed action/metadata line \[3\]"),
        (b"5\n", IllegalArgument, r"Malformed action/metadata line \[3\], expected one action"),
        (b'{"index":5}\n{}\n', IllegalArgument, "expected START_OBJECT"),
        (b'{"put":{}}\n{}\n', IllegalArgument, r"but found \[put\]"),
        (b'{"index":{"x":1}}\n{}\n', IllegalArgument, r"unknown parameter \[x\]"),
        (b'{"index":{"if_seq_no":"1"}}\n{}\n', IllegalArgument, "must be a number"),
        (b'{"delete":{}}\n', ActionInvalid, "id is missing"),
        (b"\xff\n", IllegalArgument, "UTF-8"),
    ],
)
def test_a_body_that_is_no_bulk_body_is_refused_whole(indices, text, error, reason):
    """And nothing is written."""
    with pytest.raises(error, match=reason):
        indices.bulk(b'{"index":{}}\n{"n":1}\n' * bool(text.strip()) + text, default_index="logs")
    assert not indices.exists(["logs"])


def test_an_action_without_index_needs_a_default(indices):
    """Elasticsearch's message."""
    with pytest.raises(ActionInvalid, match="1: index is missing;"):
        indices.bulk(b'{"index":{}}\n{"n":1}\n')


@given(st.binary(max_size=60))
def test_any_bytes_are_operations_or_an_error_of_ours(text):
    """Never another exception."""
    try:
        operations = parse_bulk(text + b"\n", "logs")
    except AnomalydError:
        return
    assert all(operation.index for operation in operations)


actions = st.lists(
    st.tuples(
        st.sampled_from(["index", "create", "update", "delete"]),
        st.sampled_from(["1", "2", "3", None]),
        st.sampled_from([{"n": 1}, {"n": 2}, {"n": "bad"}, {"m": [1, 2]}]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(actions)
def test_a_request_is_as_good_as_its_actions_one_after_the_other(steps):
    """Batching shows nowhere: same statuses, versions and documents."""
    lines = []
    for action, id, document in steps:
        id = "1" if id is None and action in ("update", "delete") else id
        lines.append([{action: {} if id is None else {"_id": id}}])
        if action != "delete":
            lines[-1].append({"doc": document} if action == "update" else document)
    with Database() as together, Database() as apart:
        one = EmbeddedIndices(Catalogue(together), ids=CountedIds(bytes), now=lambda: 0)
        many = EmbeddedIndices(Catalogue(apart), ids=CountedIds(bytes), now=lambda: 0)
        for each in (one, many):
            each.create_index("logs", {})
        whole = one.bulk(body(*(x for line in lines for x in line)), default_index="logs").items
        single = [many.bulk(body(*line), default_index="logs").items[0] for line in lines]
        assert [(i.status, i.result, i.version) for i in whole] == [
            (i.status, i.result, i.version) for i in single
        ]
        for id in ("1", "2", "3"):
            left, right = one.get_document("logs", id), many.get_document("logs", id)
            assert (left and left["_source"]) == (right and right["_source"])
        assert one.count(["logs"], None) == many.count(["logs"], None)


def test_reserved_indices_are_refused_item_by_item():
    """However the name is spelt in the action line; the other documents are written."""
    with Database(None) as database:
        indices = EmbeddedIndices(
            Catalogue(database), ids=CountedIds(bytes), now=lambda: 0, reserved_prefix=".ours-"
        )
        text = (
            b'{"index":{"_index":".ours-detectors"}}\n{"n":1}\n'
            b'{"index":{"_index":"\\u002eours-detectors","_id":"1"}}\n{"n":1}\n'
            b'{"delete":{"_index":".ours-detectors","_id":"1"}}\n'
            b'{"index":{}}\n{"n":1}\n'
        )
        items = indices.bulk(text, default_index="logs").items
        assert [item.status for item in items] == [400, 400, 400, 201]
        assert "kept by anomalyd" in str(items[0].error)
        assert not indices.exists([".ours-detectors"])


def test_an_action_without_its_source_line_refuses_the_whole_body(indices):
    """Nothing is written, not even the documents before it."""
    with pytest.raises(IllegalArgument, match="expected a source line after it"):
        indices.bulk(b'{"index":{}}\n{"n":1}\n{"index":{}}\n', default_index="logs")
    assert not indices.exists(["logs"])
