"""The two tables: what each error of ours is to gRPC callers and to REST callers.

Nothing else knows status codes. The most specific class in an error's inheritance counts, so a new
error class answers like its base until it gets a row of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from anomalyd import errors
from anomalyd.errors import AnomalydError

T = TypeVar("T")

DOMAIN = "anomalyd"
"""``ErrorInfo.domain`` of all our errors."""
RETRY_AFTER_SECONDS = 1
LONGEST_MESSAGE = 1000
"""Characters of an error's message over gRPC: it travels in trailers, which may have 8 KiB."""
LONGEST_DETAIL = 200
MOST_VIOLATIONS = 10
DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True)
class GrpcError:
    """A gRPC status code, and the reason that programs may branch on."""

    code: grpc.StatusCode
    reason: str


@dataclass(frozen=True)
class HttpError:
    """An HTTP status, and Elasticsearch's name of the error."""

    status: int
    type: str


GRPC_ERRORS: Mapping[type[AnomalydError], GrpcError] = {
    AnomalydError: GrpcError(grpc.StatusCode.INTERNAL, "INTERNAL"),
    errors.InvalidRequest: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"),
    errors.IllegalArgument: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "ILLEGAL_ARGUMENT"),
    errors.NumberFormatInvalid: GrpcError(
        grpc.StatusCode.INVALID_ARGUMENT, "NUMBER_FORMAT_INVALID"
    ),
    errors.ParsingError: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "PARSING_ERROR"),
    errors.MalformedJson: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_JSON"),
    errors.BodyInvalid: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "BODY_INVALID"),
    errors.DateUnreadable: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "DATE_UNREADABLE"),
    errors.FieldUnmapped: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_UNMAPPED"),
    errors.SearchFailed: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "SEARCH_FAILED"),
    errors.Forbidden: GrpcError(grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN"),
    errors.MissingBody: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "MISSING_BODY"),
    errors.DetectorInvalid: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "DETECTOR_INVALID"),
    errors.DetectorRefused: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "DETECTOR_REFUSED"),
    errors.ActionInvalid: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "ACTION_INVALID"),
    errors.MappingConflict: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "MAPPING_CONFLICT"),
    errors.IndexNameInvalid: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "INDEX_NAME_INVALID"),
    errors.IndexExists: GrpcError(grpc.StatusCode.ALREADY_EXISTS, "INDEX_EXISTS"),
    errors.StateConflict: GrpcError(grpc.StatusCode.FAILED_PRECONDITION, "STATE_CONFLICT"),
    errors.NotFound: GrpcError(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"),
    errors.IndexNotFound: GrpcError(grpc.StatusCode.NOT_FOUND, "INDEX_NOT_FOUND"),
    errors.JobNotFound: GrpcError(grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND"),
    errors.DetectorNotFound: GrpcError(grpc.StatusCode.NOT_FOUND, "DETECTOR_NOT_FOUND"),
    errors.TaskNotFound: GrpcError(grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND"),
    errors.VersionConflict: GrpcError(grpc.StatusCode.ABORTED, "VERSION_CONFLICT"),
    errors.Throttled: GrpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, "THROTTLED"),
    errors.MemoryExceeded: GrpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, "MEMORY_EXCEEDED"),
    errors.HttpError: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "HTTP_ERROR"),
    errors.NoHandler: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "NO_HANDLER"),
    errors.MethodNotAllowed: GrpcError(grpc.StatusCode.INVALID_ARGUMENT, "METHOD_NOT_ALLOWED"),
    errors.MediaTypeNotSupported: GrpcError(
        grpc.StatusCode.INVALID_ARGUMENT, "MEDIA_TYPE_NOT_SUPPORTED"
    ),
    errors.BodyTooLarge: GrpcError(grpc.StatusCode.RESOURCE_EXHAUSTED, "BODY_TOO_LARGE"),
    errors.NotImplementedYet: GrpcError(grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED_YET"),
    errors.SourceUnavailable: GrpcError(grpc.StatusCode.UNAVAILABLE, "SOURCE_UNAVAILABLE"),
    errors.CorruptState: GrpcError(grpc.StatusCode.DATA_LOSS, "CORRUPT_STATE"),
}

