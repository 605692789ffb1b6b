"""A service of one's own: started, used, stopped; and one that cannot start says why."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from anomalyd.client import CallFailed, Client
from anomalyd.client.local_service import LocalService, ServiceNotStarted, port_if_free


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_it_answers_while_it_runs_and_keeps_its_data(tmp_path: Path) -> None:
    """Two runs on one folder see the same documents; after the end nobody answers."""
    with LocalService(tmp_path) as service, Client(service.grpc) as client:
        client.indices.append_lines("kept", b'{"a":1}')
        assert service.rest.startswith("http://127.0.0.1:")
    with LocalService(tmp_path) as service, Client(service.grpc) as client:
        assert client.indices.count(["kept"]) == 1
        address = service.grpc
    with Client(address, timeout=5) as client, pytest.raises(CallFailed) as caught:
        client.indices.count()
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_a_taken_port_is_told(tmp_path: Path, taken_port: int) -> None:
    """The service's own last words are in the error; nothing is left running."""
    service = LocalService(tmp_path, grpc_port=taken_port)
    with pytest.raises(ServiceNotStarted, match=str(taken_port)):
        service.start()
    assert service.wait() == 0


def test_a_second_service_on_the_same_folder_is_told(tmp_path: Path) -> None:
    """One folder, one service."""
    with LocalService(tmp_path), pytest.raises(ServiceNotStarted):
        LocalService(tmp_path).start()


def test_a_port_is_kept_when_it_is_free(taken_port: int) -> None:
    """A taken port becomes 0: a free one."""
    assert port_if_free(taken_port) == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    assert port_if_free(free) == free
