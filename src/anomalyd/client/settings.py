"""Calls of SettingsService."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.client.bodies import as_message
from anomalyd.client.connection import Connection
from anomalyd.v1 import settings_service_pb2 as pb

SERVICE = "SettingsService"


class RuntimeSettings:
    """Read and change the settings of a running service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(
        self, *, defaults: bool = False, timeout: float | None = None
    ) -> pb.GetSettingsResponse:
        """Return the settings that were changed; ``defaults`` adds the others."""
        request = pb.GetSettingsRequest(include_defaults=defaults)
        return self._connection.call(
            f"{SERVICE}/GetSettings", request, pb.GetSettingsResponse, timeout=timeout
        )

    def change(
        self, settings: Mapping[str, int | None], *, timeout: float | None = None
    ) -> pb.ChangeSettingsResponse:
        """Change settings by full name, all or none; None takes a change back.

        Raises: IllegalArgument naming the setting.
        """
        request = as_message({"persistent": settings}, pb.ChangeSettingsRequest)
        return self._connection.call(
            f"{SERVICE}/ChangeSettings", request, pb.ChangeSettingsResponse, timeout=timeout
        )
