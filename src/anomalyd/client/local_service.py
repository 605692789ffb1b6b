"""A service of one's own: `anomalyd serve` as a child process, for as long as it is needed."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType

from anomalyd.errors import AnomalydError

DEFAULT_GRPC_PORT = 50051
DEFAULT_REST_PORT = 9200
START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
LOG_NAME = "service.log"
_ADDRESS = re.compile(r"^(grpc|rest)\b.*?([\w.\-\[\]:]+:\d+)/?$", re.IGNORECASE)


class ServiceNotStarted(AnomalydError):
    """The child process ended, or was silent, before both of its addresses were known."""


class LocalService:
    """Runs the service and its gateway; both ports are on 127.0.0.1. Use it as a context manager.

    Attributes:
        grpc: ``host:port``, for ``Client``.
        rest: ``http://host:port``.

    Args:
        data_dir: the service's data directory; its log is written beside the data.
        grpc_port: 0 takes a free one.
        rest_port: 0 takes a free one.
    """

    grpc: str
    rest: str

    def __init__(self, data_dir: Path, *, grpc_port: int = 0, rest_port: int = 0) -> None:
        self._data_dir = data_dir
        self._ports = {"--grpc-port": grpc_port, "--rest-port": rest_port}
        self._process: subprocess.Popen[str] | None = None

    @property
    def log_path(self) -> Path:
        """Where the service's own messages go."""
        return self._data_dir / LOG_NAME

    @property
    def process_id(self) -> int:
        """The running service's process id. Raises: ServiceNotStarted when it does not run."""
        if self._process is None:
            raise ServiceNotStarted("the service is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the service and return once it answers on both ports.

        Raises: ServiceNotStarted with the end of the service's log.
        """
        self._data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "anomalyd", "serve", "--data-dir", str(self._data_dir)]
        for option, port in self._ports.items():
            command += [option, str(port)]
        with self.log_path.open("ab") as log:
            # A session of its own: Ctrl-C reaches us alone, and we stop the service in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own module and our own options
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        try:
            found = self._addresses(self._process)
        except BaseException:
            self.stop()
            raise
        self.grpc, self.rest = found["grpc"], f"http://{found['rest']}"

    def stop(self) -> None:
        """End the service in order, or by force when it does not end. Does nothing twice."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait(self) -> int:
        """Wait until the service ends by itself and return its exit status."""
        if self._process is None:
            return 0
        return self._process.wait()

    def __enter__(self) -> LocalService:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _addresses(self, process: subprocess.Popen[str]) -> dict[str, str]:
        lines: Queue[str | None] = Queue()
        threading.Thread(target=_forward, args=(process, lines), daemon=True).start()
        found: dict[str, str] = {}
        while len(found) < len(self._ports):
            try:
                line = lines.get(timeout=START_TIMEOUT)
            except Empty as error:
                raise ServiceNotStarted(f"no answer in {START_TIMEOUT:.0f} s") from error
            if line is None:
                process.wait(STOP_TIMEOUT)
                raise ServiceNotStarted(
                    f"the service ended with status {process.returncode}: {self._last_words()}"
                )
            match = _ADDRESS.match(line.strip())
            if match:
                found[match[1].lower()] = match[2].removeprefix("http://")
        return found

    def _last_words(self) -> str:
        text = self.log_path.read_text(errors="replace").strip()
        return text[-2000:] or "its log is empty"


def _forward(process: subprocess.Popen[str], lines: Queue[str | None]) -> None:
    """Pass the service's output on, to its end: a full pipe would halt the service."""
    if process.stdout is not None:
        with process.stdout as output:
            for line in output:
                lines.put(line)
    lines.put(None)


def port_if_free(port: int) -> int:
    """Return the port, or 0 (a free one) when something listens there already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
