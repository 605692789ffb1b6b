"""What goes wrong in the demonstration's web shop: the truth that findings are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

MINUTE = 60_000
DAY = 1440 * MINUTE


class IncidentKind(Enum):
    """The kinds of trouble that the generator can script."""

    TRAFFIC_DROP = "traffic drop"
    LATENCY_SPIKE = "latency spike"
    LATENCY_CREEP = "latency creep"
    ERROR_BURST = "error burst"
    ORDER_BURST = "order burst"


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One planted incident.

    Attributes:
        name: short name for tables and charts.
        kind: what goes wrong.
        start: epoch ms, inclusive.
        end: epoch ms, exclusive.
        strength: how much; the unit depends on the kind: the share of traffic that is left, the
            factor on latency (at the end of a creep), the share of failing requests, or orders a
            minute.
        entity: field → value of the documents that are hit; empty when all are.
        watch: one line that says which series shows it.
    """

    name: str
    kind: IncidentKind
    start: int
    end: int
    strength: float
    watch: str
    entity: Mapping[str, str] = field(default_factory=dict)

    def concerns(self, entity: Mapping[str, str]) -> bool:
        """Tell whether the series of this entity can show the incident.

        The whole shop's series (an empty entity) shows every incident, and an incident of the
        whole shop shows in every series. Otherwise the series must be of the incident's entity or
        of a part of it, as payment on web-1 is of payment. A series of another category, such as
        a customer's while a host fails, proves nothing.
        """
        return not entity or self.entity.items() <= entity.items()


def scripted_incidents(end: int) -> tuple[Incident, ...]:
    """Return the five incidents of the week that ends at ``end`` (epoch ms), by time.

    The first two days are undisturbed, so that the models see a normal week day first.
    """
    start = end - 7 * DAY

    def at(day: int, hour: int, minute: int = 0) -> int:
        return start + day * DAY + (hour * 60 + minute) * MINUTE

    return (
        Incident(
            name="payment is slow",
            kind=IncidentKind.LATENCY_SPIKE,
            start=at(2, 14),
            end=at(2, 14, 30),
            strength=2.0,
            entity={"service": "payment"},
            watch="mean latency of the payment service",
        ),
        Incident(
            name="web-3 fails",
            kind=IncidentKind.ERROR_BURST,
            start=at(3, 9, 40),
            end=at(3, 10, 10),
            strength=0.15,
            entity={"host": "web-3"},
            watch="failed requests of host web-3",
        ),
        Incident(
            name="shop unreachable",
            kind=IncidentKind.TRAFFIC_DROP,
            start=at(4, 11, 20),
            end=at(4, 12),
            strength=0.04,
            watch="requests of the whole shop",
        ),
        Incident(
            name="customer-017 hoards",
            kind=IncidentKind.ORDER_BURST,
            start=at(5, 20),
            end=at(5, 20, 40),
            strength=5.0,
            entity={"customer": "customer-017"},
            watch="order value of customer-017",
        ),
        Incident(
            name="search gets slower",
            kind=IncidentKind.LATENCY_CREEP,
            start=at(6, 12),
            end=at(6, 17),
            strength=2.2,
            entity={"service": "search"},
            watch="mean latency of the search service",
        ),
    )
