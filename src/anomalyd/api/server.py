"""The gRPC server: typed services, the REST facade, health, reflection and channelz."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from anomalyd.api.detectors import DetectorServicer
from anomalyd.api.indices import IndexServicer
from anomalyd.api.influencers import InfluencerServicer
from anomalyd.api.interceptors import ErrorTranslation
from anomalyd.api.request_ids import RequestIds
from anomalyd.api.rest.call import Operation
from anomalyd.api.rest.detectors import DetectorRoutes
from anomalyd.api.rest.facade import SERVICE as REST
from anomalyd.api.rest.facade import Facade
from anomalyd.api.rest.indices import IndexRoutes
from anomalyd.api.rest.influencers import InfluencerRoutes
from anomalyd.api.rest.ml_results import MlResultRoutes
from anomalyd.api.rest.observation import ObservationRoutes
from anomalyd.api.rest.preview import PreviewRoutes
from anomalyd.api.rest.profile import ProfileRoutes
from anomalyd.api.rest.results import ResultRoutes, TaskRoutes
from anomalyd.api.rest.service import ServiceRoutes
from anomalyd.api.rest.settings import SettingsRoutes
from anomalyd.api.rest.stats import StatsRoutes
from anomalyd.api.rest.suggest import SuggestionRoutes
from anomalyd.api.rest.validation import ValidationRoutes
from anomalyd.api.rest.watching import WatchRoutes
from anomalyd.api.results import ResultServicer
from anomalyd.api.settings import SettingsServicer
from anomalyd.api.stats import StatsServicer
from anomalyd.api.tasks import TaskServicer
from anomalyd.auth.identity import Identity
from anomalyd.errors import AnomalydError
from anomalyd.metrics import Metrics
from anomalyd.model.ids import IdGenerator
from anomalyd.schedule.clock import Clock
from anomalyd.service.detectors import DetectorService
from anomalyd.service.indices import IndexService
from anomalyd.service.influencers import InfluencerService
from anomalyd.service.ml_results import MlResultService
from anomalyd.service.preview import PreviewService
from anomalyd.service.profile import ProfileService
from anomalyd.service.results import ResultService
from anomalyd.service.settings import SettingsService
from anomalyd.service.stats import StatsService
from anomalyd.service.suggest import SuggestionService
from anomalyd.service.tasks import TaskService
from anomalyd.service.validation import ValidationService
from anomalyd.service.watching import WatchService
from anomalyd.tracing import Tracer
from anomalyd.v1.detector_service_pb2_grpc import add_DetectorServiceServicer_to_server
from anomalyd.v1.index_service_pb2_grpc import add_IndexServiceServicer_to_server
from anomalyd.v1.influencer_service_pb2_grpc import add_InfluencerServiceServicer_to_server
from anomalyd.v1.result_service_pb2_grpc import add_ResultServiceServicer_to_server
from anomalyd.v1.settings_service_pb2_grpc import add_SettingsServiceServicer_to_server
from anomalyd.v1.stats_service_pb2_grpc import add_StatsServiceServicer_to_server
from anomalyd.v1.task_service_pb2_grpc import add_TaskServiceServicer_to_server

PACKAGE = "/anomalyd.v1."
TYPED_SERVICES = (
    "anomalyd.v1.DetectorService",
    "anomalyd.v1.TaskService",
    "anomalyd.v1.ResultService",
    "anomalyd.v1.InfluencerService",
    "anomalyd.v1.StatsService",
    "anomalyd.v1.SettingsService",
    "anomalyd.v1.IndexService",
)
WORKERS = 16
"""Threads for calls that end; each watcher has one of its own beside them."""
# room for the path, the content type and gRPC's own framing around the longest body
MESSAGE_OVERHEAD = 1024 * 1024


class AddressInUseError(AnomalydError):
    """The port to listen on is taken, or the address is none of this machine."""


@dataclass(frozen=True, kw_only=True)
class UseCases:
    """What the two surfaces call."""

    detectors: DetectorService
    previews: PreviewService
    profiles: ProfileService
    validation: ValidationService
    suggestions: SuggestionService
    tasks: TaskService
    results: ResultService
    watching: WatchService
    influencers: InfluencerService
    ml_results: MlResultService
    stats: StatsService
    settings: SettingsService
    indices: IndexService


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How the server listens.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 = a free one.
        socket: where else to listen: a socket that only the user can open, in a folder that is
            there and that nobody else can enter; None = nowhere.
        longest_body: bytes of the longest message or REST body.
        most_watchers: calls at once that follow results or a task.
        node_id: of this process.
        version: of anomalyd.
    """

    host: str
    port: int
    socket: Path | None = None
    longest_body: int
    most_watchers: int
    node_id: str
    version: str


