"""The two tables of errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from anomalyd import errors
from anomalyd.api.status import (
    DETAILS_KEY,
    GRPC_ERRORS,
    HTTP_ERRORS,
    error_body,
    grpc_error,
    http_error,
    rich_status,
    unexpected_body,
)
from anomalyd.errors import AnomalydError

INVALID = grpc.StatusCode.INVALID_ARGUMENT

# error, gRPC code, HTTP status, Elasticsearch's name
TABLE = [
    (errors.IllegalArgument("x"), INVALID, 400, "illegal_argument_exception"),
    (errors.NumberFormatInvalid("x"), INVALID, 400, "number_format_exception"),
    (errors.ParsingError("x"), INVALID, 400, "parsing_exception"),
    (errors.MalformedJson("x"), INVALID, 400, "json_parse_exception"),
    (errors.MissingBody("x"), INVALID, 400, "parse_exception"),
    (errors.DetectorInvalid("x", aspect="name"), INVALID, 400, "a_d_validation_exception"),
    (errors.DetectorRefused("x", aspect="name"), INVALID, 400, "status_exception"),
    (errors.ActionInvalid("x"), INVALID, 400, "action_request_validation_exception"),
    (errors.MappingConflict("x"), INVALID, 400, "mapper_parsing_exception"),
    (errors.IndexNameInvalid("x"), INVALID, 400, "invalid_index_name_exception"),
    (
        errors.IndexExists("x"),
        grpc.StatusCode.ALREADY_EXISTS,
        400,
        "resource_already_exists_exception",
    ),
    (errors.StateConflict("x"), grpc.StatusCode.FAILED_PRECONDITION, 400, "status_exception"),
    (errors.IndexNotFound("x"), grpc.StatusCode.NOT_FOUND, 404, "index_not_found_exception"),
    (errors.DetectorNotFound("x"), grpc.StatusCode.NOT_FOUND, 404, "status_exception"),
    (errors.JobNotFound("x"), grpc.StatusCode.NOT_FOUND, 404, "resource_not_found_exception"),
    (errors.BodyInvalid("x", field="y"), INVALID, 400, "x_content_parse_exception"),
    (errors.DateUnreadable("x"), INVALID, 400, "parse_exception"),
    (errors.FieldUnmapped("x"), INVALID, 400, "query_shard_exception"),
    (errors.Forbidden("x"), grpc.StatusCode.PERMISSION_DENIED, 403, "security_exception"),
    (errors.TaskNotFound("x"), grpc.StatusCode.NOT_FOUND, 404, "status_exception"),
    (
        errors.VersionConflict("x"),
        grpc.StatusCode.ABORTED,
        409,
        "version_conflict_engine_exception",
    ),
    (
        errors.Throttled("x"),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        429,
        "rejected_execution_exception",
    ),
    (
        errors.NotImplementedYet("x"),
        grpc.StatusCode.UNIMPLEMENTED,
        501,
        "not_implemented_exception",
    ),
    (errors.SourceUnavailable("x"), grpc.StatusCode.UNAVAILABLE, 503, "status_exception"),
    (errors.CorruptState("x"), grpc.StatusCode.DATA_LOSS, 500, "status_exception"),
    (
        errors.BodyTooLarge("x"),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        413,
        "content_too_long_exception",
    ),
]


def all_errors(kind: type[AnomalydError] = AnomalydError) -> Iterator[type[AnomalydError]]:
    if kind.__module__ == errors.__name__:
        yield kind
    for child in kind.__subclasses__():
        yield from all_errors(child)


@pytest.mark.parametrize(
    ("error", "code", "status", "name"), TABLE, ids=lambda each: str(each)[:30]
)
def test_each_error_has_its_codes(
    error: AnomalydError, code: grpc.StatusCode, status: int, name: str
) -> None:
    """One row per class: code, HTTP status, Elasticsearch's name; the body repeats the status."""
    assert grpc_error(error).code is code
    assert http_error(error).status == status
    assert http_error(error).type == name
    sent, body = error_body(error)
    assert sent == body["status"] == status
    assert body["error"]["type"] == body["error"]["root_cause"][0]["type"] == name
    assert body["error"]["reason"] == error.reason


def test_both_tables_know_every_error() -> None:
    """A new class of error needs a row in both tables."""
    kinds = set(all_errors())
    assert set(GRPC_ERRORS) == kinds
    assert set(HTTP_ERRORS) == kinds


def test_reasons_are_the_names_of_the_errors() -> None:
    """Clients find the class of an error by its reason: IndexNotFound is INDEX_NOT_FOUND."""
    for kind, row in GRPC_ERRORS.items():
        if kind is not AnomalydError:
            assert row.reason == re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).upper()


def test_an_error_without_a_row_is_like_its_base() -> None:
    """The most specific known class counts."""

    class Special(errors.IndexNotFound):
        pass

    assert http_error(Special("logs")).type == "index_not_found_exception"
    assert grpc_error(Special("logs")).code is grpc.StatusCode.NOT_FOUND


