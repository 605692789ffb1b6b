"""From a gRPC status back to the error that the service raised.

The service names the kind of error as the reason of a ``google.rpc.ErrorInfo``; the table of
reasons is the service's own, read backwards. Nothing here looks at the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import grpc
from google.rpc import error_details_pb2, status_pb2

from anomalyd import errors
from anomalyd.api.status import DETAILS_KEY, GRPC_ERRORS
from anomalyd.errors import AnomalydError

ERRORS_BY_REASON = {known.reason: kind for kind, known in GRPC_ERRORS.items()}


class CallFailed(AnomalydError):
    """The call did not reach the service, got no answer in time, or met an error not of ours.

    Args:
        reason: what happened.
        code: the gRPC status code.
    """

    def __init__(self, reason: str, *, code: grpc.StatusCode) -> None:
        super().__init__(reason)
        self.code = code


def from_rpc_error(error: grpc.RpcError) -> AnomalydError:
    """Return the error to raise for a failed call."""
    # What a synchronous call raises is always a Call too; gRPC's types do not say so.
    call = cast(grpc.Call, error)
    text = call.details() or ""
    info = error_details_pb2.ErrorInfo()
    request = error_details_pb2.BadRequest()
    for detail in _status(call).details:
        detail.Unpack(info)
        detail.Unpack(request)
    kind = ERRORS_BY_REASON.get(info.reason)
    if kind is None:
        return CallFailed(f"{call.code().name}: {text}", code=call.code())
    return _restored(kind, text, request.field_violations, dict(info.metadata))


def _restored(
    kind: type[AnomalydError],
    text: str,
    violations: Sequence[error_details_pb2.BadRequest.FieldViolation],
    details: dict[str, str],
) -> AnomalydError:
    """Make the error anew.

    DetectorNotFound and TaskNotFound come back without their id: the status does not carry it
    apart from the text, and whoever called knows it.
    """
    field = violations[0].field if violations else None
    if issubclass(kind, errors.DetectorInvalid) and field is not None:
        issues = {each.field: each.description for each in violations if "." in each.field}
        aspect = field.partition(".")[0]
        named = {name.removeprefix(f"{aspect}."): issue for name, issue in issues.items()}
        return kind(text, aspect=aspect, sub_issues=named)
    if kind is errors.ActionInvalid and violations:
        return errors.ActionInvalid(*(each.description for each in violations), field=field or None)
    if kind is errors.IndexNotFound and "index" in details:
        return errors.IndexNotFound(details["index"])
    restored = kind.__new__(kind)
    # Past the class's own arguments, which it would compose the text from.
    AnomalydError.__init__(restored, text, field=field, details=details)
    return restored


def _status(call: grpc.Call) -> status_pb2.Status:
    """Return the rich status of a call; an empty one when the service sent none."""
    status = status_pb2.Status()
    for key, value in call.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            status.ParseFromString(value)
    return status
