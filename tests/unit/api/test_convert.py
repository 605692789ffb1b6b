"""Documents to messages and back, for every message of the package."""

from __future__ import annotations

import math
from typing import Any

import pytest
from google.protobuf import struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.api.convert import to_document, to_message
from anomalyd.errors import IllegalArgument
from anomalyd.v1 import (
    common_pb2,
    detector_pb2,
    detector_service_pb2,
    index_pb2,
    profile_pb2,
    result_pb2,
    result_service_pb2,
    stats_service_pb2,
    task_pb2,
    task_service_pb2,
)

MESSAGES: list[type[Message]] = [
    detector_pb2.Detector,
    detector_service_pb2.GetDetectorResponse,
    detector_service_pb2.ValidateDetectorResponse,
    detector_service_pb2.SearchDetectorsResponse,
    task_pb2.Task,
    task_service_pb2.SearchTasksResponse,
    result_pb2.AnomalyResult,
    result_service_pb2.SearchResultsResponse,
    result_service_pb2.GetTopAnomaliesResponse,
    stats_service_pb2.GetStatsResponse,
    profile_pb2.DetectorProfile,
    common_pb2.SearchBody,
    index_pb2.BulkItem,
]

DETECTOR: dict[str, Any] = {
    "name": "test-detector",
    "indices": ["server_log*"],
    "filter_query": {"range": {"value": {"from": 1, "to": None, "include_lower": False}}},
    "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
    "shingle_size": 8,
    "schema_version": 0,
    "feature_attributes": [
        {
            "feature_id": "U0HKTXwBwf_U8gjUXY2m",
            "feature_name": "test",
            "feature_enabled": False,
            "aggregation_query": {"test": {"sum": {"field": "value"}}},
        }
    ],
    "last_update_time": 1633392680364,
    "user": {"name": "admin", "roles": ["own_index", "all_access"]},
    "detector_type": "SINGLE_ENTITY",
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
BOUNDS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
}


def documents(descriptor: Any, depth: int = 4) -> st.SearchStrategy[dict[str, Any]]:
    """Any document of a message's form; fields that nothing can be said of are left out."""
    fields = {
        key_of(field): values(field, depth)
        for field in descriptor.fields
        if field.message_type is None
        or depth > 0
        or field.message_type.full_name.startswith("google.protobuf.")
    }
    return st.fixed_dictionaries({}, optional=fields)


def key_of(field: Any) -> str:
    return field.GetOptions().Extensions[common_pb2.document_key] or field.name