class ApiServer:
    """A gRPC server between ``start`` and ``stop``.

    Args:
        use_cases: what it serves.
        settings: how it listens.
        caller: in whose name every request is made.
        clock: for durations.
        metrics: counts and measures requests, and is shown.
        tracer: makes spans of requests.
        ids: names requests that come without an id.
    """

    def __init__(
        self,
        use_cases: UseCases,
        settings: ServerSettings,
        *,
        caller: Identity,
        clock: Clock,
        metrics: Metrics,
        tracer: Tracer,
        ids: IdGenerator,
    ) -> None:
        self._settings = settings
        self._serving = False
        self._health = health.HealthServicer()
        request_ids = RequestIds(ids)
        self._server = grpc.server(
            ThreadPoolExecutor(WORKERS + settings.most_watchers, thread_name_prefix="grpc"),
            interceptors=[
                ErrorTranslation(PACKAGE, request_ids, metrics=metrics, clock=clock, tracer=tracer)
            ],
            options=_options(settings.longest_body + MESSAGE_OVERHEAD),
        )
        self._add_typed(use_cases, caller, clock)
        operations = {
            **_operations(use_cases, settings, caller, clock),
            **ObservationRoutes(metrics, serving=lambda: self._serving).operations(),
        }
        facade = Facade(
            operations,
            request_ids,
            longest_body=settings.longest_body,
            metrics=metrics,
            clock=clock,
            tracer=tracer,
        )
        self._server.add_generic_rpc_handlers((facade.handler(),))
        self._add_official()
        self.port = settings.port

    def start(self) -> None:
        """Listen and serve; ``port`` is the real one then. Raises: AddressInUseError."""
        address = f"{bracketed(self._settings.host)}:{self._settings.port}"
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise AddressInUseError(f"cannot listen on {address}: is the port in use?") from error
        if self._settings.socket is not None:
            self._listen_beside(self._settings.socket)
        self._server.start()
        for name in ("", *TYPED_SERVICES, REST):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._serving = True

    def stop(self, grace: float) -> None:
        """Take no more calls, give those under way so many seconds, then end them."""
        self._serving = False
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()

    def _listen_beside(self, socket: Path) -> None:
        # that of a service that was killed would be in the way
        socket.unlink(missing_ok=True)
        try:
            # gRPC takes what follows "unix:" apart as a URI
            self._server.add_insecure_port(f"unix:{quote(os.fsencode(socket))}")
        except RuntimeError as error:
            raise AddressInUseError(f"cannot listen on the socket {socket}") from error
        socket.chmod(0o600)

    def _add_typed(self, use_cases: UseCases, caller: Identity, clock: Clock) -> None:
        servicers: tuple[tuple[Callable[[Any, grpc.Server], None], object], ...] = (
            (
                add_DetectorServiceServicer_to_server,
                DetectorServicer(
                    use_cases.detectors,
                    use_cases.previews,
                    use_cases.profiles,
                    use_cases.validation,
                    use_cases.suggestions,
                    caller,
                ),
            ),
            (add_TaskServiceServicer_to_server, TaskServicer(use_cases.tasks, use_cases.watching)),
            (
                add_ResultServiceServicer_to_server,
                ResultServicer(use_cases.results, use_cases.watching),
            ),
            (
                add_InfluencerServiceServicer_to_server,
                InfluencerServicer(use_cases.influencers, use_cases.ml_results, caller),
            ),
            (add_StatsServiceServicer_to_server, StatsServicer(use_cases.stats)),
            (add_SettingsServiceServicer_to_server, SettingsServicer(use_cases.settings)),
            (add_IndexServiceServicer_to_server, IndexServicer(use_cases.indices, clock)),
        )
        for add, servicer in servicers:
            add(servicer, self._server)

    def _add_official(self) -> None:
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (*TYPED_SERVICES, REST, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        if _is_loopback(self._settings.host):
            # who talks to whom about what is nobody's business outside this machine
            channelz.add_channelz_servicer(self._server)


def _operations(
    use_cases: UseCases, settings: ServerSettings, caller: Identity, clock: Clock
) -> Mapping[str, Operation]:
    version = settings.version
    return {
        **DetectorRoutes(use_cases.detectors, caller, version).operations(),
        **SuggestionRoutes(use_cases.suggestions, caller).operations(),
        **ValidationRoutes(use_cases.validation, caller).operations(),
        **PreviewRoutes(use_cases.previews, caller).operations(),
        **ProfileRoutes(use_cases.profiles).operations(),
        **TaskRoutes(use_cases.tasks).operations(),
        **ResultRoutes(use_cases.results).operations(),
        **WatchRoutes(use_cases.watching).operations(),
        **InfluencerRoutes(use_cases.influencers, caller).operations(),
        **MlResultRoutes(use_cases.ml_results, caller).operations(),
        **StatsRoutes(use_cases.stats).operations(),
        **SettingsRoutes(use_cases.settings).operations(),
        **IndexRoutes(use_cases.indices, clock).operations(),
        **ServiceRoutes(node_id=settings.node_id, version=version).operations(),
    }


def _options(longest_message: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", longest_message),
        ("grpc.max_send_message_length", -1),
        # a second process on the same port would take half of the calls
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def bracketed(host: str) -> str:
    """Return a host as it stands before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
