"""Describes the REST API in OpenAPI 3.0, from the routes of ``rest.proto`` and the messages.

``python -m anomalyd.api.openapi`` prints it. Bodies are the documents that the typed messages
mirror; they may hold more keys, which are dropped with a warning or refused by name.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from anomalyd.api.rest.routes import Route, declared_routes
from anomalyd.v1 import common_pb2, detector_pb2, detector_service_pb2, result_service_pb2

Schema = dict[str, Any]
PREFIX = "/_plugins/_anomaly_detection"
"""Paths below it are the same once more, and are left out."""

_VARIABLE = re.compile(r"\{(\w+)\}")
_FLAG: Schema = {"type": "boolean"}
_TEXT: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer"}
_OBJECT: Schema = {"type": "object"}

_COMMON: Mapping[str, Schema] = {
    "pretty": _FLAG,
    "filter_path": _TEXT,
    "format": {"type": "string", "enum": ["json", "yaml"]},
}
_SEARCHED: Mapping[str, Schema] = {"from": _INTEGER, "size": _INTEGER, "track_total_hits": _TEXT}
_ALL_OR_NAMED: Mapping[str, Schema] = {"_all": _FLAG, "category_field": _TEXT, "entity": _TEXT}
_PARAMETERS: Mapping[str, Mapping[str, Schema]] = {
    "GetDetector": {"job": _FLAG, "task": _FLAG},
    "UpdateDetector": {"if_seq_no": _INTEGER, "if_primary_term": _INTEGER},
    "MatchDetector": {"name": _TEXT},
    "StopDetector": {"historical": _FLAG},
    "GetProfile": _ALL_OR_NAMED,
    "SearchResults": {"only_query_custom_result_index": _FLAG},
    "GetTopAnomalies": {"historical": _FLAG},
    "GetSettings": {"include_defaults": _FLAG, "flat_settings": _FLAG},
    "ChangeSettings": {"flat_settings": _FLAG},
    "SearchDocuments": _SEARCHED,
}

_BODIES: Mapping[str, type[Message]] = {
    "CreateDetector": detector_pb2.Detector,
    "UpdateDetector": detector_pb2.Detector,
    "ValidateDetector": detector_pb2.Detector,
    "SuggestParameters": detector_pb2.Detector,
    "PreviewDetector": detector_service_pb2.PreviewDetectorRequest,
    "StartDetector": common_pb2.DetectionDateRange,
    "SearchDetectors": common_pb2.SearchBody,
    "SearchTasks": common_pb2.SearchBody,
    "SearchResults": common_pb2.SearchBody,
    "SearchDocuments": common_pb2.SearchBody,
    "GetTopAnomalies": result_service_pb2.GetTopAnomaliesRequest,
    "DeleteResults": result_service_pb2.DeleteResultsRequest,
}
_WITHOUT_BODY = frozenset({"GetMetrics", "GetHealth", "GetDashboard", "GetInfo", "WatchResults"})


def describe(version: str) -> Schema:
    """Return the description.

    Args:
        version: of anomalyd.
    """
    schemas: dict[str, Schema] = {}
    paths: dict[str, dict[str, Schema]] = {}
    for route in declared_routes():
        if not route.template.startswith(PREFIX):
            here = paths.setdefault(route.template, {})
            here[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.0.3",
        "info": {"title": "anomalyd", "version": version},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _operation(route: Route, schemas: dict[str, Schema]) -> Schema:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {**_TEXT, "minLength": 1}}
        for name in _VARIABLE.findall(route.template)
    ]
    query = {**_COMMON, **_PARAMETERS.get(route.operation, {})}
    in_query = [{"name": name, "in": "query", "schema": kind} for name, kind in query.items()]
    described: Schema = {
        "operationId": f"{route.operation}:{route.method}:{route.template}",
        "tags": [route.operation],
        "parameters": [*in_path, *in_query],
        "responses": {"default": {"description": "A document, or Elasticsearch's form of errors"}},
    }
    if route.method not in ("HEAD", "DELETE") and route.operation not in _WITHOUT_BODY:
        body = _BODIES.get(route.operation)
        schema = _OBJECT if body is None else _reference(body.DESCRIPTOR, schemas)
        described["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    elif route.operation == "DeleteResults":
        schema = _reference(_BODIES[route.operation].DESCRIPTOR, schemas)
        described["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return described


def _reference(message: Any, schemas: dict[str, Schema]) -> Schema:
    """Return a reference to the schema of a message's descriptor, described when it is not yet."""
    if message.full_name == struct_pb2.Struct.DESCRIPTOR.full_name:
        return dict(_OBJECT)
    if message.full_name == struct_pb2.Value.DESCRIPTOR.full_name:
        return {}
    if message.name not in schemas:
        described: Schema = {"type": "object"}
        schemas[message.name] = described
        fields = message.fields
        described["properties"] = {_key(field): _field(field, schemas) for field in fields}
    return {"$ref": f"#/components/schemas/{message.name}"}


def _key(field: FieldDescriptor) -> str:
    options: Any = field.GetOptions()
    return str(options.Extensions[common_pb2.document_key]) or field.name


def _field(field: FieldDescriptor, schemas: dict[str, Schema]) -> Schema:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        value = message.fields_by_name["value"]
        return {"type": "object", "additionalProperties": _single(value, schemas)}
    described = _single(field, schemas)
    return {"type": "array", "items": described} if field.is_repeated else described


def _single(field: FieldDescriptor, schemas: dict[str, Schema]) -> Schema:
    if field.message_type is not None:
        return _reference(field.message_type, schemas)
    if field.enum_type is not None:
        return dict(_TEXT)
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_BOOL:
            return dict(_FLAG)
        case FieldDescriptor.CPPTYPE_STRING:
            return dict(_TEXT)
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return {"type": "number"}
        case _:
            return dict(_INTEGER)


if __name__ == "__main__":
    json.dump(describe("1"), sys.stdout, indent=2)
