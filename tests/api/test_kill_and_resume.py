"""kill -9 in the middle of a historical run: the next start goes on by itself, to the same end."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

DRIVER = Path(__file__).with_name("historical_driver.py")
# What tells runs apart; everything else has to be equal, to the last bit.
OF_THE_RUN = {"task_id", "execution_start_time", "execution_end_time"}
SECONDS = 60


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(DRIVER), *map(str, arguments)]


def lines(*arguments: object) -> list[str]:
    done = subprocess.run(
        command(*arguments), stdout=subprocess.PIPE, timeout=SECONDS, check=True, text=True
    )
    return done.stdout.splitlines()


def kill_at(progress: float, *arguments: object) -> bool:
    """Run until the task is so far, then kill; tell whether it was still running then."""
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            state, done = line.split()
            if state in ("INIT", "RUNNING") and float(done) >= progress:
                process.send_signal(signal.SIGKILL)
                process.wait(timeout=SECONDS)
                return True
    return False


def results(data_dir: Path, detector_id: str) -> list[dict]:
    documents = [orjson.loads(line) for line in lines("dump", data_dir, detector_id)]
    assert len({document["task_id"] for document in documents}) == 1
    return [
        {key: value for key, value in document.items() if key not in OF_THE_RUN}
        for document in documents
    ]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data directory with data and two detectors, and their ids."""
    data_dir = tmp_path_factory.mktemp("prepared") / "data"
    single, by_host = lines("prepare", data_dir)
    return data_dir, {"single": single, "by-host": by_host}


@pytest.mark.parametrize("kind", ["single", "by-host"])
def test_a_killed_run_ends_as_if_nothing_had_happened(prepared, tmp_path, kind):
    """Killed twice, resumed twice: FINISHED, and results without duplicate, gap or difference."""
    data_dir, detectors = prepared
    detector_id = detectors[kind]
    disturbed = tmp_path / "disturbed"
    shutil.copytree(data_dir, disturbed)
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(data_dir, undisturbed)

    assert lines("start", undisturbed, detector_id)[-1].split() == ["FINISHED", "1.0"]
    assert kill_at(0.3, "start", disturbed, detector_id)
    assert kill_at(0.6, "resume", disturbed, detector_id)
    assert lines("resume", disturbed, detector_id)[-1].split() == ["FINISHED", "1.0"]

    expected = results(undisturbed, detector_id)
    assert len(expected) > 1_400
    assert any(document["anomaly_grade"] > 0 for document in expected)
    assert results(disturbed, detector_id) == expected
