"""Orders of a web shop: one series per customer, as a high-cardinality detector sees them.

Loads the orders over REST `_bulk` with the stock opensearch-py bulk helper, creates a detector that
sums `taxful_total_price` per hour for each `customer_full_name.keyword`, runs it over the whole
range, and prints every anomaly and the customers with the most severe ones.

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
HOUR = 3_600_000

DETECTOR = {
    "name": "ecommerce-customers",
    "description": "hourly turnover of each customer",
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
    "category_field": [CUSTOMER],
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
        detector_id, task_id = run_over_the_past(client, DETECTOR, start=first, end=last + 1)
        analysed = search_results(client, task_id, size=0, track_total_hits=True)["total"]["value"]
        found = anomalies(client, task_id)
        print("\nanomalies")
        for result in found:
            print(f"    {_describe(result)}")
        print("\nmost severe by customer")
        for bucket in _top(client, detector_id, first, last):
            name = bucket["key"][CUSTOMER]
            print(f"    {name:<24} {bucket['max_anomaly_grade']:.2f} in {bucket['doc_count']}")
        print(f"\n{len(found)} of {analysed} intervals with orders are anomalous")


def _top(client: OpenSearch, detector_id: str, first: int, last: int) -> list[dict[str, Any]]:
    answer: dict[str, Any] = client.transport.perform_request(
        "GET",
        f"{API}/detectors/{detector_id}/results/_topAnomalies",
        params={"historical": "true"},
        body={"size": 10, "start_time_ms": first, "end_time_ms": last + HOUR},
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
