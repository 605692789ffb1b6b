"""``anomalyd.v1.SettingsService``."""

from __future__ import annotations

import grpc

from anomalyd.api.convert import to_document
from anomalyd.api.typed import respond
from anomalyd.service.settings import SettingsService
from anomalyd.v1 import settings_service_pb2 as pb
from anomalyd.v1.settings_service_pb2_grpc import SettingsServiceServicer

Context = grpc.ServicerContext


class SettingsServicer(SettingsServiceServicer):
    """Checks, converts, calls the use case, converts back."""

    def __init__(self, settings: SettingsService) -> None:
        self._settings = settings

    def GetSettings(  # noqa: N802 - RPC names are as in the proto
        self, request: pb.GetSettingsRequest, context: Context
    ) -> pb.GetSettingsResponse:
        """Read the settings that can be changed."""
        found = self._settings.read(defaults=request.include_defaults)
        return respond(found, pb.GetSettingsResponse)

    def ChangeSettings(  # noqa: N802
        self, request: pb.ChangeSettingsRequest, context: Context
    ) -> pb.ChangeSettingsResponse:
        """Change settings while the service runs."""
        changed = self._settings.change(to_document(request))
        return respond(changed, pb.ChangeSettingsResponse)
