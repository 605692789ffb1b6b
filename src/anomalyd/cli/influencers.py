"""`anomalyd influencers`: who or what is to blame, the top ones first."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from anomalyd.cli.output import DEFAULT, Address, Output, OutputOption, connected, date, print_json
from anomalyd.v1.influencer_pb2 import Influencer

BAR_CELLS = 20
_SEVERITIES = ((75.0, "red"), (50.0, "dark_orange"), (25.0, "yellow"), (0.0, "cyan"))
_EIGHTHS = " ▏▎▍▌▋▊▉"


def influencers(
    detector: Annotated[str, typer.Argument(help="Name or id of the detector.")],
    address: Address = DEFAULT,
    score: Annotated[float, typer.Option(help="Leave out scores below this one.")] = 0.0,
    size: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 10,
    output: OutputOption = Output.TABLE,
) -> None:
    """List who or what is to blame for a detector's anomalies, the highest score first."""
    with connected(address) as client:
        answer = client.influencers.get(detector, score=score, size=size)
    if output is Output.JSON:
        print_json(answer)
        return
    console = Console()
    console.print(table(list(answer.influencers)))
    console.print(f"{len(answer.influencers)} of {answer.count} influencers")


def table(found: list[Influencer], *, title: str | None = None) -> Table:
    """Return influencers as a table with a bar per score."""
    shown = Table(title=title, title_justify="left", header_style="bold")
    for heading in ("start (UTC)", "field", "value"):
        shown.add_column(heading)
    shown.add_column("score", justify="right")
    shown.add_column("", min_width=BAR_CELLS, no_wrap=True)
    shown.add_column("probability", justify="right")
    for each in found:
        shown.add_row(
            date(each.timestamp) + (" (open)" if each.is_interim else ""),
            each.influencer_field_name,
            each.influencer_field_value,
            f"{each.influencer_score:.1f}",
            bar(each.influencer_score),
            f"{each.probability:.2g}",
        )
    return shown


def bar(score: float) -> Text:
    """Return a score of 0 to 100 as a bar in the colour of its severity."""
    cells = max(0.0, min(100.0, score)) / 100 * BAR_CELLS
    whole = int(cells)
    part = _EIGHTHS[int((cells - whole) * 8)].strip()
    style = next(style for limit, style in _SEVERITIES if score >= limit or limit == 0.0)
    return Text("█" * whole + part, style=style)
