"""Every error that anomalyd raises on purpose.

::

    AnomalydError
    ├── InvalidRequest                 the caller must change the request (400)
    │   ├── IllegalArgument            a value or parameter is not allowed
    │   │   └── NumberFormatInvalid    … a text that should be a number
    │   ├── ParsingError               a query or a document of the wrong shape
    │   ├── MalformedJson              the body is no JSON
    │   ├── MissingBody                the body is absent
    │   ├── DetectorInvalid            a detector breaks a rule of its definition
    │   │   └── DetectorRefused        … a rule that needs the data or other detectors to check
    │   ├── ActionInvalid              a request object breaks its own rules
    │   ├── MappingConflict            a document's value does not fit its field
    │   ├── IndexNameInvalid           the name cannot name an index
    │   ├── IndexExists                the index is there already
    │   └── StateConflict              the detector's state does not allow this now
    ├── NotFound                       (404)
    │   ├── IndexNotFound
    │   ├── DetectorNotFound
    │   └── TaskNotFound
    ├── VersionConflict                the document changed meanwhile (409)
    ├── Throttled                      too much at once (429)
    ├── MemoryExceeded                 no room for the models of one more detector (429)
    ├── HttpError                      refused before any use case was chosen
    │   ├── NoHandler                  (400)
    │   ├── MethodNotAllowed           (405)
    │   ├── MediaTypeNotSupported      (406)
    │   └── BodyTooLarge               (413)
    ├── NotImplementedYet              documented, but part of later work (501)
    ├── SourceUnavailable              the data could not be read just now (503)
    └── CorruptState                   bytes of ours that cannot be trusted (500)

Nothing here knows gRPC or HTTP: ``api/status.py`` has the one table to gRPC codes and the one to
Elasticsearch's error types. Nobody matches on the text of a reason.
"""

from __future__ import annotations

from collections.abc import Mapping


class AnomalydError(Exception):
    """Base of all errors with a message meant for the caller.

    Args:
        reason: one sentence that names the field or thing and what is allowed.
        field: path of the offending request field, when there is one.
        details: further keys of Elasticsearch's error object (``index``, ``line``, ``col`` …).
    """

    def __init__(
        self,
        reason: str,
        *,
        field: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.details: Mapping[str, object] = dict(details or {})


class InvalidRequest(AnomalydError):
    """The request cannot be served as it is; the caller must change it."""


class IllegalArgument(InvalidRequest):
    """A value or parameter is not allowed."""


class NumberFormatInvalid(IllegalArgument):
    """A text that should be a number is none.

    Of its own, because the reference answers these with another error type (recorded requests).
    """


class ParsingError(InvalidRequest):
    """A query, aggregation or document does not have the shape that it must have."""


class MalformedJson(InvalidRequest):
    """The body is not JSON."""


class MissingBody(InvalidRequest):
    """The request needs a body and has none."""


class DetectorInvalid(InvalidRequest):
    """A detector's definition breaks a rule (reference: behaviour §2).

    Args:
        reason: the documented message.
        aspect: which part of the detector, as ``_validate`` names it (``name``, ``time_field``,
            ``feature_attributes`` …).
        sub_issues: message per feature name, where the document shows them.
    """

    def __init__(
        self,
        reason: str,
        *,
        aspect: str,
        sub_issues: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason, field=aspect)
        self.aspect = aspect
        self.sub_issues: Mapping[str, str] = dict(sub_issues or {})


class DetectorRefused(DetectorInvalid):
    """A detector that reads well breaks a rule about the data, the limits or other detectors.

    Of its own, because the reference answers these with another error type (recorded requests).
    """


class BodyInvalid(ParsingError):
    """The body of a machine learning request breaks a rule; the reason begins with the place.

    Args:
        reason: ``[line:column] [action] what``.
        cause: the rule, where it is one of a value and not of the body's form.
    """

    def __init__(self, reason: str, *, field: str, cause: AnomalydError | None = None) -> None:
        super().__init__(reason, field=field)
        self.cause = cause


class DateUnreadable(InvalidRequest):
    """A text that should be a date, or date math, is none."""


class FieldUnmapped(InvalidRequest):
    """Results have no field of this name to sort by."""


class SearchFailed(InvalidRequest):
    """A search over results cannot run as it was asked for.

    REST callers see the cause as that of failed shards, gRPC callers see it alone.

    Args:
        cause: what is wrong.
    """

    def __init__(self, cause: AnomalydError) -> None:
        super().__init__("all shards failed", field=cause.field)
        self.cause = cause


class ActionInvalid(InvalidRequest):
    """A request object breaks its own rules, such as a start time after the end time."""

    def __init__(self, *problems: str, field: str | None = None) -> None:
        numbered = "".join(f"{i}: {problem};" for i, problem in enumerate(problems, start=1))
        super().__init__(f"Validation Failed: {numbered}", field=field)
        self.problems = problems


class MappingConflict(InvalidRequest):
    """A document's value does not fit the type that its field has in the index."""


class IndexNameInvalid(InvalidRequest):
    """The text cannot name an index."""


class IndexExists(InvalidRequest):
    """The index to create is there already."""


class StateConflict(InvalidRequest):
    """The detector's or task's state does not allow this operation now."""


class NotFound(AnomalydError):
    """What the request names is not there."""


class IndexNotFound(NotFound):
    """No index has this name."""

    def __init__(self, index: str) -> None:
        super().__init__(
            f"no such index [{index}]",
            details={
                "index": index,
                "resource.id": index,
                "resource.type": "index_or_alias",
                "index_uuid": "_na_",
            },
        )
        self.index = index


class JobNotFound(NotFound):
    """No detector has this id or name; said in the words of machine learning jobs."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"No known job with id '{job_id}'")
        self.job_id = job_id


class DetectorNotFound(NotFound):
    """No detector has this id.

    Args:
        detector_id: the id.
        reason: where the document or the reference has another message for it.
    """

    def __init__(self, detector_id: str, reason: str | None = None) -> None:
        super().__init__(reason or f"Can't find detector with id: {detector_id}")
        self.detector_id = detector_id


class TaskNotFound(NotFound):
    """No task has this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Can't find task with id: {task_id}")
        self.task_id = task_id


class VersionConflict(AnomalydError):
    """The document is not in the version that the caller saw."""


class Throttled(AnomalydError):
    """Too much was asked for at once; the same request may pass later."""


class MemoryExceeded(AnomalydError):
    """There is no room for the models of one more detector; stopping another makes some."""


class Forbidden(AnomalydError):
    """The caller may not do this."""


class HttpError(AnomalydError):
    """A REST request was refused before any use case was chosen."""


class NoHandler(HttpError):
    """No REST path has this form."""


class MethodNotAllowed(HttpError):
    """The REST path exists, but not with this HTTP method."""


class MediaTypeNotSupported(HttpError):
    """The content type of the body is none that the REST surface reads."""


class BodyTooLarge(HttpError):
    """The body is larger than the limit that the message names."""


class NotImplementedYet(AnomalydError):
    """The operation is part of the documented API, but of later work."""


class SourceUnavailable(AnomalydError):
    """The source could not be read just now."""


class CorruptState(AnomalydError):
    """Stored bytes of ours do not have the form that they must have."""
