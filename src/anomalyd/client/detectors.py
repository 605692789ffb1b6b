"""Calls of DetectorService."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomalyd.client.bodies import Body, as_message, search_body
from anomalyd.client.connection import Connection
from anomalyd.v1 import common_pb2, detector_pb2, profile_pb2
from anomalyd.v1 import detector_service_pb2 as pb

SERVICE = "DetectorService"


class Detectors:
    """Create, read, search, run and delete detectors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        detector: Mapping[str, Any] | detector_pb2.Detector,
        *,
        timeout: float | None = None,
    ) -> pb.CreateDetectorResponse:
        """Create a detector from its document or message.

        Raises: DetectorInvalid naming the aspect, IndexNotFound, IllegalArgument.
        """
        request = pb.CreateDetectorRequest(detector=as_message(detector, detector_pb2.Detector))
        return self._connection.call(
            f"{SERVICE}/CreateDetector", request, pb.CreateDetectorResponse, timeout=timeout
        )

    def validate(
        self,
        detector: Mapping[str, Any] | detector_pb2.Detector,
        *,
        model: bool = False,
        memory: bool = False,
        timeout: float | None = None,
    ) -> pb.ValidateDetectorResponse:
        """Tell the first issue of a detector without storing it; ``model`` also asks the data.

        ``memory`` estimates what its models need.

        Raises: IllegalArgument, ParsingError for a document that cannot be read.
        """
        aspect = pb.VALIDATION_ASPECT_MODEL if model else pb.VALIDATION_ASPECT_DETECTOR
        request = pb.ValidateDetectorRequest(
            detector=as_message(detector, detector_pb2.Detector), aspect=aspect, memory=memory
        )
        return self._connection.call(
            f"{SERVICE}/ValidateDetector", request, pb.ValidateDetectorResponse, timeout=timeout
        )

    def suggest(
        self,
        detector: Mapping[str, Any] | detector_pb2.Detector,
        *,
        timeout: float | None = None,
    ) -> pb.SuggestParametersResponse:
        """Propose interval, window delay and history for a detector that need not exist.

        Also says what memory its models need.

        Raises: DetectorInvalid, IndexNotFound, IllegalArgument, ParsingError.
        """
        request = pb.SuggestParametersRequest(detector=as_message(detector, detector_pb2.Detector))
        return self._connection.call(
            f"{SERVICE}/SuggestParameters", request, pb.SuggestParametersResponse, timeout=timeout
        )

    def get(
        self, id: str, *, job: bool = False, task: bool = False, timeout: float | None = None
    ) -> pb.GetDetectorResponse:
        """Read a detector, with its real-time job and its latest tasks when asked for.

        Raises: DetectorNotFound.
        """
        request = pb.GetDetectorRequest(id=id, job=job, task=task)
        return self._connection.call(
            f"{SERVICE}/GetDetector", request, pb.GetDetectorResponse, timeout=timeout
        )

    def update(
        self,
        id: str,
        detector: Mapping[str, Any] | detector_pb2.Detector,
        *,
        if_seq_no: int | None = None,
        if_primary_term: int | None = None,
        timeout: float | None = None,
    ) -> pb.UpdateDetectorResponse:
        """Replace a detector's definition; given both numbers, only in the version that they name.

        Raises: DetectorNotFound, StateConflict while it runs, VersionConflict, and what ``create``
        raises.
        """
        request = pb.UpdateDetectorRequest(
            id=id,
            detector=as_message(detector, detector_pb2.Detector),
            if_seq_no=if_seq_no,
            if_primary_term=if_primary_term,
        )
        return self._connection.call(
            f"{SERVICE}/UpdateDetector", request, pb.UpdateDetectorResponse, timeout=timeout
        )

    def search(
        self, body: Body = None, *, page_token: str = "", timeout: float | None = None
    ) -> pb.SearchDetectorsResponse:
        """Search detectors; ``page_token`` is the answer's ``next_page_token``.

        Raises: ParsingError, IllegalArgument.
        """
        request = pb.SearchDetectorsRequest(body=search_body(body), page_token=page_token)
        return self._connection.call(
            f"{SERVICE}/SearchDetectors", request, pb.SearchDetectorsResponse, timeout=timeout
        )

    def delete(self, id: str, *, timeout: float | None = None) -> pb.DeleteDetectorResponse:
        """Delete a detector; an unknown one is reported, not raised. Raises: StateConflict."""
        return self._connection.call(
            f"{SERVICE}/DeleteDetector",
            pb.DeleteDetectorRequest(id=id),
            pb.DeleteDetectorResponse,
            timeout=timeout,
        )

    def preview(
        self,
        detector: str | Mapping[str, Any] | detector_pb2.Detector,
        *,
        start: int,
        end: int,
        timeout: float | None = None,
    ) -> pb.PreviewDetectorResponse:
        """Score every window of ``[start, end)``, epoch ms; nothing is stored.

        Args:
            detector: the id of a stored one, or a definition.
            start: begin of the range.
            end: end of the range.
            timeout: seconds.

        Raises: DetectorNotFound, IllegalArgument for a range that is too short or too long,
        Throttled, and what ``create`` raises.
        """
        request = pb.PreviewDetectorRequest(period_start=start, period_end=end)
        if isinstance(detector, str):
            request.detector_id = detector
        else:
            request.detector.CopyFrom(as_message(detector, detector_pb2.Detector))
        return self._connection.call(
            f"{SERVICE}/PreviewDetector", request, pb.PreviewDetectorResponse, timeout=timeout
        )

    def profile(
        self, id: str, *parts: str, all: bool = False, timeout: float | None = None
    ) -> profile_pb2.DetectorProfile:
        """Tell how a detector is doing: the named parts, or state and error.

        Raises: DetectorNotFound, InvalidRequest when no part is known.
        """
        request = pb.GetProfileRequest(id=id, types=parts, all=all)
        return self._connection.call(
            f"{SERVICE}/GetProfile", request, pb.GetProfileResponse, timeout=timeout
        ).detector

    def profile_entity(
        self,
        id: str,
        entity: Mapping[str, str],
        *parts: str,
        all: bool = False,
        timeout: float | None = None,
    ) -> profile_pb2.EntityProfile:
        """Tell how one entity, category field → value, is doing: the named parts, or its state.

        Raises: DetectorNotFound; InvalidRequest for an entity that is not there.
        """
        request = pb.GetProfileRequest(
            id=id,
            types=parts,
            all=all,
            entity=[common_pb2.Entity(name=name, value=value) for name, value in entity.items()],
        )
        return self._connection.call(
            f"{SERVICE}/GetProfile", request, pb.GetProfileResponse, timeout=timeout
        ).entity

    def start(self, id: str, *, start: int, end: int, timeout: float | None = None) -> str:
        """Start a historical analysis of ``[start, end)``, epoch ms, and return the task's id.

        Raises: DetectorNotFound, ActionInvalid, StateConflict when it runs already.
        """
        request = pb.StartDetectorRequest(
            id=id, date_range=common_pb2.DetectionDateRange(start_time=start, end_time=end)
        )
        answer = self._connection.call(
            f"{SERVICE}/StartDetector", request, pb.StartDetectorResponse, timeout=timeout
        )
        return answer.id

    def stop(self, id: str, *, timeout: float | None = None) -> str:
        """Stop the historical analysis and return the task's id. Raises: StateConflict."""
        request = pb.StopDetectorRequest(id=id, historical=True)
        answer = self._connection.call(
            f"{SERVICE}/StopDetector", request, pb.StopDetectorResponse, timeout=timeout
        )
        return answer.id

    def start_realtime(self, id: str, *, timeout: float | None = None) -> str:
        """Start detection in real time and return the job's id, which is the detector's.

        Raises: StateConflict, DetectorNotFound.
        """
        request = pb.StartDetectorRequest(id=id)
        return self._connection.call(
            f"{SERVICE}/StartDetector", request, pb.StartDetectorResponse, timeout=timeout
        ).id

    def stop_realtime(self, id: str, *, timeout: float | None = None) -> str:
        """Stop detection in real time and return the job's id. Raises: StateConflict."""
        request = pb.StopDetectorRequest(id=id)
        return self._connection.call(
            f"{SERVICE}/StopDetector", request, pb.StopDetectorResponse, timeout=timeout
        ).id
