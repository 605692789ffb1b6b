"""The demonstration, step by step, against a running service."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from anomalyd.demo import chart, report
from anomalyd.demo.detectors import CHARTED, DETECTORS, INDEX, MAPPING, DemoDetector
from anomalyd.demo.findings import Comparison, compare
from anomalyd.demo.generator import DAYS, TIME_FIELD, GeneratedLog, write_log
from anomalyd.demo.rest import API, RestClient
from anomalyd.demo.results import Run, count_results, findings, panel
from anomalyd.errors import AnomalydError

MARKER = ".anomalyd-demo"
LOG_NAME = "shop.ndjson"
CHART_NAME = "demo.svg"
POLL_SECONDS = 0.2

ImportLog = Callable[[Path, str, str], int]
"""Imports a file into an index with a time field, shows how far it is, returns the documents."""


class FolderInUse(AnomalydError):
    """The demonstration's folder holds something that it did not make."""


class RunEnded(AnomalydError):
    """An analysis ended otherwise than finished."""


@dataclass(frozen=True)
class Demonstrated:
    """What a run of the demonstration leaves.

    Attributes:
        comparison: planted beside found.
        runs: the analyses whose results are in the service.
        chart: path of the SVG.
    """

    comparison: Comparison
    runs: tuple[Run, ...]
    log: GeneratedLog
    chart: Path


def fresh_folder(folder: Path) -> None:
    """Make the folder empty. Raises: FolderInUse when an earlier demonstration did not make it."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise FolderInUse(f"{folder} is not empty and not of an earlier demo; choose another")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def demonstrate(
    *, rest: RestClient, folder: Path, import_log: ImportLog, console: Console
) -> Demonstrated:
    """Generate the log, import it, analyse it, and print planted beside found.

    Args:
        rest: the service's REST API.
        folder: where the log and the chart go.
        import_log: how the log gets into the service.
        console: where progress and the report go.

    Raises: RunEnded, or whatever the service answers with.
    """
    log = _generate(folder / LOG_NAME, console)
    rest.request("PUT", INDEX, {"mappings": MAPPING})
    documents = import_log(log.path, INDEX, TIME_FIELD)
    if documents != log.documents:
        raise RunEnded(
            f"{log.documents - documents} of {log.documents} documents were not imported"
        )
    runs = _analyse(rest, log, console)
    comparison = compare(
        log.incidents,
        (finding for run in runs for finding in findings(rest, run)),
        intervals=sum(count_results(rest, run) for run in runs),
    )
    by_name = {run.detector: run for run in runs}
    path = folder / CHART_NAME
    path.write_text(
        chart.draw(
            [panel(rest, by_name[each.detector], each, log.incidents) for each in CHARTED],
            title="A week in a web shop: five planted incidents and what anomalyd found",
            start=log.start,
            end=log.end,
        ),
        encoding="utf-8",
    )
    console.print()
    console.print(report.render(comparison))
    console.print(f"Chart: {path.resolve().as_uri()}", soft_wrap=True)
    return Demonstrated(comparison, runs, log, path)


def curl_lines(base: str, runs: Sequence[Run], log: GeneratedLog) -> list[str]:
    """Return three requests to try on what the demonstration left."""
    first, *others = runs
    customers = others[-1]
    anomalies = (
        '{"size":3,"sort":[{"anomaly_grade":"desc"}],"query":{"bool":{"filter":['
        f'{{"term":{{"task_id":"{first.task_id}"}}}},'
        '{"range":{"anomaly_grade":{"gt":0}}}]}}}'
    )
    top = f'{{"size":5,"start_time_ms":{log.start},"end_time_ms":{log.end}}}'
    json = "-H 'Content-Type: application/json'"
    return [
        f"curl '{base}/{API}/detectors/{first.detector_id}?task=true&pretty'",
        f"curl '{base}/{API}/detectors/results/_search?pretty' {json} -d '{anomalies}'",
        f"curl -X GET '{base}/{API}/detectors/{customers.detector_id}/results/_topAnomalies"
        f"?historical=true&pretty' {json} -d '{top}'",
    ]


def progress_bars(console: Console) -> Progress:
    """Return progress bars as all steps show them."""
    return Progress(
        TextColumn("{task.description:<44}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
    )


def _generate(path: Path, console: Console) -> GeneratedLog:
    with progress_bars(console) as bars:
        bar = bars.add_task("generating a week of a web shop", total=DAYS, note="")

        def on_day(documents: int) -> None:
            bars.update(bar, advance=1, note=f"{documents:,} documents")

        return write_log(path, on_day=on_day)


def _analyse(rest: RestClient, log: GeneratedLog, console: Console) -> tuple[Run, ...]:
    """Create the detectors, start all analyses at once, and follow them to their ends."""
    with progress_bars(console) as bars:
        started = []
        for detector in DETECTORS:
            detector_id = rest.create_detector(detector.document())
            task_id = rest.start_historical(detector_id, log.start, log.end)
            bar = bars.add_task(_headline(detector), total=1.0, note="")
            started.append(
                (bar, Run(detector=detector.name, detector_id=detector_id, task_id=task_id))
            )
        running = dict(started)
        while running:
            for bar, run in list(running.items()):
                task = rest.historical_task(run.detector_id)
                bars.update(bar, completed=task["task_progress"], note=task["state"].lower())
                if task["state"] == "FINISHED":
                    del running[bar]
                elif task["state"] in ("FAILED", "STOPPED"):
                    raise RunEnded(f"{run.detector} {task['state']}: {task.get('error')}")
            time.sleep(POLL_SECONDS if running else 0)
    return tuple(run for _, run in started)


def _headline(detector: DemoDetector) -> str:
    return f"{detector.name}: {detector.question}"