def details_of(error: AnomalydError) -> tuple[status_pb2.Status, dict[str, object]]:
    status = rich_status(error, (("x-request-id", "r1"),))
    metadata = dict(status.trailing_metadata)
    assert metadata["x-request-id"] == "r1"
    rich = status_pb2.Status.FromString(metadata[DETAILS_KEY])
    found: dict[str, object] = {}
    for packed in rich.details:
        for kind in (
            error_details_pb2.ErrorInfo,
            error_details_pb2.BadRequest,
            error_details_pb2.RetryInfo,
        ):
            detail = kind()
            if packed.Unpack(detail):
                found[kind.__name__] = detail
    return rich, found


def test_the_status_names_reason_domain_and_details() -> None:
    """ErrorInfo carries what programs branch on, with the details of the error as text."""
    rich, details = details_of(errors.IndexNotFound("logs"))
    info = details["ErrorInfo"]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert rich.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert rich.message == "no such index [logs]"
    assert (info.reason, info.domain) == ("INDEX_NOT_FOUND", "anomalyd")
    assert info.metadata["index"] == "logs"
    assert "RetryInfo" not in details


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.IllegalArgument("must be", field="size"), [("size", "must be")]),
        (
            errors.DetectorInvalid(
                "bad", aspect="feature_attributes", sub_issues={"f1": "one", "f2": "two"}
            ),
            [("feature_attributes.f1", "one"), ("feature_attributes.f2", "two")],
        ),
        (errors.ActionInvalid("a", "b"), [("", "a"), ("", "b")]),
        (errors.ParsingError("no field"), None),
    ],
    ids=["field", "sub issues", "problems", "none"],
)
def test_field_violations(error: AnomalydError, expected: list[tuple[str, str]] | None) -> None:
    """BadRequest names each field that is wrong, when the error knows it."""
    _, details = details_of(error)
    request = details.get("BadRequest")
    if expected is None:
        assert request is None
    else:
        assert isinstance(request, error_details_pb2.BadRequest)
        assert [(v.field, v.description) for v in request.field_violations] == expected


def test_what_may_pass_later_says_when() -> None:
    """RetryInfo stands on UNAVAILABLE and RESOURCE_EXHAUSTED."""
    _, details = details_of(errors.SourceUnavailable("busy"))
    retry = details["RetryInfo"]
    assert isinstance(retry, error_details_pb2.RetryInfo)
    assert retry.retry_delay.seconds == 1


def test_long_messages_fit_into_trailers() -> None:
    """Trailers have a limit of 8 KiB; a message beyond it would become a broken stream."""
    long = "x" * 100_000
    error = errors.DetectorInvalid(
        long, aspect="feature_attributes", sub_issues={str(i): long for i in range(50)}
    )
    status = rich_status(error, ())
    size = len(status.details) + sum(len(k) + len(v) for k, v in status.trailing_metadata)
    assert size < 6000


def test_bodies_with_a_form_of_their_own() -> None:
    """Elasticsearch's router answers with a bare text, with or without the status."""
    assert error_body(errors.NoHandler("none")) == (400, {"error": "none"})
    assert error_body(errors.MethodNotAllowed("no")) == (405, {"error": "no", "status": 405})
    assert error_body(errors.MediaTypeNotSupported("no")) == (406, {"error": "no", "status": 406})


def test_details_stand_in_the_body() -> None:
    """An index error names the index in the cause and in the error."""
    _, body = error_body(errors.IndexNotFound("logs"))
    for cause in (body["error"], body["error"]["root_cause"][0]):
        assert cause["index"] == cause["resource.id"] == "logs"
        assert cause["index_uuid"] == "_na_"


def test_a_search_that_cannot_run_shows_its_cause() -> None:
    """REST callers see failed shards, as from Elasticsearch; gRPC callers the cause itself."""
    error = errors.SearchFailed(errors.FieldUnmapped("No mapping", field="sort"))
    status, body = error_body(error)
    cause = {"type": "query_shard_exception", "reason": "No mapping"}
    assert status == 400
    assert body["error"]["type"] == "search_phase_execution_exception"
    assert body["error"]["reason"] == "all shards failed"
    assert body["error"]["root_cause"] == [cause]
    assert body["error"]["caused_by"] == cause
    assert body["error"]["failed_shards"][0]["reason"] == cause
    rich, details = details_of(error)
    assert rich.message == "No mapping"
    info = details["ErrorInfo"]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert info.reason == "FIELD_UNMAPPED"


def test_an_unexpected_failure_tells_nothing_but_the_request_id() -> None:
    """The text of a failure of ours stays in the log."""
    status, body = unexpected_body("r7")
    assert status == 500
    assert "r7" in body["error"]["reason"]
