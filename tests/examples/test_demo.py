"""`anomalyd demo`, run as a newcomer does: it finds what it planted, stays up, ends on request."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

READY = "Ctrl-C stops it"
LONGEST_SECONDS = 240


@dataclass
class Demo:
    """A demonstration that has reported and left its service running."""

    process: subprocess.Popen[str]
    printed: str
    seconds: float
    folder: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo") / "data"
    command = [sys.executable, "-m", "anomalyd", "demo", "--data-dir", str(folder)]
    begun = time.monotonic()
    with subprocess.Popen(
        [*command, "--grpc-port", "0", "--rest-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        printed = ""
        assert process.stdout is not None
        for line in process.stdout:
            printed += line
            if READY in line:
                break
        yield Demo(process, printed, time.monotonic() - begun, folder)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def test_all_planted_incidents_are_found(demo: Demo) -> None:
    """The table has a row for each of the five, none of them missed, within two minutes."""
    assert "5 of 5 incidents found" in demo.printed, demo.printed
    assert "missed" not in demo.printed.lower()
    assert demo.seconds < LONGEST_SECONDS


def test_little_else_is_flagged_and_it_is_counted(demo: Demo) -> None:
    """At most 1 % of the intervals besides the incidents."""
    besides = re.search(r"Flagged besides: \d+ \((\d+\.\d+) %\)", demo.printed)
    assert besides is not None
    assert float(besides[1]) < 1.0


def test_it_says_who_is_to_blame(demo: Demo) -> None:
    """The customer, the host and the service of the planted incidents stand in tables with bars."""
    _, _, blamed = demo.printed.partition("Who is to blame")
    for value in ("customer-017", "web-3", "payment"):
        assert value in blamed
    assert "█" in blamed


def test_the_chart_shows_the_five_series(demo: Demo) -> None:
    """One panel per incident, with the incident's name."""
    chart = (demo.folder / "demo.svg").read_text()
    assert chart.count('class="name"') == 5
    for name in ("payment is slow", "web-3 fails", "shop unreachable", "search gets slower"):
        assert name in chart


def test_the_three_curl_lines_answer(demo: Demo) -> None:
    """What the lines ask for is there: the finished task, anomalies, the ranking of customers."""
    answers = [answer(line) for line in demo.printed.splitlines() if line.startswith("curl ")]
    task, results, top = answers
    assert task["historical_analysis_task"]["state"] == "FINISHED"
    assert results["hits"]["hits"][0]["_source"]["anomaly_grade"] > 0
    assert "customer-017" in [bucket["key"]["customer"] for bucket in top["buckets"]]


def test_sigterm_ends_the_demo_and_its_service(demo: Demo) -> None:
    """Nothing is left listening."""
    rest = re.search(r"REST (http://\S+)", demo.printed)
    assert rest is not None
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(60) == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(rest[1], timeout=5)


def answer(line: str) -> dict[str, object]:
    """Send what a curl line would send, without needing curl."""
    words = shlex.split(line)[1:]
    method, headers, body, url = None, {}, None, ""
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, value = words.pop(0).split(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0).encode()
        else:
            url = word
    request = urllib.request.Request(url, method=method, headers=headers, data=body)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)
