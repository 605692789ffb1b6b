"""Orders of a web shop, split into series by a high-cardinality detector.

Loads the orders over REST `_bulk` with the stock opensearch-py bulk helper and runs two detectors
on the hourly sum of `taxful_total_price` over the whole range: one series per customer
(`customer_full_name.keyword`), and one per category of goods (`category.keyword`). Prints every
anomaly and the entities with the most severe ones.

No customer here has orders in more than seven different hours, and a model scores from its 32nd
interval with documents on. So the first detector finds nothing, and the example says why; the
second one, on dense series, has something to tell.

    python examples/ecommerce.py --start
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from opensearchpy import OpenSearch, helpers
from support import (
    API,
    SHARED_DATA,
    anomalies,
    arguments,
    connected,
    date,
    run_over_the_past,
    search_results,
)

INDEX = "ecommerce"
CUSTOMER = "customer_full_name.keyword"
CATEGORY = "category.keyword"
HOUR = 3_600_000
TOP = 5


def detector(category_field: str) -> dict[str, Any]:
    """Return a detector on the hourly turnover of each value of a field."""
    return {
        "name": f"ecommerce-{category_field}",
        "description": f"hourly turnover by {category_field}",
        "time_field": "order_date",
        "indices": [INDEX],
        "feature_attributes": [
            {
                "feature_name": "turnover",
                "feature_enabled": True,
                "aggregation_query": {"turnover": {"sum": {"field": "taxful_total_price"}}},
            }
        ],
        "detection_interval": {"period": {"interval": 60, "unit": "Minutes"}},
        "category_field": [category_field],
    }


def orders(path: Path) -> Iterator[dict[str, Any]]:
    """Read the orders as bulk actions."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                order = json.loads(line)
                yield {"_index": INDEX, "_id": order["order_id"], "_source": order}


def load(client: OpenSearch, path: Path) -> tuple[int, int]:
    """Put the orders into the service and return their first and last time, epoch ms."""
    client.indices.delete(index=INDEX, ignore=[404])
    actions = list(orders(path))
    loaded, _ = helpers.bulk(client, actions, chunk_size=1000, refresh=True)
    print(f"{loaded} orders loaded")
    times = [datetime.fromisoformat(each["_source"]["order_date"]) for each in actions]
    first, last = (round(time.timestamp() * 1000) for time in (min(times), max(times)))
    return first, last


def main() -> None:
    """Run the example."""
    options = arguments(__doc__, SHARED_DATA / "opensearch" / "ecommerce.json.gz")
    with connected(options) as client:
        first, last = load(client, options.data)
        for field in (CUSTOMER, CATEGORY):
            print(f"\nturnover per hour by {field}")
            report(client, field, first, last)


def report(client: OpenSearch, field: str, first: int, last: int) -> None:
    """Run a detector over the orders and print what it found."""
    detector_id, task_id = run_over_the_past(client, detector(field), start=first, end=last + 1)
    analysed = search_results(client, task_id, size=0, track_total_hits=True)["total"]["value"]
    scored = search_results(
        client, task_id, {"range": {"anomaly_score": {"gt": 0}}}, size=0, track_total_hits=True
    )["total"]["value"]
    found = anomalies(client, task_id)
    for result in found:
        print(f"    {_describe(result)}")
    print(f"  {analysed} intervals with orders, {scored} scored, {len(found)} anomalous")
    if not scored:
        print("  no series is long enough: a model scores from its 32nd interval with orders on")
    if found:
        print("  most severe")
        for bucket in _top(client, detector_id, first, last):
            name = bucket["key"][field]
            print(f"    {name:<24} {bucket['max_anomaly_grade']:.2f} in {bucket['doc_count']}")


def _top(client: OpenSearch, detector_id: str, first: int, last: int) -> list[dict[str, Any]]:
    answer: dict[str, Any] = client.transport.perform_request(
        "GET",
        f"{API}/detectors/{detector_id}/results/_topAnomalies",
        params={"historical": "true"},
        body={"size": TOP, "start_time_ms": first, "end_time_ms": last + HOUR},
    )
    buckets: list[dict[str, Any]] = answer["buckets"]
    return buckets


def _describe(result: dict[str, Any]) -> str:
    (customer,) = (each["value"] for each in result["entity"])
    return (
        f"{date(result['data_start_time'])}  {customer:<24} grade {result['anomaly_grade']:.2f}  "
        f"score {result['anomaly_score']:.2f} (threshold {result['threshold']:.2f})  "
        f"{result['feature_data'][0]['data']:,.2f} EUR"
    )


if __name__ == "__main__":
    main()
