"""A week of a web shop's request log, the same bytes on every run.

Everything is columns: a day is drawn as arrays, disturbed by the incidents, and written as lines
that are put together from look-up tables. Each day has its own generator, seeded with (seed, day),
so a day does not depend on the days before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anomalyd.demo.incidents import DAY, MINUTE, Incident, IncidentKind, scripted_incidents

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.bytes_]

TIME_FIELD = "@timestamp"
DEFAULT_END = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp() * 1000)
DEFAULT_SEED = 20261116
DAYS = 7

HOSTS = ("web-1", "web-2", "web-3", "web-4")
HOST_SHARES = (0.27, 0.26, 0.24, 0.23)
SERVICES = ("catalog", "search", "cart", "payment", "checkout")
SERVICE_SHARES = (0.36, 0.24, 0.16, 0.13, 0.11)
SERVICE_LATENCY_MS = (40.0, 75.0, 30.0, 120.0, 60.0)
CHECKOUT = SERVICES.index("checkout")
CUSTOMERS = tuple(f"customer-{number:03d}" for number in range(1, 31))
COUNTRIES = ("DE", "FR", "US", "GB", "NL", "PL", "SE", "ES")
STATUSES = (200, 302, 404, 500, 503)
STATUS_SHARES = (0.93, 0.04, 0.02, 0.006, 0.004)
OK, UNAVAILABLE = STATUSES.index(200), STATUSES.index(503)

REQUESTS_A_MINUTE = 57.0
LATENCY_TENTHS_LIMIT = 60_000
BYTES_LIMIT = 65_000
ORDER_CENTS_LIMIT = 200_000


@dataclass(frozen=True)
class LogColumns:
    """Documents of one day, by time; every array has one element per document.

    Attributes:
        time: epoch ms.
        host, service, customer, status: positions in the constants of this module.
        latency_tenths: tenths of a millisecond.
        size: bytes of the answer.
        order_cents: value of the order in cents; 0 = no order.
    """

    time: Int64s
    host: Int64s
    service: Int64s
    customer: Int64s
    status: Int64s
    latency_tenths: Int64s
    size: Int64s
    order_cents: Int64s

    def __len__(self) -> int:
        return len(self.time)

    def taken(self, positions: Int64s) -> LogColumns:
        """Return the documents at these positions."""
        return LogColumns(*(getattr(self, column.name)[positions] for column in fields(self)))

    def joined(self, other: LogColumns) -> LogColumns:
        """Return the documents of both, these first."""
        return LogColumns(
            *(
                np.concatenate((getattr(self, column.name), getattr(other, column.name)))
                for column in fields(self)
            )
        )

    def entity_mask(self, incident: Incident) -> npt.NDArray[np.bool_]:
        """Return which documents belong to the incident's entity, whenever they happened."""
        mask = np.ones(len(self), dtype=np.bool_)
        for name, names, column in (
            ("host", HOSTS, self.host),
            ("service", SERVICES, self.service),
            ("customer", CUSTOMERS, self.customer),
        ):
            if name in incident.entity:
                mask &= column == names.index(incident.entity[name])
        return mask


@dataclass(frozen=True, kw_only=True)
class GeneratedLog:
    """What was written.

    Attributes:
        documents: number of lines.
        start, end: epoch ms of the week, half open.
    """

    path: Path
    documents: int
    start: int
    end: int
    incidents: tuple[Incident, ...]


def write_log(
    path: Path,
    *,
    end: int = DEFAULT_END,
    seed: int = DEFAULT_SEED,
    on_day: Callable[[int], None] = lambda documents: None,
) -> GeneratedLog:
    """Write the week before ``end`` as NDJSON.

    Args:
        path: the file to write; replaced when it exists.
        end: epoch ms, a multiple of a day; exclusive.
        seed: same seed and end, same bytes.
        on_day: called with the number of documents so far after each of the seven days.
    """
    incidents = scripted_incidents(end)
    start = end - DAYS * DAY
    documents = 0
    with path.open("wb") as file:
        for day in range(DAYS):
            columns = day_columns(start, day, seed=seed, incidents=incidents)
            file.write(b"\n".join(lines(columns).tolist()))
            file.write(b"\n")
            documents += len(columns)
            on_day(documents)
    return GeneratedLog(path=path, documents=documents, start=start, end=end, incidents=incidents)


