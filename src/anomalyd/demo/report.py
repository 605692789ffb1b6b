"""The table that the demonstration ends with: planted beside found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from anomalyd.demo.findings import Comparison, Finding, Outcome
from anomalyd.demo.incidents import MINUTE


def render(comparison: Comparison) -> RenderableType:
    """Return the table and the lines under it."""
    table = Table(title="planted beside found", title_justify="left", header_style="bold")
    for heading in ("planted", "when (UTC)", "where", "found", "detector", "entity", "delay"):
        table.add_column(heading)
    table.add_column("grade", justify="right")
    for outcome in comparison.outcomes:
        table.add_row(*_row(outcome))
    return Group(table, *(Text(line) for line in summary(comparison)))


def summary(comparison: Comparison) -> list[str]:
    """Return the figures under the table, one line each."""
    flagged = {id(finding) for outcome in comparison.outcomes for finding in outcome.findings}
    outside = len(comparison.echoes) + len(comparison.others)
    share = 100 * outside / comparison.intervals if comparison.intervals else 0.0
    lines = [
        f"{comparison.found} of {len(comparison.outcomes)} incidents found, "
        f"in {len(flagged)} flagged intervals of {comparison.intervals:,} analysed.",
        f"Flagged besides: {outside} ({share:.2f} %), of which {len(comparison.echoes)} just after "
        f"an incident (its end is a change too) and {len(comparison.others)} that nothing planted "
        "explains.",
    ]
    missed = [outcome for outcome in comparison.outcomes if not outcome.found]
    lines += [f"Missed: {outcome.incident.name} ({outcome.incident.watch})." for outcome in missed]
    return lines


def describe_entity(entity: Mapping[str, str]) -> str:
    """Return an entity as its values, or a dash for a single series."""
    return " / ".join(entity.values()) or "–"


def describe_span(start: int, end: int) -> str:
    """Return an interval as ``Wed 14:00–14:30``."""
    first, last = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (start, end))
    return f"{first:%a %H:%M}–{last:%H:%M}"


def describe_length(milliseconds: int) -> str:
    """Return a length of time as ``25 min`` or ``2 h 05 min``."""
    hours, minutes = divmod(milliseconds // MINUTE, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _row(outcome: Outcome) -> tuple[str | Text, ...]:
    incident = outcome.incident
    planted = (
        incident.name,
        describe_span(incident.start, incident.end),
        describe_entity(incident.entity) if incident.entity else "whole shop",
    )
    if not outcome.found:
        return (*planted, Text("missed", style="bold red"), "", "", "", "")
    best = outcome.best
    return (
        *planted,
        Text(_found(outcome.first), style="green"),
        best.detector,
        describe_entity(best.entity),
        describe_length(outcome.delay),
        f"{best.grade:.2f}",
    )


def _found(finding: Finding) -> str:
    return describe_span(finding.start, finding.end)
