"""The chart of points a second, ours and the peers', as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

CHART = Path(__file__).resolve().parents[2] / "docs" / "images" / "core.svg"
WIDTH, LEFT, RIGHT, TOP, STEP = 640, 190, 540, 60, 40
STYLE = """<style>
text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #66727f }
.title { font-weight: 600; fill: #1f2933 } .end { text-anchor: end }
.ground { fill: #ffffff } .bar { fill: #9aa5b1 } .ours { fill: #2563eb }
@media (prefers-color-scheme: dark) { .ground { fill: #0d1117 } text { fill: #8b949e }
.title { fill: #e6edf3 } .bar { fill: #484f58 } .ours { fill: #60a5fa }}
</style>"""


def draw(rates: Mapping[str, float]) -> str:
    """Return the chart of steps a second by name, ours first; the axis is logarithmic."""
    height = TOP + STEP * len(rates) + 10
    most = math.log10(max(rates.values()))
    parts = []
    for at, (name, rate) in enumerate(rates.items()):
        y = TOP + STEP * at
        length = max(2.0, (RIGHT - LEFT) * math.log10(max(rate, 1.0)) / most)
        kind = "bar ours" if at == 0 else "bar"
        parts.append(f'<text class="end" x="{LEFT - 10}" y="{y + 17}">{name}</text>')
        parts.append(
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="24" rx="4"/>'
        )
        parts.append(f'<text x="{LEFT + length + 8:.1f}" y="{y + 17}">{rate:,.0f}</text>')
    title = "Points scored and learned a second (30 trees, 256 samples, shingle 8), one core"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{title}">\n{STYLE}\n'
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>\n'
        f'<text class="title" x="20" y="32">{title}</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )
