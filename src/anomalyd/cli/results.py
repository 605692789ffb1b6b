"""`anomalyd results`: the anomalies of a detector."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from anomalyd.cli.output import DEFAULT, Address, Output, OutputOption, connected, date, print_json
from anomalyd.client import Client


def results(
    detector: Annotated[str, typer.Argument(help="Name or id of the detector.")],
    address: Address = DEFAULT,
    grade_above: Annotated[float, typer.Option(help="Leave out this grade and less.")] = 0.0,
    size: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the anomalies of a detector by time, those of its latest historical task."""
    console = Console()
    with connected(address) as client:
        detector_id = _id_of(client, detector)
        found = client.detectors.get(detector_id, task=True)
        task_id = found.historical_analysis_task.task_id or None
        answer = client.results.anomalies(
            detector_id, task_id=task_id, grade_above=grade_above, size=size
        )
    if output is Output.JSON:
        print_json(answer)
        return
    table = Table(header_style="bold")
    for heading in ("start (UTC)", "end (UTC)", "entity"):
        table.add_column(heading)
    for heading in ("values", "grade", "confidence", "score", "threshold"):
        table.add_column(heading, justify="right")
    for hit in answer.hits.hits:
        result = hit.source
        table.add_row(
            date(result.data_start_time),
            date(result.data_end_time),
            " / ".join(each.value for each in result.entity) or "–",
            ", ".join(f"{each.data:,.6g}" for each in result.feature_data),
            f"{result.anomaly_grade:.2f}",
            f"{result.confidence:.2f}",
            f"{result.anomaly_score:.2f}",
            f"{result.threshold:.2f}",
        )
    console.print(table)
    console.print(f"{len(answer.hits.hits)} of {answer.hits.total.value} anomalies")


def _id_of(client: Client, name_or_id: str) -> str:
    """Return the id of the detector with this name, or else what was given."""
    named = client.detectors.search(
        {"query": {"term": {"name.keyword": name_or_id}}, "size": 1, "_source": False}
    )
    return named.hits.hits[0].id if named.hits.hits else name_or_id
