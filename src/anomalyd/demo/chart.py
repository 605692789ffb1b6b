"""One SVG: a panel per series with its grades, the planted incidents and what was found.

The file carries its own styles for light and dark surroundings and needs nothing but a browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from anomalyd.demo.incidents import DAY, Incident

WIDTH = 1000
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 66, 34
SERIES_HEIGHT, GRADE_HEIGHT, PANEL_GAP, HEADING = 74, 22, 16, 18
PANEL_HEIGHT = HEADING + SERIES_HEIGHT + GRADE_HEIGHT + PANEL_GAP
LABEL_ROOM = 200
HEADROOM = 1.12
"""The vertical axis ends this much above the largest value, so that marks have room."""


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours for one kind of surroundings."""

    ground: str
    ink: str
    faint: str
    rule: str
    line: str
    planted: str
    label: str
    found: str

    def rules(self) -> str:
        """Return the style rules that name colours; plain, for viewers without CSS variables."""
        return (
            f".ground {{ fill: {self.ground} }} text {{ fill: {self.faint} }} "
            f".title, .name {{ fill: {self.ink} }} .label {{ fill: {self.label} }} "
            f".rule {{ stroke: {self.rule} }} .line {{ stroke: {self.line} }} "
            f".planted {{ fill: {self.planted} }} .found {{ fill: {self.found} }} "
            f".grade {{ stroke: {self.found} }}"
        )


