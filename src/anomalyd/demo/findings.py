"""What was found, held against what was planted: plain arithmetic on intervals and entities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from anomalyd.demo.incidents import Incident

ECHO_WINDOWS = 8
"""Windows of a default shingle: so long does an incident stay in what a model looks at."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One interval with a grade above 0.

    Attributes:
        detector: name of the detector.
        entity: category field → value; empty for a single-entity detector.
        start, end: the interval, epoch ms, half open.
        grade: 0 < grade ≤ 1.
        score, threshold: what the grade was computed from.
    """

    detector: str
    start: int
    end: int
    grade: float
    score: float
    threshold: float
    entity: Mapping[str, str] = field(default_factory=dict)

    def overlaps(self, incident: Incident) -> bool:
        """Tell whether the interval has a moment in common with the incident."""
        return self.start < incident.end and incident.start < self.end

    def echoes(self, incident: Incident) -> bool:
        """Tell whether the interval comes within a shingle after the incident's end."""
        length = self.end - self.start
        return incident.end <= self.start < incident.end + ECHO_WINDOWS * length


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one planted incident.

    Attributes:
        findings: those that show it, by time; empty when it was missed.
    """

    incident: Incident
    findings: tuple[Finding, ...]

    @property
    def found(self) -> bool:
        """Whether any interval of the incident was flagged."""
        return bool(self.findings)

    @property
    def own(self) -> tuple[Finding, ...]:
        """The findings of the incident's very own series; those of all series if it has none."""
        entity = dict(self.incident.entity)
        return tuple(each for each in self.findings if each.entity == entity) or self.findings

    @property
    def first(self) -> Finding:
        """The earliest of its own findings; at the same time, the one with the highest grade."""
        return min(self.own, key=lambda finding: (finding.end, -finding.grade))

    @property
    def best(self) -> Finding:
        """The own finding with the highest grade; the earliest of equals."""
        return min(self.own, key=lambda finding: (-finding.grade, finding.end))

    @property
    def delay(self) -> int:
        """Milliseconds from the incident's start to the end of the first flagged interval."""
        return self.first.end - self.incident.start


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Planted beside found.

    Attributes:
        outcomes: one per incident, in the incidents' order.
        echoes: findings that only follow an incident: its end is a change as well.
        others: findings that nothing planted explains.
        intervals: (entity × window) rows that were analysed in all.
    """

    outcomes: tuple[Outcome, ...]
    echoes: tuple[Finding, ...]
    others: tuple[Finding, ...]
    intervals: int

    @property
    def found(self) -> int:
        """How many incidents were found."""
        return sum(outcome.found for outcome in self.outcomes)


def compare(
    incidents: Sequence[Incident], findings: Iterable[Finding], *, intervals: int
) -> Comparison:
    """Hold findings against incidents.

    A finding shows an incident when their times overlap and the incident concerns its series (see
    ``Incident.concerns``).

    Args:
        incidents: what was planted.
        findings: every interval with a grade above 0, of all detectors.
        intervals: how many intervals were analysed.
    """
    ordered = sorted(findings, key=lambda finding: (finding.start, finding.detector))
    shown: list[list[Finding]] = [[] for _ in incidents]
    echoes: list[Finding] = []
    others: list[Finding] = []
    for finding in ordered:
        related = [incident.concerns(finding.entity) for incident in incidents]
        during = [
            place
            for place, incident in enumerate(incidents)
            if related[place] and finding.overlaps(incident)
        ]
        for place in during:
            shown[place].append(finding)
        if during:
            continue
        after = any(
            concerned and finding.echoes(incident)
            for concerned, incident in zip(related, incidents, strict=True)
        )
        (echoes if after else others).append(finding)
    return Comparison(
        outcomes=tuple(
            Outcome(incident=incident, findings=tuple(found))
            for incident, found in zip(incidents, shown, strict=True)
        ),
        echoes=tuple(echoes),
        others=tuple(others),
        intervals=intervals,
    )
