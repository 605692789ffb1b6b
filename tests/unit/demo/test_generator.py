"""The demonstration's log: the same bytes every time, and every incident visible in it."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from anomalyd.demo.generator import (
    DAYS,
    DEFAULT_END,
    DEFAULT_SEED,
    STATUSES,
    GeneratedLog,
    LogColumns,
    day_columns,
    lines,
    write_log,
)
from anomalyd.demo.incidents import DAY, MINUTE, Incident, IncidentKind, scripted_incidents

START = DEFAULT_END - DAYS * DAY
INCIDENTS = scripted_incidents(DEFAULT_END)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> GeneratedLog:
    return write_log(tmp_path_factory.mktemp("demo") / "shop.ndjson")


def columns_of(incident: Incident) -> LogColumns:
    day = (incident.start - START) // DAY
    return day_columns(START, day, seed=DEFAULT_SEED, incidents=INCIDENTS)


def during(columns: LogColumns, start: int, end: int) -> LogColumns:
    return columns.taken(np.flatnonzero((columns.time >= start) & (columns.time < end)))


def of_entity(columns: LogColumns, incident: Incident) -> LogColumns:
    return columns.taken(np.flatnonzero(columns.entity_mask(incident)))


def around(incident: Incident) -> tuple[LogColumns, LogColumns]:
    """Return the entity's documents in the incident and in the same length before it."""
    columns = of_entity(columns_of(incident), incident)
    length = incident.end - incident.start
    early = incident.start - length - 60 * MINUTE
    return (
        during(columns, incident.start, incident.end),
        during(columns, early, early + length),
    )


def planted(kind: IncidentKind) -> Incident:
    (incident,) = (incident for incident in INCIDENTS if incident.kind is kind)
    return incident


def test_a_week_has_more_than_half_a_million_documents(log: GeneratedLog) -> None:
    """The log is as large as the demonstration promises, one document a line."""
    assert log.documents >= 500_000
    assert log.path.read_bytes().count(b"\n") == log.documents


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Two runs of the generator agree byte for byte; another seed does not."""

    def day(seed: int) -> bytes:
        columns = day_columns(START, 3, seed=seed, incidents=INCIDENTS)
        return b"\n".join(lines(columns).tolist())

    assert day(1) == day(1)
    assert day(1) != day(2)


def test_every_line_is_a_document_of_the_week_in_order(log: GeneratedLog) -> None:
    """Lines are JSON with the expected fields, sorted by time, inside the week."""
    with log.path.open("rb") as file:
        sample = [json.loads(line) for number, line in enumerate(file) if number % 997 == 0]
    times = [document["@timestamp"] for document in sample]
    assert times == sorted(times)
    assert times[0].startswith("2026-11-09T00:0")
    assert times[-1].startswith("2026-11-15T23:")
    required = {"@timestamp", "host", "service", "customer", "country", "status"}
    for document in sample:
        assert (
            required | {"latency_ms", "bytes"}
            <= document.keys()
            <= required
            | {
                "latency_ms",
                "bytes",
                "order_value",
            }
        )
        assert document["status"] in STATUSES
        assert document["latency_ms"] > 0


def test_lines_say_what_the_columns_say() -> None:
    """A line's numbers are the columns' numbers, to the last digit."""
    columns = day_columns(START, 0, seed=1, incidents=())
    ordered = np.flatnonzero(columns.order_cents > 0)[:50]
    part = columns.taken(np.concatenate((np.arange(50), ordered)))
    documents = [json.loads(line) for line in lines(part).tolist()]
    assert [round(10 * d["latency_ms"]) for d in documents] == part.latency_tenths.tolist()
    assert [d["bytes"] for d in documents] == part.size.tolist()
    cents = [round(100 * d.get("order_value", 0)) for d in documents]
    assert cents == part.order_cents.tolist()


def test_every_minute_of_an_undisturbed_day_has_documents() -> None:
    """One-minute resolution: no empty minute by day or night."""
    columns = day_columns(START, 1, seed=DEFAULT_SEED, incidents=())
    assert len(np.unique(columns.time // MINUTE)) == 1440


def test_evenings_are_busier_than_nights_and_weekends_than_weekdays() -> None:
    """The daily and weekly shape are there."""
    wednesday, sunday = (day_columns(START, day, seed=DEFAULT_SEED, incidents=()) for day in (2, 6))
    hour = (wednesday.time - START) // (60 * MINUTE) % 24
    assert np.sum(hour == 20) > 2 * np.sum(hour == 4)
    assert len(sunday) > len(wednesday)


def test_the_five_incidents_are_of_five_kinds_and_apart() -> None:
    """Incidents do not overlap, leave two days to learn from, and end before the log does."""
    assert {incident.kind for incident in INCIDENTS} == set(IncidentKind)
    assert INCIDENTS[0].start >= START + 2 * DAY
    assert INCIDENTS[-1].end < DEFAULT_END
    for before, after in itertools.pairwise(INCIDENTS):
        assert before.end + 60 * MINUTE < after.start


def test_traffic_drops_to_almost_nothing() -> None:
    """The outage leaves a few per cent of the requests."""
    incident = planted(IncidentKind.TRAFFIC_DROP)
    inside, before = around(incident)
    assert 0 < len(inside) < 2 * incident.strength * len(before)


@pytest.mark.parametrize("kind", [IncidentKind.LATENCY_SPIKE, IncidentKind.LATENCY_CREEP])
def test_latency_rises(kind: IncidentKind) -> None:
    """The service's latency multiplies; others keep theirs."""
    incident = planted(kind)
    inside, before = around(incident)
    late = during(inside, (incident.start + incident.end) // 2, incident.end)
    assert late.latency_tenths.mean() > 1.6 * before.latency_tenths.mean()


def test_a_creep_starts_unnoticeably() -> None:
    """In its first tenth the creep stays within the usual noise."""
    incident = planted(IncidentKind.LATENCY_CREEP)
    inside, before = around(incident)
    early = during(inside, incident.start, incident.start + (incident.end - incident.start) // 10)
    assert early.latency_tenths.mean() < 1.3 * before.latency_tenths.mean()


def test_one_host_fails() -> None:
    """About the scripted share of the host's requests fails, and hardly any before."""
    incident = planted(IncidentKind.ERROR_BURST)
    inside, before = around(incident)
    failed = STATUSES.index(500)
    assert np.mean(inside.status >= failed) > 0.8 * incident.strength
    assert np.mean(before.status >= failed) < 0.03


def test_one_customer_orders_much_more() -> None:
    """The customer's order value in the burst is far above its usual one."""
    incident = planted(IncidentKind.ORDER_BURST)
    inside, before = around(incident)
    assert inside.order_cents.sum() > 5 * max(before.order_cents.sum(), 1)
