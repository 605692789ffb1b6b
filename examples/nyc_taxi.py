"""Taxi passengers in New York, half a year: what the detector flags beside what people labelled.

Loads the series over REST `_bulk` with the stock opensearch-py bulk helper, creates a detector on
the half-hourly sum of `value`, runs it over the whole range, and prints every anomaly beside the
labelled windows (marathon, Thanksgiving, Christmas, New Year, snow storm).

    python examples/nyc_taxi.py --start
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opensearchpy import OpenSearch, helpers
from support import (
    SHARED_DATA,
    anomalies,
    arguments,
    connected,
    date,
    milliseconds,
    run_over_the_past,
    search_results,
)

SERIES = Path("realKnownCause/nyc_taxi.csv")
INDEX = "nyc_taxi"
INTERVAL = 30 * 60_000
WANTED_WINDOWS = 3

DETECTOR = {
    "name": "nyc-taxi",
    "description": "passengers per half hour",
    "time_field": "timestamp",
    "indices": [INDEX],
    "feature_attributes": [
        {
            "feature_name": "passengers",
            "feature_enabled": True,
            "aggregation_query": {"passengers": {"sum": {"field": "value"}}},
        }
    ],
    "detection_interval": {"period": {"interval": 30, "unit": "Minutes"}},
}


def documents(data: Path) -> Iterator[dict[str, Any]]:
    """Read the series as documents; times are given as epoch milliseconds."""
    with gzip.open(data / f"{SERIES}.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            yield {
                "_index": INDEX,
                "timestamp": milliseconds(row["timestamp"]),
                "value": int(row["value"]),
            }


def labelled_windows(data: Path) -> list[tuple[int, int]]:
    """Read the labelled windows; first and last time, both inclusive, epoch ms."""
    windows = json.loads((data / "windows.json").read_text())[str(SERIES)]
    return [(milliseconds(first), milliseconds(last)) for first, last in windows]


def load(client: OpenSearch, data: Path) -> tuple[int, int]:
    """Put the series into the service and return its first and last time."""
    mapping = {"properties": {"timestamp": {"type": "date"}, "value": {"type": "long"}}}
    client.indices.delete(index=INDEX, ignore=[404])
    client.indices.create(index=INDEX, body={"mappings": mapping})
    rows = list(documents(data))
    loaded, _ = helpers.bulk(client, rows, chunk_size=5000, refresh=True)
    print(f"{loaded} documents loaded")
    return rows[0]["timestamp"], rows[-1]["timestamp"]


def main() -> None:
    """Run the example."""
    options = arguments(__doc__, SHARED_DATA / "nab")
    windows = labelled_windows(options.data)
    with connected(options) as client:
        first, last = load(client, options.data)
        _, task_id = run_over_the_past(client, DETECTOR, start=first, end=last + INTERVAL)
        found = anomalies(client, task_id)
        analysed = search_results(client, task_id, size=0, track_total_hits=True)["total"]["value"]
        inside = [_in_window(client, task_id, window) for window in windows]
        hit = _print_beside(found, windows)
        outside = analysed - sum(hits["total"]["value"] for hits in inside)
        flagged = sum(_window_of(result, windows) is None for result in found)
        print()
        print(f"windows hit: {hit} of {len(windows)}")
        print(
            f"flagged outside: {flagged} of {outside} intervals ({100 * flagged / outside:.2f} %)"
        )
        if hit < WANTED_WINDOWS:
            _print_best(windows, inside)


def _in_window(client: OpenSearch, task_id: str, window: tuple[int, int]) -> dict[str, Any]:
    """Return the result with the highest score in a window, and how many results it has."""
    first, last = window
    return search_results(
        client,
        task_id,
        {"range": {"data_start_time": {"gte": first, "lte": last}}},
        sort=[{"anomaly_score": {"order": "desc"}}],
        size=1,
        track_total_hits=True,
    )


def _window_of(result: dict[str, Any], windows: list[tuple[int, int]]) -> int | None:
    """Return the number of the window that the result lies in."""
    start = result["data_start_time"]
    return next((n for n, (first, last) in enumerate(windows) if first <= start <= last), None)


def _print_beside(found: list[dict[str, Any]], windows: list[tuple[int, int]]) -> int:
    """Print the anomalies by window and return how many windows have one."""
    hit = 0
    for number, (first, last) in enumerate(windows):
        print(f"\nlabelled {date(first)} to {date(last)}")
        within = [result for result in found if _window_of(result, windows) == number]
        hit += bool(within)
        for result in within:
            print(f"    {_describe(result)}")
        if not within:
            print("    nothing found")
    print("\noutside the labelled windows")
    for result in found:
        if _window_of(result, windows) is None:
            print(f"    {_describe(result)}")
    return hit


def _describe(result: dict[str, Any]) -> str:
    passengers = result["feature_data"][0]["data"]
    return (
        f"{date(result['data_start_time'])}  grade {result['anomaly_grade']:.2f}  "
        f"score {result['anomaly_score']:.2f} (threshold {result['threshold']:.2f})  "
        f"{passengers:,.0f} passengers"
    )


def _print_best(windows: list[tuple[int, int]], inside: list[dict[str, Any]]) -> None:
    """Print how near each window came to being found."""
    print(f"\nfewer than {WANTED_WINDOWS} windows hit; the highest score in each:")
    for (first, _), hits in zip(windows, inside, strict=True):
        for each in hits["hits"]:
            print(f"    window of {date(first)}: {_describe(each['_source'])}")


if __name__ == "__main__":
    main()
