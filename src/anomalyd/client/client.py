"""The client: one connection, one attribute per resource."""

from __future__ import annotations

from types import TracebackType

from anomalyd.client.connection import Connection
from anomalyd.client.detectors import Detectors
from anomalyd.client.indices import Indices
from anomalyd.client.influencers import Influencers
from anomalyd.client.results import Results
from anomalyd.client.settings import RuntimeSettings
from anomalyd.client.stats import Stats
from anomalyd.client.tasks import Tasks

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_TIMEOUT = 30.0


class Client:
    """Talks to a running service. Use it as a context manager, or close it. Thread-safe.

    Args:
        address: ``host:port`` of the service's gRPC port.
        timeout: seconds that a call may take unless it says otherwise.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self._connection = Connection(address, timeout=timeout)
        self.detectors = Detectors(self._connection)
        self.tasks = Tasks(self._connection)
        self.results = Results(self._connection)
        self.influencers = Influencers(self._connection)
        self.settings = RuntimeSettings(self._connection)
        self.stats = Stats(self._connection)
        self.indices = Indices(self._connection)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