LIGHT = Palette(
    ground="#ffffff",
    ink="#1f2933",
    faint="#66727f",
    rule="#e4e7eb",
    line="#2563eb",
    planted="#f59e0b",
    label="#b45309",
    found="#dc2626",
)
DARK = Palette(
    ground="#0d1117",
    ink="#e6edf3",
    faint="#8b949e",
    rule="#262c36",
    line="#60a5fa",
    planted="#fbbf24",
    label="#fbbf24",
    found="#f87171",
)
STYLE = f"""
text {{ font: 11px system-ui, -apple-system, 'Segoe UI', sans-serif }}
.title {{ font-size: 16px; font-weight: 600 }} .name {{ font-size: 12px; font-weight: 600 }}
.label {{ font-weight: 600 }} .value {{ text-anchor: end }} .day {{ text-anchor: middle }}
.rule {{ stroke-width: 1 }} .line {{ fill: none; stroke-width: 1.1; stroke-linejoin: round }}
.planted {{ fill-opacity: 0.28 }} .grade {{ stroke-width: 1.8 }}
{LIGHT.rules()}
@media (prefers-color-scheme: dark) {{ {DARK.rules()} }}
"""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One series with its grades.

    Attributes:
        title: what the series is.
        unit: of the values, such as ``ms``; may be empty.
        time: ``int64[points]``, start of each interval, epoch ms, increasing.
        value: ``float64[points]``; NaN breaks the line.
        grade: ``float64[points]``, 0–1; NaN counts as 0.
        planted: the incidents to shade.
    """

    title: str
    unit: str
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    grade: npt.NDArray[np.float64]
    planted: tuple[Incident, ...]


def draw(panels: Sequence[Panel], *, title: str, start: int, end: int) -> str:
    """Return the chart as SVG text.

    Args:
        panels: from top to bottom; at least one.
        title: heading of the whole chart.
        start: left edge of the time axis, epoch ms.
        end: right edge.
    """
    height = TOP + len(panels) * PANEL_HEIGHT + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text class="title" x="{LEFT}" y="28">{escape(title)}</text>',
        _legend(),
        _days(start, end, height),
    ]
    for number, panel in enumerate(panels):
        parts.append(_panel(panel, TOP + number * PANEL_HEIGHT, start, end))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _x(time: npt.NDArray[np.int64], start: int, end: int) -> npt.NDArray[np.float64]:
    """Return horizontal positions of times."""
    return LEFT + (time - start) / (end - start) * (WIDTH - LEFT - RIGHT)


def _legend() -> str:
    y = 46
    return (
        f'<path class="line" d="M{LEFT} {y - 4}h22"/>'
        f'<text x="{LEFT + 28}" y="{y}">series</text>'
        f'<rect class="planted" x="{LEFT + 82}" y="{y - 10}" width="14" height="12"/>'
        f'<text x="{LEFT + 102}" y="{y}">planted incident</text>'
        f'<circle class="found" cx="{LEFT + 212}" cy="{y - 4}" r="3.2"/>'
        f'<text x="{LEFT + 220}" y="{y}">anomaly found</text>'
        f'<path class="grade" d="M{LEFT + 316} {y + 1}v-10"/>'
        f'<text x="{LEFT + 324}" y="{y}">its grade, 0 to 1</text>'
    )


def _days(start: int, end: int, height: int) -> str:
    """Return the vertical rules at midnight (UTC) and the names of the days."""
    first = -(-start // DAY) * DAY
    midnights = np.arange(first, end + 1, DAY, dtype=np.int64)
    bottom = height - BOTTOM - PANEL_GAP
    rules = "".join(f"M{x:.1f} {TOP}V{bottom}" for x in _x(midnights, start, end))
    noons = midnights + DAY // 2
    names = "".join(
        f'<text class="day" x="{x:.1f}" y="{bottom + 18}">{_day_name(noon)}</text>'
        for noon, x in zip(noons.tolist(), _x(noons, start, end), strict=True)
        if noon < end
    )
    return f'<path class="rule" d="{rules}"/>{names}'


def _day_name(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1000, UTC):%a %d %b}"


def _panel(panel: Panel, top: int, start: int, end: int) -> str:
    base = top + HEADING + SERIES_HEIGHT
    grade_base = base + GRADE_HEIGHT
    right = WIDTH - RIGHT
    known = panel.value[np.isfinite(panel.value)]
    highest = max(float(known.max(initial=0.0)) * HEADROOM, 1e-12)
    x = _x(panel.time, start, end)
    y = base - panel.value / highest * SERIES_HEIGHT
    shades = []
    for incident in panel.planted:
        begin, finish = _x(np.array([incident.start, incident.end]), start, end)
        shades.append(
            f'<rect class="planted" x="{begin:.1f}" y="{top + HEADING}" '
            f'width="{max(finish - begin, 2.0):.1f}" height="{SERIES_HEIGHT + GRADE_HEIGHT}"/>'
            f'<text class="label" {_anchor(begin, finish)} y="{top + HEADING - 5}">'
            f"{escape(incident.name)}</text>"
        )
    grade = np.nan_to_num(panel.grade)
    flagged = np.flatnonzero(grade > 0)
    stems = "".join(
        f"M{x[i]:.1f} {grade_base}v{-grade[i] * (GRADE_HEIGHT - 4):.1f}" for i in flagged.tolist()
    )
    dots = "".join(
        f'<circle class="found" cx="{x[i]:.1f}" cy="{y[i]:.1f}" r="3.2"/>'
        for i in flagged.tolist()
        if np.isfinite(y[i])
    )
    return (
        f'<text class="name" x="{LEFT}" y="{top + HEADING - 5}">{escape(panel.title)}</text>'
        f'<path class="rule" d="M{LEFT} {base}H{right}M{LEFT} {grade_base}H{right}"/>'
        f'<text class="value" x="{LEFT - 8}" y="{base}">0</text>'
        f'<text class="value" x="{LEFT - 8}" y="{top + HEADING + 10}">'
        f"{escape(_amount(highest / HEADROOM, panel.unit))}</text>"
        f'<text class="value" x="{LEFT - 8}" y="{grade_base}">grade</text>'
        + "".join(shades)
        + f'<path class="line" d="{_path(panel.time, x, y)}"/>'
        + f'<path class="grade" d="{stems}"/>'
        + dots
    )


def _anchor(begin: float, finish: float) -> str:
    """Return where a label starts, or where it ends when there is little room on the right."""
    if begin > WIDTH - LABEL_ROOM:
        return f'text-anchor="end" x="{finish:.1f}"'
    return f'x="{begin:.1f}"'


def _path(
    time: npt.NDArray[np.int64], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> str:
    """Return a path that is broken where values are missing or intervals have no documents."""
    known = np.flatnonzero(np.isfinite(y))
    if len(known) == 0:
        return ""
    steps = np.diff(time)
    usual = steps.min() if len(steps) else 1
    begins = np.ones(len(known), dtype=np.bool_)
    begins[1:] = np.diff(time[known]) > 3 * usual
    return "".join(
        f"{'M' if begin else 'L'}{px:.1f} {py:.1f}"
        for begin, px, py in zip(begins.tolist(), x[known], y[known], strict=True)
    )


def _amount(value: float, unit: str) -> str:
    """Return a number for the axis, short."""
    text = f"{value / 1000:.1f}k" if value >= 10_000 else f"{value:,.0f}"
    return f"{text} {unit}".strip()