HTTP_ERRORS: Mapping[type[AnomalydError], HttpError] = {
    AnomalydError: HttpError(500, "status_exception"),
    errors.InvalidRequest: HttpError(400, "status_exception"),
    errors.IllegalArgument: HttpError(400, "illegal_argument_exception"),
    errors.NumberFormatInvalid: HttpError(400, "number_format_exception"),
    errors.ParsingError: HttpError(400, "parsing_exception"),
    errors.MalformedJson: HttpError(400, "json_parse_exception"),
    errors.BodyInvalid: HttpError(400, "x_content_parse_exception"),
    errors.DateUnreadable: HttpError(400, "parse_exception"),
    errors.FieldUnmapped: HttpError(400, "query_shard_exception"),
    errors.SearchFailed: HttpError(400, "search_phase_execution_exception"),
    errors.Forbidden: HttpError(403, "security_exception"),
    errors.MissingBody: HttpError(400, "parse_exception"),
    errors.DetectorInvalid: HttpError(400, "a_d_validation_exception"),
    errors.DetectorRefused: HttpError(400, "status_exception"),
    errors.ActionInvalid: HttpError(400, "action_request_validation_exception"),
    errors.MappingConflict: HttpError(400, "mapper_parsing_exception"),
    errors.IndexNameInvalid: HttpError(400, "invalid_index_name_exception"),
    errors.IndexExists: HttpError(400, "resource_already_exists_exception"),
    errors.StateConflict: HttpError(400, "status_exception"),
    errors.NotFound: HttpError(404, "resource_not_found_exception"),
    errors.IndexNotFound: HttpError(404, "index_not_found_exception"),
    errors.JobNotFound: HttpError(404, "resource_not_found_exception"),
    errors.DetectorNotFound: HttpError(404, "status_exception"),
    errors.TaskNotFound: HttpError(404, "status_exception"),
    errors.VersionConflict: HttpError(409, "version_conflict_engine_exception"),
    errors.Throttled: HttpError(429, "rejected_execution_exception"),
    errors.MemoryExceeded: HttpError(429, "circuit_breaking_exception"),
    errors.HttpError: HttpError(400, "status_exception"),
    errors.NoHandler: HttpError(400, "status_exception"),
    errors.MethodNotAllowed: HttpError(405, "status_exception"),
    errors.MediaTypeNotSupported: HttpError(406, "status_exception"),
    errors.BodyTooLarge: HttpError(413, "content_too_long_exception"),
    errors.NotImplementedYet: HttpError(501, "not_implemented_exception"),
    errors.SourceUnavailable: HttpError(503, "status_exception"),
    errors.CorruptState: HttpError(500, "status_exception"),
}

UNEXPECTED = HttpError(500, "internal_server_error")
UNEXPECTED_REASON = "an internal error occurred; the service's log has it under request id %s"


class RichStatus(grpc.Status):
    """A status as ``context.abort_with_status`` takes it."""

    def __init__(self, code: grpc.StatusCode, details: str, metadata: tuple[Any, ...]) -> None:
        self.code = code
        self.details = details
        self.trailing_metadata = metadata


def grpc_error(error: AnomalydError) -> GrpcError:
    """Return the code and reason of an error."""
    return _most_specific(GRPC_ERRORS, error)


def http_error(error: AnomalydError) -> HttpError:
    """Return the HTTP status and Elasticsearch type of an error."""
    return _most_specific(HTTP_ERRORS, error)