def day_columns(start: int, day: int, *, seed: int, incidents: Sequence[Incident]) -> LogColumns:
    """Draw the documents of one day.

    Args:
        start: epoch ms of the week's first midnight, a Monday's for the weekly shape to fit.
        day: 0–6.
        seed: same seed, same documents.
        incidents: what goes wrong; those of other days have no effect.
    """
    rng = np.random.default_rng([seed, day])
    midnight = start + day * DAY
    minutes = midnight + np.arange(1440, dtype=np.int64) * MINUTE
    load = _load(day)
    rate = REQUESTS_A_MINUTE * load
    for incident in incidents:
        if incident.kind is IncidentKind.TRAFFIC_DROP:
            rate[_during(minutes, incident)] *= incident.strength
    counts = rng.poisson(rate)
    minute = np.repeat(minutes, counts)
    rows = len(minute)
    time = minute + rng.integers(0, MINUTE, rows)
    service = _choose(rng, SERVICE_SHARES, rows)
    size_of_customer = 1.0 / np.arange(5, 5 + len(CUSTOMERS))
    customer = _choose(rng, size_of_customer / size_of_customer.sum(), rows)
    latency = np.asarray(SERVICE_LATENCY_MS)[service] * np.repeat(0.85 + 0.15 * load, counts)
    drawn = LogColumns(
        time=time,
        host=_choose(rng, HOST_SHARES, rows),
        service=service,
        customer=customer,
        status=_choose(rng, STATUS_SHARES, rows),
        latency_tenths=_clipped(
            10 * latency * rng.lognormal(-0.06, 0.35, rows), LATENCY_TENTHS_LIMIT
        ),
        size=_clipped(rng.lognormal(8.3, 0.7, rows), BYTES_LIMIT),
        order_cents=np.zeros(rows, dtype=np.int64),
    )
    drawn = _with_order_bursts(rng, drawn, midnight, incidents)
    drawn = _disturbed(rng, drawn, incidents)
    is_order = (drawn.service == CHECKOUT) & (drawn.status == OK)
    order_cents = _clipped(100 * rng.lognormal(3.9, 0.5, len(drawn)), ORDER_CENTS_LIMIT)
    drawn = replace(drawn, order_cents=np.where(is_order, order_cents, 0))
    return drawn.taken(np.argsort(drawn.time, kind="stable"))


def lines(columns: LogColumns) -> Bytes:
    """Return the documents as JSON lines, ``bytes[documents]``."""
    minute_of_file, within_minute = np.divmod(columns.time, MINUTE)
    minutes, minute = np.unique(minute_of_file, return_inverse=True)
    host_and_service = [
        f',"host":"{host}","service":"{service}"' for host in HOSTS for service in SERVICES
    ]
    customers = [
        f',"customer":"{customer}","country":"{COUNTRIES[number % len(COUNTRIES)]}"'
        for number, customer in enumerate(CUSTOMERS)
    ]
    ends = [
        "}",
        *(f',"order_value":{c // 100}.{c % 100:02d}}}' for c in _up_to(columns.order_cents)),
    ]
    parts: tuple[tuple[Sequence[str], Int64s], ...] = (
        ([f'{{"{TIME_FIELD}":"{_iso_minute(m)}:' for m in minutes.tolist()], minute),
        ([f'{ms // 1000:02d}.{ms % 1000:03d}Z"' for ms in range(MINUTE)], within_minute),
        (host_and_service, columns.host * len(SERVICES) + columns.service),
        (customers, columns.customer),
        ([f',"status":{status}' for status in STATUSES], columns.status),
        (
            [f',"latency_ms":{t // 10}.{t % 10}' for t in range(columns.latency_tenths.max() + 1)],
            columns.latency_tenths,
        ),
        ([f',"bytes":{size}' for size in range(columns.size.max() + 1)], columns.size),
        (ends, columns.order_cents),
    )
    first, *others = (np.asarray(texts, dtype=np.bytes_)[index] for texts, index in parts)
    line = first
    for part in others:
        line = np.strings.add(line, part)
    return line


