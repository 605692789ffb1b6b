"""``anomalyd.v1.DetectorService``."""

from __future__ import annotations

import grpc

from anomalyd.api import documents
from anomalyd.api.convert import to_document
from anomalyd.api.paging import paged
from anomalyd.api.typed import required, respond
from anomalyd.auth.identity import Identity
from anomalyd.model.profile import read_entity
from anomalyd.service.detector_update import WriteCondition
from anomalyd.service.detectors import DetectorService
from anomalyd.service.preview import PreviewService
from anomalyd.service.profile import ProfileService
from anomalyd.service.suggest import SuggestedParameter, SuggestionService
from anomalyd.service.validation import ValidationService
from anomalyd.service.validation_issue import ValidationAspect
from anomalyd.v1 import detector_service_pb2 as pb
from anomalyd.v1.detector_service_pb2_grpc import DetectorServiceServicer

Context = grpc.ServicerContext


class DetectorServicer(DetectorServiceServicer):
    """Checks, converts, calls the use case, converts back."""

    def __init__(
        self,
        detectors: DetectorService,
        previews: PreviewService,
        profiles: ProfileService,
        validation: ValidationService,
        suggestions: SuggestionService,
        caller: Identity,
    ) -> None:
        self._detectors = detectors
        self._validation = validation
        self._suggestions = suggestions
        self._previews = previews
        self._profiles = profiles
        self._caller = caller

    def CreateDetector(  # noqa: N802 - RPC names are as in the proto
        self, request: pb.CreateDetectorRequest, context: Context
    ) -> pb.CreateDetectorResponse:
        """Store a new detector."""
        written = self._detectors.create(to_document(request.detector), caller=self._caller)
        answer = documents.written_detector(written)
        return respond(
            {**answer, "ignored_fields": written.ignored_fields}, pb.CreateDetectorResponse
        )

    def ValidateDetector(  # noqa: N802
        self, request: pb.ValidateDetectorRequest, context: Context
    ) -> pb.ValidateDetectorResponse:
        """Tell the first thing that is wrong, or could be better."""
        model = request.aspect == pb.VALIDATION_ASPECT_MODEL
        aspect = ValidationAspect.MODEL if model else ValidationAspect.DETECTOR
        found = self._validation.validate(
            to_document(request.detector), aspect, caller=self._caller, memory=request.memory
        )
        return respond(documents.validated(found), pb.ValidateDetectorResponse)

    def SuggestParameters(  # noqa: N802
        self, request: pb.SuggestParametersRequest, context: Context
    ) -> pb.SuggestParametersResponse:
        """Propose all settings that there are proposals for."""
        found = self._suggestions.suggest(
            to_document(request.detector), frozenset(SuggestedParameter), caller=self._caller
        )
        return respond(documents.suggested(found), pb.SuggestParametersResponse)

    def GetDetector(  # noqa: N802
        self, request: pb.GetDetectorRequest, context: Context
    ) -> pb.GetDetectorResponse:
        """Read a detector, its job and its tasks."""
        job, task = request.job, request.task
        view = self._detectors.get(required(request.id, "id"), job=job, task=task)
        return respond(documents.viewed_detector(view, job=job, task=task), pb.GetDetectorResponse)

    def UpdateDetector(  # noqa: N802
        self, request: pb.UpdateDetectorRequest, context: Context
    ) -> pb.UpdateDetectorResponse:
        """Replace a detector's definition."""
        written = self._detectors.update(
            required(request.id, "id"),
            to_document(request.detector),
            condition=_condition(request),
            caller=self._caller,
        )
        answer = documents.written_detector(written)
        return respond(
            {**answer, "ignored_fields": written.ignored_fields}, pb.UpdateDetectorResponse
        )

    def DeleteDetector(  # noqa: N802
        self, request: pb.DeleteDetectorRequest, context: Context
    ) -> pb.DeleteDetectorResponse:
        """Delete a detector."""
        deleted = self._detectors.delete(required(request.id, "id"))
        return respond(documents.deleted_detector(deleted), pb.DeleteDetectorResponse)

    def SearchDetectors(  # noqa: N802
        self, request: pb.SearchDetectorsRequest, context: Context
    ) -> pb.SearchDetectorsResponse:
        """Search detectors."""
        found = paged(to_document(request.body), request.page_token, self._detectors.search)
        return respond(found, pb.SearchDetectorsResponse)

    def PreviewDetector(  # noqa: N802
        self, request: pb.PreviewDetectorRequest, context: Context
    ) -> pb.PreviewDetectorResponse:
        """Score a range; nothing is stored."""
        previewed = self._previews.preview(to_document(request), caller=self._caller)
        return respond(previewed, pb.PreviewDetectorResponse)

    def GetProfile(  # noqa: N802
        self, request: pb.GetProfileRequest, context: Context
    ) -> pb.GetProfileResponse:
        """Tell how a detector, or one of its entities, is doing."""
        id, parts = required(request.id, "id"), request.types
        entity = read_entity(to_document(request).get("entity"))
        if entity is None:
            found = {"detector": self._profiles.detector(id, parts, all=request.all)}
        else:
            found = {"entity": self._profiles.entity(id, entity, parts, all=request.all)}
        return respond(found, pb.GetProfileResponse)

    def StartDetector(  # noqa: N802
        self, request: pb.StartDetectorRequest, context: Context
    ) -> pb.StartDetectorResponse:
        """Start detection in real time or, with a date range, a historical analysis."""
        id, past = required(request.id, "id"), request.HasField("date_range")
        if past:
            body = to_document(request.date_range)
            started = self._detectors.start_historical(id, body, caller=self._caller)
        else:
            started = self._detectors.start_realtime(id, caller=self._caller)
        return respond(documents.started(started), pb.StartDetectorResponse)

    def StopDetector(  # noqa: N802
        self, request: pb.StopDetectorRequest, context: Context
    ) -> pb.StopDetectorResponse:
        """Stop detection in real time, or the historical analysis."""
        id, detectors = required(request.id, "id"), self._detectors
        stop = detectors.stop_historical if request.historical else detectors.stop_realtime
        return respond(documents.stopped(stop(id, caller=self._caller)), pb.StopDetectorResponse)


def _condition(request: pb.UpdateDetectorRequest) -> WriteCondition:
    return WriteCondition(
        seq_no=request.if_seq_no if request.HasField("if_seq_no") else None,
        primary_term=request.if_primary_term if request.HasField("if_primary_term") else None,
    )
