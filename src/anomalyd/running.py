"""The service as it runs: the application, its gRPC server and the gateway, started together.

Belongs to the composition root, beside ``app``: like it, it takes the machine's clock and
randomness and hands them down.
"""

from __future__ import annotations

import logging
import secrets
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

from anomalyd import app
from anomalyd.api.server import ApiServer, ServerSettings, UseCases, bracketed
from anomalyd.config import Settings
from anomalyd.errors import IllegalArgument
from anomalyd.gateway_process import (
    GatewayError,
    GatewayProcess,
    GatewaySettings,
    is_short_enough,
)
from anomalyd.model.ids import ByteIds
from anomalyd.schedule.clock import SystemClock

log = logging.getLogger(__name__)

LONGEST_BODY = 100 * 1024 * 1024
GRACE_SECONDS = 5.0
MOST_RESTARTS = 3
RESTARTS_WITHIN_SECONDS = 60.0


# where a process reaches itself that listens on all addresses
_REACHABLE: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not a default


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the service listens.

    Attributes:
        host: address of both ports.
        grpc_port: 0 = a free one.
        rest_port: 0 = a free one; None = no gateway.
        envoy: the Envoy binary; None = the one that is found.
    """

    host: str = "127.0.0.1"
    grpc_port: int = 50051
    rest_port: int | None = 9200
    envoy: Path | None = None


class RunningService:
    """A service between ``start`` and ``stop``; a context manager.

    To be started, watched and stopped by one thread, which must live as long as the service: Envoy
    ends with the thread that started it.

    Args:
        settings: of the application.
        addresses: where to listen.
        random_bytes: what ids are made of; tests pass a seeded source.
    """

    def __init__(
        self,
        settings: Settings,
        addresses: Addresses,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._addresses = replace(addresses, host=_numeric(addresses.host))
        self._clock = SystemClock()
        self._application = app.build(settings, clock=self._clock, random_bytes=random_bytes)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._gateway_folder = self._place_of_gateway(settings.data_dir)
        self._socket = _place_of_socket(self._gateway_folder) if self._gateway_folder else None
        self._server = ApiServer(
            UseCases(
                detectors=self._application.detectors,
                previews=self._application.previews,
                profiles=self._application.profiles,
                validation=self._application.validation,
                suggestions=self._application.suggestions,
                tasks=self._application.tasks,
                results=self._application.results,
                watching=self._application.watching,
                influencers=self._application.influencers,
                ml_results=self._application.ml_results,
                stats=self._application.stats,
                settings=self._application.runtime_settings,
                indices=self._application.indices,
            ),
            ServerSettings(
                host=self._addresses.host,
                port=addresses.grpc_port,
                socket=self._socket,
                longest_body=LONGEST_BODY,
                most_watchers=settings.max_watchers,
                node_id=self._application.node_id,
                version=version("anomalyd"),
            ),
            caller=self._application.caller,
            clock=self._clock,
            metrics=self._application.metrics,
            tracer=self._application.tracer,
            ids=ByteIds(secrets.token_bytes),
        )
        self._gateway: GatewayProcess | None = None
        self._restarts: deque[float] = deque(maxlen=MOST_RESTARTS)

    @property
    def grpc_address(self) -> str:
        """``host:port`` of the gRPC server."""
        return f"{bracketed(self._addresses.host)}:{self._server.port}"

    @property
    def rest_address(self) -> str | None:
        """``http://host:port`` of the gateway; None without one."""
        if self._gateway is None:
            return None
        return f"http://{bracketed(self._addresses.host)}:{self._gateway.port}"

    def start(self) -> None:
        """Start everything; it answers on both ports when this returns.

        Raises: AddressInUseError, GatewayError; what had been started is stopped then.
        """
        try:
            if self._socket is not None:
                self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._server.start()
            if self._addresses.rest_port is not None and self._gateway_folder is not None:
                self._gateway = self._new_gateway(self._addresses.rest_port, self._gateway_folder)
                self._gateway.start()
        except BaseException:
            self.stop()
            raise

    def watch(self) -> None:
        """Start Envoy again if it has ended. Raises: GatewayError when it keeps ending."""
        if self._gateway is None or not self._gateway.has_ended():
            return
        now = self._clock.monotonic()
        if len(self._restarts) == MOST_RESTARTS and now - self._restarts[0] < (
            RESTARTS_WITHIN_SECONDS
        ):
            raise GatewayError(
                f"Envoy has ended {MOST_RESTARTS + 1} times within {RESTARTS_WITHIN_SECONDS:.0f} s"
            )
        self._restarts.append(now)
        log.warning("Envoy has ended; starting it again")
        self._gateway.stop()
        self._gateway.start()

    def stop(self) -> None:
        """Stop everything in order: no more requests, then those under way, then the work."""
        # watchers never end by themselves; they would use up the time for all others
        self._application.watching.close()
        if self._gateway is not None:
            self._gateway.stop()
        self._server.stop(GRACE_SECONDS)
        self._application.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def __enter__(self) -> RunningService:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _place_of_gateway(self, data_dir: Path | None) -> Path | None:
        """Return the folder for what Envoy needs; None without an Envoy."""
        if self._addresses.rest_port is None:
            return None
        if data_dir is not None:
            return data_dir / "gateway"
        self._scratch = tempfile.TemporaryDirectory(prefix="anomalyd-")
        return Path(self._scratch.name)

    def _new_gateway(self, rest_port: int, folder: Path) -> GatewayProcess:
        settings = GatewaySettings(
            host=self._addresses.host,
            rest_port=rest_port,
            upstream_host=_REACHABLE.get(self._addresses.host, self._addresses.host),
            upstream_port=self._server.port,
            upstream_socket=self._socket,
            folder=folder,
            envoy=self._addresses.envoy,
            max_body_bytes=LONGEST_BODY,
        )
        return GatewayProcess(settings, self._clock)


def _place_of_socket(folder: Path) -> Path | None:
    """Return where service and Envoy meet; None where paths are too long: they use the port then.

    In a folder of its own, which only the user can enter: a socket has its mode only after it is
    there.
    """
    socket_path = folder / "service" / "grpc"
    return socket_path if is_short_enough(socket_path) else None


def _numeric(host: str) -> str:
    """Return the IP address of a host: Envoy listens on nothing else. Raises: IllegalArgument."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise IllegalArgument(f"[host] {host} is no address of this machine: {error}") from error
    return str(found[0][4][0])
