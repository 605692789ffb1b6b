"""`anomalyd detectors`, `results` and `influencers`: what a person sees, what a program gets."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from anomalyd.cli import application
from anomalyd.cli.influencers import BAR_CELLS, bar
from anomalyd.client import Client
from tests.unit.cli.conftest import Run

MINUTE = 60_000
START = 1_767_225_600_000
SPIKE = 300
NAME = "cli-detector"


@pytest.fixture(scope="module")
def detector_id(client: Client) -> str:
    """A detector with a finished analysis of a series that has one spike."""
    lines = (
        json.dumps({"t": START + at * MINUTE, "v": 1000 if at == SPIKE else 10 + at % 7})
        for at in range(400)
    )
    client.indices.create("cli-series", mappings={"properties": {"t": {"type": "date"}}})
    client.indices.append_lines("cli-series", "\n".join(lines).encode())
    created = client.detectors.create(
        {
            "name": NAME,
            "description": "",
            "time_field": "t",
            "indices": ["cli-series"],
            "feature_attributes": [
                {
                    "feature_name": "v",
                    "feature_enabled": True,
                    "aggregation_query": {"v": {"max": {"field": "v"}}},
                }
            ],
            "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        }
    )
    client.tasks.wait(client.detectors.start(created.id, start=START, end=START + 400 * MINUTE))
    return created.id


def test_detectors_are_listed_with_their_last_analysis(run: Run, detector_id: str) -> None:
    """One row a detector: id, name, indices, interval, state."""
    ended = run("detectors")
    assert ended.exit_code == 0, ended.output
    (row,) = [line for line in ended.output.splitlines() if NAME in line]
    for part in (detector_id, "cli-series", "1 minutes", "finished (100%)"):
        assert part in row


def test_detectors_as_json_are_the_documents(run: Run, detector_id: str) -> None:
    """The output is one JSON document, as a search answers."""
    ended = run("detectors", "--output", "json")
    hits = json.loads(ended.output)["hits"]["hits"]
    (found,) = [hit for hit in hits if hit["_id"] == detector_id]
    assert found["_source"]["detection_interval"]["period"]["unit"] == "Minutes"


@pytest.mark.parametrize("by", ["name", "id"])
def test_results_list_the_spike(run: Run, detector_id: str, by: str) -> None:
    """The detector is named by its name or its id; the spike's minute and value are shown."""
    ended = run("results", NAME if by == "name" else detector_id)
    assert ended.exit_code == 0, ended.output
    (row,) = [line for line in ended.output.splitlines() if "05:00:00" in line and "1,000" in line]
    assert "1.00" in row


def test_results_as_json_are_the_documents(run: Run, detector_id: str) -> None:
    """Grades and times are numbers."""
    assert detector_id
    ended = run("results", NAME, "-o", "json", "--grade-above", "0.5")
    hits = json.loads(ended.output)["hits"]["hits"]
    starts = [hit["_source"]["data_start_time"] for hit in hits]
    assert START + SPIKE * MINUTE in starts
    assert all(hit["_source"]["anomaly_grade"] > 0.5 for hit in hits)


def test_influencers_are_listed_with_bars(run: Run, client: Client) -> None:
    """The host with the spike is first; the bar is as long as its score."""
    hosts = ("web-1", "web-2")
    lines = (
        json.dumps(
            {
                "t": START + at * MINUTE,
                "host": host,
                "v": 1000 if (at, host) == (SPIKE, "web-2") else 10 + at % 7,
            }
        )
        for at in range(400)
        for host in hosts
    )
    fields = {"t": {"type": "date"}, "host": {"type": "keyword"}}
    client.indices.create("cli-hosts", mappings={"properties": fields})
    client.indices.append_lines("cli-hosts", "\n".join(lines).encode())
    definition = {
        "name": "cli-hosts",
        "description": "",
        "time_field": "t",
        "indices": ["cli-hosts"],
        "feature_attributes": [
            {
                "feature_name": "v",
                "feature_enabled": True,
                "aggregation_query": {"v": {"max": {"field": "v"}}},
            }
        ],
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "category_field": ["host"],
    }
    created = client.detectors.create(definition)
    client.tasks.wait(client.detectors.start(created.id, start=START, end=START + 400 * MINUTE))
    ended = run("influencers", "cli-hosts", "--size", "3")
    assert ended.exit_code == 0, ended.output
    rows = [line for line in ended.output.splitlines() if "2026-01-01" in line]
    assert "web-2" in rows[0]
    assert len(rows) <= 3
    printed = json.loads(run("influencers", created.id, "-o", "json").output)
    assert printed["influencers"][0]["influencer_field_value"] == "web-2"
    assert bar(50.0).plain == "█" * (BAR_CELLS // 2)
    assert bar(0.0).plain == ""
    assert bar(100.0).plain == "█" * BAR_CELLS


def test_an_unknown_detector_is_one_clear_line(run: Run) -> None:
    """No traceback, status 1."""
    ended = run("results", "nobody")
    assert ended.exit_code == 1
    assert "error: Can't find detector with id: nobody" in ended.output


def test_an_absent_service_is_one_clear_line() -> None:
    """The line says that nothing answers there."""
    ended = CliRunner().invoke(application, ["detectors", "--address", "127.0.0.1:1"])
    assert ended.exit_code == 1
    assert ended.output.startswith("error: UNAVAILABLE")