def values(field: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value = single(field.message_type.fields_by_name["value"], depth)
        return st.dictionaries(texts, value, min_size=1, max_size=2)
    one = single(field, depth)
    return st.lists(one, min_size=1, max_size=2) if field.is_repeated else one


def single(field: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Struct":
            return st.dictionaries(texts, json_values, max_size=3)
        if field.message_type.full_name == "google.protobuf.Value":
            return json_values.filter(lambda value: value is not None)
        return documents(field.message_type, depth - 1)
    if field.enum_type is not None:
        prefix = field.enum_type.values[0].name.removesuffix("UNSPECIFIED")
        return st.sampled_from(
            [
                value.GetOptions().Extensions[common_pb2.document_value]
                or value.name.removeprefix(prefix)
                for value in field.enum_type.values[1:]
            ]
        )
    if field.cpp_type in BOUNDS:
        return st.integers(*BOUNDS[field.cpp_type])
    return {
        FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
        FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
        FieldDescriptor.CPPTYPE_STRING: texts,
    }[field.cpp_type]


@pytest.mark.parametrize("message_type", MESSAGES, ids=lambda each: each.DESCRIPTOR.name)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_document_comes_back_as_it_went_in(message_type: type[Message], data: Any) -> None:
    """Whatever a document of the form holds survives message, wire and back, absence included."""
    document = data.draw(documents(message_type.DESCRIPTOR))
    message, unknown = to_message(document, message_type)
    assert unknown == ()
    wired = message_type.FromString(message.SerializeToString())
    assert to_document(wired) == document


@given(json_values)
@settings(deadline=None)
def test_any_json_either_converts_or_names_its_field(value: Any) -> None:
    """No JSON whatsoever raises anything but our own error."""
    for key in ("name", "indices", "filter_query", "detection_interval", "detector_type"):
        assert (refused_field({key: value}) or key).startswith(key)


def refused_field(document: dict[str, Any]) -> str | None:
    """Convert there and back; return the field that is refused."""
    try:
        message, _ = to_message(document, detector_pb2.Detector)
    except IllegalArgument as error:
        return error.field
    to_document(message)
    return None


def test_a_detector_converts_field_by_field() -> None:
    """Names are the document's, enums are texts, times are integers, 0 and false are kept."""
    message, unknown = to_message(DETECTOR, detector_pb2.Detector)
    assert unknown == ()
    assert message.detector_type == detector_pb2.DETECTOR_TYPE_SINGLE_ENTITY
    assert message.detection_interval.period.unit == common_pb2.TIME_UNIT_MINUTES
    assert message.last_update_time == 1633392680364
    assert message.HasField("schema_version")
    assert message.feature_attributes[0].HasField("feature_enabled")
    assert not message.HasField("description")
    assert to_document(message) == DETECTOR


def test_keys_that_no_proto_field_may_have() -> None:
    """``_id``, ``_source`` and ``from`` stand in the document as the option says."""
    hit, _ = to_message({"_id": "a", "_seq_no": 0, "_source": {}}, detector_pb2.DetectorHit)
    assert (hit.id, hit.seq_no, hit.HasField("source")) == ("a", 0, True)
    assert to_document(hit) == {"_id": "a", "_seq_no": 0, "_source": {}}
    body, _ = to_message({"from": 10, "_source": ["name"]}, common_pb2.SearchBody)
    assert body.offset == 10
    assert to_document(body) == {"from": 10, "_source": ["name"]}


def test_unknown_keys_are_reported_with_their_paths() -> None:
    """Nothing is dropped in silence."""
    document = {"name": "x", "colour": 1, "feature_attributes": [{"feature_name": "f", "size": 2}]}
    message, unknown = to_message(document, detector_pb2.Detector)
    assert unknown == ("colour", "feature_attributes[0].size")
    assert message.name == "x"


def test_null_is_absent() -> None:
    """A key with null leaves the field unset."""
    message, unknown = to_message({"name": None, "user": None}, detector_pb2.Detector)
    assert unknown == ()
    assert message == detector_pb2.Detector()


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"shingle_size": "8"}, "shingle_size"),
        ({"shingle_size": 8.0}, "shingle_size"),
        ({"shingle_size": True}, "shingle_size"),
        ({"shingle_size": 2**31}, "shingle_size"),
        ({"name": 1}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"indices": "a"}, "indices"),
        ({"indices": ["a", 1]}, "indices[1]"),
        ({"filter_query": []}, "filter_query"),
        ({"user": "admin"}, "user"),
        ({"detector_type": "SOMETHING"}, "detector_type"),
        ({"detector_type": "UNSPECIFIED"}, "detector_type"),
        (
            {"feature_attributes": [{"feature_enabled": "yes"}]},
            "feature_attributes[0].feature_enabled",
        ),
        ({"detection_interval": {"period": {"unit": 1}}}, "detection_interval.period.unit"),
    ],
    ids=str,
)
def test_a_wrong_type_names_its_field(document: dict[str, Any], field: str) -> None:
    """The error says which field, what it must be and what it is."""
    with pytest.raises(IllegalArgument) as caught:
        to_message(document, detector_pb2.Detector)
    assert caught.value.field == field
    assert f"[{field}]" in caught.value.reason


def test_whole_numbers_of_a_struct_are_integers() -> None:
    """A Struct has doubles only; a size or a time must still reach the parser as an integer."""
    body = common_pb2.SearchBody()
    body.query.update({"range": {"t": {"gte": 1633392680364, "boost": 1.5}}})
    document = to_document(body)
    assert document == {"query": {"range": {"t": {"gte": 1633392680364, "boost": 1.5}}}}
    assert isinstance(document["query"]["range"]["t"]["gte"], int)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_have_are_refused(number: float) -> None:
    """NaN and infinities cannot pass from a message into a document."""
    with pytest.raises(IllegalArgument, match="anomaly_grade"):
        to_document(result_pb2.AnomalyResult(anomaly_grade=number))
    held = struct_pb2.Struct()
    held.update({"a": number})
    with pytest.raises(IllegalArgument, match="filter_query"):
        to_document(detector_pb2.Detector(filter_query=held))


def test_an_enum_value_of_a_newer_version_is_refused() -> None:
    """A number that this version has no name for is an error that names the field."""
    with pytest.raises(IllegalArgument, match="detector_type"):
        to_document(detector_pb2.Detector(detector_type=99))  # type: ignore[arg-type]


def test_fields_can_be_left_out() -> None:
    """What is not part of the document's body stays outside."""
    request = result_service_pb2.GetTopAnomaliesRequest(detector_id="d", historical=True, size=3)
    assert to_document(request, without=frozenset({"detector_id", "historical"})) == {"size": 3}
