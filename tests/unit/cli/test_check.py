"""`anomalyd check`: what it prints, its exit status, and that it changes nothing."""

import random
import shutil

import pytest
from typer.testing import CliRunner

from anomalyd.app import build
from anomalyd.cli import application as commands
from anomalyd.config import Settings
from anomalyd.schedule.clock import VirtualClock
from tests.unit.service.data import FIRST, MINUTE, create, fill
from tests.unit.service.realtime import started, stop


def run(*arguments):
    found = CliRunner().invoke(commands, ["check", *map(str, arguments)])
    return found.exit_code, found.stdout.splitlines(), found.stderr


@pytest.fixture
def folder(tmp_path):
    """The folder of a service that has ended in order, with one of two detectors running."""
    clock = VirtualClock(FIRST + 100 * MINUTE)
    settings = Settings(data_dir=tmp_path / "data")
    with build(settings, clock=clock, random_bytes=random.Random(1).randbytes) as service:
        fill(service)
        ids = [create(service, name=name, category_field=["host"]) for name in "ab"]
        for id in ids:
            started(service, id)
        stop(service, ids[1])
        shutil.copytree(tmp_path / "data", tmp_path / "killed")
        states = service.realtime._tools.log
        states.forget(ids[0])
        service._checkpoints.save(
            ids[1],
            "f",
            next(service._checkpoints.load(ids[0], *service._checkpoints.fingerprints()[ids[0]])),
        )
        shutil.copytree(tmp_path / "data", tmp_path / "wrong")
        yield tmp_path, ids


def content(folder):
    names = (
        "anomalyd.duckdb",
        "anomalyd.duckdb.wal",
        "checkpoints.sqlite",
        "checkpoints.sqlite-wal",
    )
    return [(folder / name).read_bytes() for name in names if (folder / name).exists()]


def test_a_folder_in_order(folder):
    """As a kill left it, with everything in logs: nothing to tell, nothing changed."""
    place, _ = folder
    before = content(place / "killed")
    assert run("--data-dir", place / "killed") == (
        0,
        ["0 orphaned; 1 detectors run, 3 checkpoints of models"],
        "",
    )
    assert content(place / "killed") == before


def test_what_is_orphaned_is_listed(folder):
    """A line each, and the exit status says so."""
    place, (first, second) = folder
    status, lines, _ = run("--data-dir", place / "wrong")
    assert status == 1
    findings = [f"{first}: a job without a state", f"{second}: a checkpoint without a job"]
    assert lines == [
        *sorted(findings),
        "2 orphaned; 1 detectors run, 6 checkpoints of models",
    ]


def test_a_folder_that_cannot_be_read(folder, tmp_path):
    """None there, or no database."""
    status, _, problem = run("--data-dir", tmp_path / "nowhere")
    assert (status, problem) == (2, f"anomalyd: [{tmp_path / 'nowhere'}] is no data directory\n")
    (tmp_path / "killed" / "anomalyd.duckdb").write_bytes(b"nonsense" * 999)
    (tmp_path / "killed" / "anomalyd.duckdb.wal").unlink(missing_ok=True)
    status, _, problem = run("--data-dir", tmp_path / "killed")
    assert status == 2
    assert "cannot be opened as a database" in problem
