"""`anomalyd detectors`: what is watched, and how the last historical analysis ended."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from anomalyd.api.convert import to_document
from anomalyd.cli.output import DEFAULT, Address, Output, OutputOption, connected, print_json

PAGE = 1000


def detectors(address: Address = DEFAULT, output: OutputOption = Output.TABLE) -> None:
    """List the detectors with the state of their latest historical task."""
    console = Console()
    with connected(address) as client:
        found = client.detectors.search({"size": PAGE, "sort": ["name.keyword"]})
        if output is Output.JSON:
            print_json(found)
            return
        latest = client.tasks.search(
            {
                "query": {
                    "bool": {
                        "filter": [
                            {"term": {"is_latest": True}},
                            {
                                "terms": {
                                    "task_type": [
                                        "HISTORICAL_SINGLE_ENTITY",
                                        "HISTORICAL_HC_DETECTOR",
                                    ]
                                }
                            },
                        ]
                    }
                },
                "size": PAGE,
            }
        )
    tasks = {hit.source.detector_id: to_document(hit.source) for hit in latest.hits.hits}
    table = Table(header_style="bold")
    for heading in ("id", "name", "indices", "category", "interval", "last analysis"):
        table.add_column(heading)
    for hit in found.hits.hits:
        detector = to_document(hit.source)
        period = detector["detection_interval"]["period"]
        task = tasks.get(hit.id)
        table.add_row(
            hit.id,
            detector["name"],
            ", ".join(detector["indices"]),
            ", ".join(detector.get("category_field", ())) or "–",
            f"{period['interval']} {period['unit'].lower()}",
            f"{task['state'].lower()} ({task['task_progress']:.0%})" if task else "never",
        )
    console.print(table)