def _up_to(values: Int64s) -> range:
    """Return 1 … the largest value."""
    return range(1, int(values.max()) + 1)


def _iso_minute(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M")


def _load(day: int) -> Float64s:
    """Return the shape of a day's traffic, ``float64[1440]``, about 1 on average over the week.

    Low at four in the morning, a plateau by day, a peak in the evening; weekends start later and
    end higher.
    """
    hour = np.arange(1440) / 60.0
    weekend = day >= 5
    morning = 1.0 / (1.0 + np.exp(-(hour - (9.5 if weekend else 8.0)) * 1.1))
    night = 1.0 / (1.0 + np.exp((hour - 23.0) * 1.3))
    evening = 0.45 * np.exp(-(((hour - 20.0) / 2.2) ** 2))
    late = 0.25 * np.exp(-(((hour - 0.0) / 1.8) ** 2))
    shape = 0.38 + 0.95 * morning * night * (1.0 + evening) + late
    factor = 1.12 if weekend else 1.0
    return np.asarray(shape * factor, dtype=np.float64)


def _with_order_bursts(
    rng: np.random.Generator, drawn: LogColumns, midnight: int, incidents: Sequence[Incident]
) -> LogColumns:
    """Append the orders of customers that order much more than usual."""
    for incident in incidents:
        starts_today = midnight <= incident.start < midnight + DAY
        if incident.kind is not IncidentKind.ORDER_BURST or not starts_today:
            continue
        minutes = (incident.end - incident.start) // MINUTE
        rows = int(rng.poisson(incident.strength * minutes))
        burst = LogColumns(
            time=rng.integers(incident.start, incident.end, rows),
            host=_choose(rng, HOST_SHARES, rows),
            service=np.full(rows, CHECKOUT, dtype=np.int64),
            customer=np.full(rows, CUSTOMERS.index(incident.entity["customer"]), dtype=np.int64),
            status=np.full(rows, OK, dtype=np.int64),
            latency_tenths=_clipped(
                10 * SERVICE_LATENCY_MS[CHECKOUT] * rng.lognormal(0.0, 0.35, rows),
                LATENCY_TENTHS_LIMIT,
            ),
            size=_clipped(rng.lognormal(8.3, 0.7, rows), BYTES_LIMIT),
            order_cents=np.zeros(rows, dtype=np.int64),
        )
        drawn = drawn.joined(burst)
    return drawn


def _disturbed(
    rng: np.random.Generator, drawn: LogColumns, incidents: Sequence[Incident]
) -> LogColumns:
    """Change latency and status of the documents that an incident hits."""
    latency = drawn.latency_tenths.astype(np.float64)
    status = drawn.status.copy()
    for incident in incidents:
        hit = drawn.entity_mask(incident) & _during(drawn.time, incident)
        if incident.kind is IncidentKind.LATENCY_SPIKE:
            latency[hit] *= incident.strength
        elif incident.kind is IncidentKind.LATENCY_CREEP:
            elapsed = (drawn.time[hit] - incident.start) / (incident.end - incident.start)
            latency[hit] *= 1.0 + (incident.strength - 1.0) * elapsed
        elif incident.kind is IncidentKind.ERROR_BURST:
            status[hit & (rng.random(len(drawn)) < incident.strength)] = UNAVAILABLE
    return replace(drawn, status=status, latency_tenths=_clipped(latency, LATENCY_TENTHS_LIMIT))


def _during(time: Int64s, incident: Incident) -> npt.NDArray[np.bool_]:
    return (time >= incident.start) & (time < incident.end)


def _choose(rng: np.random.Generator, shares: Sequence[float] | Float64s, rows: int) -> Int64s:
    """Draw positions with the given shares (which sum to 1)."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))[:-1]
    return np.searchsorted(edges, rng.random(rows), side="right").astype(np.int64)


def _clipped(values: Float64s, limit: int) -> Int64s:
    return np.clip(np.rint(values), 1, limit).astype(np.int64)
