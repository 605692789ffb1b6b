"""Findings held against incidents: what counts as found, as an echo, as unexplained."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from rich.console import Console

from anomalyd.demo.findings import Finding, compare
from anomalyd.demo.incidents import MINUTE, Incident, IncidentKind
from anomalyd.demo.report import describe_length, render, summary

WINDOW = 10 * MINUTE


def incident(start: int, end: int, entity: Mapping[str, str] | None = None) -> Incident:
    return Incident(
        name="slow",
        kind=IncidentKind.LATENCY_SPIKE,
        start=start * MINUTE,
        end=end * MINUTE,
        strength=2.0,
        entity=entity or {},
        watch="latency",
    )


def finding(start: int, entity: Mapping[str, str] | None = None, grade: float = 0.5) -> Finding:
    return Finding(
        detector="d",
        start=start * MINUTE,
        end=start * MINUTE + WINDOW,
        grade=grade,
        score=2.0,
        threshold=1.5,
        entity=entity or {},
    )


def test_the_delay_runs_to_the_end_of_the_first_flagged_interval() -> None:
    """An anomaly is known when its interval is over, so the delay counts to there."""
    comparison = compare([incident(105, 140)], [finding(120, grade=0.9), finding(110)], intervals=9)
    (outcome,) = comparison.outcomes
    assert outcome.found
    assert outcome.delay == 15 * MINUTE
    assert outcome.best.grade == 0.9
    assert comparison.others == comparison.echoes == ()


def test_the_incidents_own_series_speaks_for_it() -> None:
    """A part of the entity may be flagged earlier; the row of the table is the entity's own."""
    planted = incident(100, 140, {"service": "payment"})
    part = finding(100, {"service": "payment", "host": "web-1"}, grade=1.0)
    own = finding(120, {"service": "payment"})
    assert compare([planted], [part], intervals=9).outcomes[0].first == part
    assert compare([planted], [part, own], intervals=9).outcomes[0].best == own


@pytest.mark.parametrize(
    ("start", "found"), [(90, False), (95, True), (139, True), (140, False)], ids=str
)
def test_found_means_that_the_times_overlap(start: int, found: bool) -> None:
    """Both intervals are half open: touching is not overlapping."""
    comparison = compare([incident(100, 140)], [finding(start)], intervals=9)
    assert comparison.outcomes[0].found is found


@pytest.mark.parametrize(
    ("entity", "found"),
    [
        ({"service": "payment"}, True),
        ({"service": "payment", "host": "web-1"}, True),
        ({"host": "web-1"}, False),
        ({}, True),
        ({"service": "search"}, False),
    ],
    ids=str,
)
def test_another_entity_does_not_show_the_incident(entity: Mapping[str, str], found: bool) -> None:
    """Only the series of the incident's own entity, or of the whole shop, shows it."""
    planted = incident(100, 140, {"service": "payment"})
    comparison = compare([planted], [finding(110, entity)], intervals=9)
    assert comparison.outcomes[0].found is found
    assert len(comparison.others) == (not found)


def test_the_return_to_normal_is_an_echo_for_one_shingle() -> None:
    """Findings within eight windows after the end are echoes; later ones are unexplained."""
    comparison = compare(
        [incident(100, 140)], [finding(140), finding(210), finding(220), finding(20)], intervals=99
    )
    assert [echo.start // MINUTE for echo in comparison.echoes] == [140, 210]
    assert [other.start // MINUTE for other in comparison.others] == [20, 220]


def test_the_report_names_what_was_missed_and_counts_what_was_not_planted() -> None:
    """The table and the lines under it leave nothing out."""
    comparison = compare(
        [incident(100, 140), incident(500, 510)], [finding(110), finding(300)], intervals=200
    )
    console = Console(width=160, record=True, file=None)
    with console.capture() as capture:
        console.print(render(comparison))
    text = capture.get()
    assert "missed" in text
    assert "20 min" in text
    first, second, third = summary(comparison)
    assert first.startswith("1 of 2 incidents found, in 1 flagged intervals of 200 analysed")
    assert second.startswith("Flagged besides: 1 (0.50 %)")
    assert third == "Missed: slow (latency)."


def test_lengths_are_readable() -> None:
    """Minutes below an hour, hours and minutes above."""
    assert describe_length(25 * MINUTE) == "25 min"
    assert describe_length(125 * MINUTE) == "2 h 05 min"