def rich_status(error: AnomalydError, metadata: tuple[tuple[str, str], ...]) -> RichStatus:
    """Return what a typed RPC ends with: code, message, and ``google.rpc.Status`` with details.

    Args:
        error: what the use case raised.
        metadata: further trailing metadata, such as the request id.
    """
    if isinstance(error, errors.SearchFailed):
        # shards mean nothing to gRPC callers
        error = error.cause
    known = grpc_error(error)
    message = error.reason[:LONGEST_MESSAGE]
    status = status_pb2.Status(code=known.code.value[0], message=message)
    for detail in _details(error, known):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    trailing = (*metadata, (DETAILS_KEY, status.SerializeToString()))
    return RichStatus(known.code, message, trailing)


def error_body(error: AnomalydError) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the body that REST callers get."""
    known = http_error(error)
    if isinstance(error, errors.NoHandler):
        return known.status, {"error": error.reason}
    if isinstance(error, errors.MethodNotAllowed | errors.MediaTypeNotSupported):
        return known.status, {"error": error.reason, "status": known.status}
    body = _body(known, error.reason, error.details)
    if isinstance(error, errors.SearchFailed):
        body["error"] |= _failed_shards(error.cause)
    elif isinstance(error, errors.BodyInvalid):
        body["error"] |= {**_cause(error), "root_cause": [_cause(_innermost(error), deep=False)]}
    return known.status, body


def _failed_shards(cause: AnomalydError) -> dict[str, Any]:
    """Return what Elasticsearch adds when no shard could be searched; there is one shard here."""
    shown = _cause(cause)
    return {
        "root_cause": [shown],
        "phase": "query",
        "grouped": True,
        "failed_shards": [{"shard": 0, "index": ".ml-anomalies-shared", "reason": shown}],
        "caused_by": shown,
    }


def _cause(error: AnomalydError, *, deep: bool = True) -> dict[str, Any]:
    shown = {"type": http_error(error).type, "reason": error.reason, **error.details}
    if deep and isinstance(error, errors.BodyInvalid) and error.cause is not None:
        shown["caused_by"] = _cause(error.cause)
    return shown


def _innermost(error: errors.BodyInvalid) -> errors.BodyInvalid:
    return _innermost(error.cause) if isinstance(error.cause, errors.BodyInvalid) else error


def unexpected_body(request_id: str) -> tuple[int, dict[str, Any]]:
    """Return what REST callers get for a failure of ours, whose text stays in the log."""
    return UNEXPECTED.status, _body(UNEXPECTED, UNEXPECTED_REASON % request_id, {})


def _body(known: HttpError, reason: str, details: Mapping[str, object]) -> dict[str, Any]:
    cause = {"type": known.type, "reason": reason, **details}
    return {"error": {"root_cause": [cause], **cause}, "status": known.status}


def _most_specific(table: Mapping[type[AnomalydError], T], error: AnomalydError) -> T:
    return next(table[each] for each in type(error).__mro__ if each in table)


def _details(error: AnomalydError, known: GrpcError) -> list[Message]:
    told = {key: str(value)[:LONGEST_DETAIL] for key, value in error.details.items()}
    info = error_details_pb2.ErrorInfo(reason=known.reason, domain=DOMAIN, metadata=told)
    details: list[Message] = [info]
    violations = _violations(error)
    if violations:
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if known.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
        delay = duration_pb2.Duration(seconds=RETRY_AFTER_SECONDS)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return details


def _violations(error: AnomalydError) -> list[error_details_pb2.BadRequest.FieldViolation]:
    described: list[tuple[str, str]] = []
    if isinstance(error, errors.DetectorInvalid) and error.sub_issues:
        described = [(f"{error.aspect}.{name}", text) for name, text in error.sub_issues.items()]
    elif isinstance(error, errors.ActionInvalid):
        described = [(error.field or "", problem) for problem in error.problems]
    elif error.field:
        described = [(error.field, error.reason)]
    violation = error_details_pb2.BadRequest.FieldViolation
    return [
        violation(field=field, description=text[:LONGEST_DETAIL])
        for field, text in described[:MOST_VIOLATIONS]
    ]
