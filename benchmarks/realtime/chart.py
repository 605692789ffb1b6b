"""The chart of tick time and memory against entities, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.realtime.run import Step

CHART = Path(__file__).resolve().parents[2] / "docs" / "images" / "realtime.svg"
WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 60, 440, 50, 270
STYLE = """<style>
text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #66727f }
.title { font-weight: 600; fill: #1f2933 } .end { text-anchor: end } .mid { text-anchor: middle }
.ground { fill: #ffffff } .rule { stroke: #e4e7eb } .line { stroke: #2563eb; fill: none }
.dot { fill: #2563eb } .hollow { fill: #ffffff; stroke: #2563eb }
.linear { stroke: #9aa5b1; stroke-dasharray: 4 4; fill: none }
@media (prefers-color-scheme: dark) { .ground { fill: #0d1117 } text { fill: #8b949e }
.title { fill: #e6edf3 } .rule { stroke: #262c36 } .line { stroke: #60a5fa } .dot { fill: #60a5fa }
.hollow { fill: #0d1117; stroke: #60a5fa }}
</style>"""


def draw(steps: Sequence[Step]) -> str:
    """Return the chart; both axes are logarithmic, so that linear growth is a straight diagonal.

    The dashed line is linear growth from the largest size whose models were all ready; a hollow dot
    is a size of which a part was packed or spilled.
    """
    panels = [
        _panel(steps, 0, "tick, seconds (median)", lambda step: step.median),
        _panel(steps, WIDTH, "peak memory, GiB", lambda step: step.peak / 1024**3),
    ]
    width = WIDTH * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" '
        f'height="{HEIGHT}" role="img" aria-label="Tick time and memory against entities">\n'
        f'{STYLE}\n<rect class="ground" width="{width}" height="{HEIGHT}" rx="8"/>\n'
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def _panel(steps: Sequence[Step], left: int, title: str, value: Callable[[Step], float]) -> str:
    sizes, values = [step.entities for step in steps], [value(step) for step in steps]
    across, down = _decades(sizes), _decades(values)

    def x(size: float) -> float:
        return left + LEFT + (RIGHT - LEFT) * _share(size, across)

    def y(amount: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * _share(amount, down)

    parts = [f'<text class="title" x="{left + LEFT}" y="28">{title}</text>']
    for power in range(across[0], across[1] + 1):
        at = x(10.0**power)
        parts.append(f'<path class="rule" d="M{at:.1f} {TOP}V{BOTTOM}"/>')
        label = f"{10**power:,}"
        parts.append(f'<text class="mid" x="{at:.1f}" y="{BOTTOM + 18}">{label}</text>')
    for power in range(down[0], down[1] + 1):
        at = y(10.0**power)
        parts.append(f'<path class="rule" d="M{left + LEFT} {at:.1f}H{left + RIGHT}"/>')
        parts.append(
            f'<text class="end" x="{left + LEFT - 8}" y="{at + 4:.1f}">{10.0**power:g}</text>'
        )
    ready = [step.resident == step.entities for step in steps]
    last = max((at for at, all_ready in enumerate(ready) if all_ready), default=len(steps) - 1)
    rate = values[last] / sizes[last]
    low = max(sizes[0], 10.0 ** down[0] / rate)
    high = min(sizes[-1], 10.0 ** down[1] / rate)
    parts.append(
        f'<path class="linear" d="M{x(low):.1f} {y(rate * low):.1f}'
        f'L{x(high):.1f} {y(rate * high):.1f}"/>'
    )
    points = [(x(size), y(amount)) for size, amount in zip(sizes, values, strict=True)]
    parts.append(
        f'<path class="line" d="M{"L".join(f"{at:.1f} {above:.1f}" for at, above in points)}"/>'
    )
    for (at, above), all_ready in zip(points, ready, strict=True):
        kind = "dot" if all_ready else "hollow"
        parts.append(f'<circle class="{kind}" cx="{at:.1f}" cy="{above:.1f}" r="3"/>')
    middle = left + (LEFT + RIGHT) // 2
    parts.append(f'<text class="mid" x="{middle}" y="{BOTTOM + 38}">entities</text>')
    return "\n".join(parts)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around some values: at least one decade."""
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))


def _share(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0])
