"""Errors cross the wire: what the service raises is what the client raises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import pytest

from anomalyd import errors
from anomalyd.api.status import GRPC_ERRORS, rich_status
from anomalyd.client import CallFailed, Client
from anomalyd.errors import AnomalydError

RAISED: list[AnomalydError] = [
    errors.IllegalArgument("size must be positive", field="size"),
    errors.ParsingError("unknown query [x]"),
    errors.MalformedJson("no JSON"),
    errors.MissingBody("request body is required"),
    errors.DetectorInvalid(
        "Feature has invalid query returning empty aggregated data: a",
        aspect="feature_attributes",
        sub_issues={"a": "empty"},
    ),
    errors.DetectorInvalid("Detector name should be set", aspect="name"),
    errors.DetectorRefused("no document is found", aspect="indices"),
    errors.NumberFormatInvalid('For input string: "x"'),
    errors.ActionInvalid("start is missing", "end is missing"),
    errors.MappingConflict("failed to parse field [a]"),
    errors.IndexNameInvalid("Invalid index name [A]"),
    errors.IndexExists("index [a] already exists"),
    errors.StateConflict("Detector is already running"),
    errors.IndexNotFound("no-such-index"),
    errors.DetectorNotFound("4711"),
    errors.TaskNotFound("4711"),
    errors.JobNotFound("sales"),
    errors.BodyInvalid("[1:2] [action] unknown field [x]", field="x"),
    errors.DateUnreadable("failed to parse date field [x]", field="start"),
    errors.FieldUnmapped("No mapping found for [x] in order to sort on", field="sort"),
    errors.Forbidden("action [a] is unauthorized for user [u]"),
    errors.VersionConflict("version conflict"),
    errors.Throttled("too much"),
    errors.MemoryExceeded("no room"),
    errors.NotImplementedYet("later"),
    errors.SourceUnavailable("not now"),
    errors.CorruptState("bad bytes"),
]


@dataclass
class Refusal:
    """What the next call is answered with: an error of ours, or a bare status."""

    error: AnomalydError | grpc.StatusCode


class RefusingService(grpc.GenericRpcHandler):
    """Ends every call with the given refusal."""

    def __init__(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        def refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
            error = self._refusal.error
            if isinstance(error, AnomalydError):
                context.abort_with_status(rich_status(error, ()))
            else:
                context.abort(error, "no reason given")
            raise AssertionError

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.fixture(scope="module")
def refusal() -> Refusal:
    return Refusal(grpc.StatusCode.UNKNOWN)


@pytest.fixture(scope="module")
def client(refusal: Refusal) -> Iterator[Client]:
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((RefusingService(refusal),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with Client(f"127.0.0.1:{port}", timeout=5) as client:
        yield client
    server.stop(None).wait()


@pytest.mark.parametrize("raised", RAISED, ids=lambda error: type(error).__name__)
def test_an_error_of_the_service_is_raised_again(
    client: Client, refusal: Refusal, raised: AnomalydError
) -> None:
    """Class, reason, field and details survive."""
    refusal.error = raised
    with pytest.raises(AnomalydError) as caught:
        client.detectors.get("4711")
    assert type(caught.value) is type(raised)
    assert caught.value.reason == raised.reason
    assert caught.value.field == raised.field
    assert caught.value.details == raised.details


def test_a_detectors_faults_keep_their_aspect_and_sub_issues(
    client: Client, refusal: Refusal
) -> None:
    """What `_validate` would tell is there in the raised error."""
    refusal.error = RAISED[4]
    with pytest.raises(errors.DetectorInvalid) as caught:
        client.detectors.create({"name": "d"})
    assert caught.value.aspect == "feature_attributes"
    assert caught.value.sub_issues == {"a": "empty"}


def test_every_error_of_the_table_has_a_reason_of_its_own() -> None:
    """Read backwards, the service's table loses no error."""
    assert len({known.reason for known in GRPC_ERRORS.values()}) == len(GRPC_ERRORS)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL])
def test_a_status_without_a_reason_is_a_failed_call(
    client: Client, refusal: Refusal, code: grpc.StatusCode
) -> None:
    """A proxy's or gRPC's own status keeps its code."""
    refusal.error = code
    with pytest.raises(CallFailed, match="no reason given") as caught:
        client.indices.count()
    assert caught.value.code is code


def test_an_absent_service_is_a_failed_call() -> None:
    """Nobody listens: UNAVAILABLE at once, not after the deadline."""
    with Client("127.0.0.1:1", timeout=20) as client, pytest.raises(CallFailed) as caught:
        client.detectors.search()
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_misspelt_option_is_refused_before_the_call(client: Client) -> None:
    """A key that no field has would be lost in silence."""
    with pytest.raises(errors.IllegalArgument, match="sise"):
        client.results.search({"sise": 3})


def test_the_errors_of_a_use_case_are_all_tried() -> None:
    """A new kind of error has to cross the wire in this file too."""
    tried = {type(error) for error in RAISED}
    refused_before = {errors.AnomalydError, errors.InvalidRequest, errors.NotFound}
    rest_only = {kind for kind in GRPC_ERRORS if issubclass(kind, errors.HttpError)}
    # its cause crosses in its place
    rest_only |= {errors.SearchFailed}
    assert set(GRPC_ERRORS) - tried == refused_before | rest_only
