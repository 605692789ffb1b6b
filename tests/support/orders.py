"""The orders of a web shop, as documents, and a detector on each customer's hourly turnover."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import API, finished_task
from tests.support.rest import RestClient

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "opensearch" / "ecommerce.json.gz"
CUSTOMER = "customer_full_name.keyword"
HOUR = 3_600_000
MAPPING = {
    "properties": {
        "order_date": {"type": "date"},
        "customer_full_name": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
        "taxful_total_price": {"type": "double"},
    }
}

Order = tuple[int, str, float]
"""Time in epoch ms, customer, price."""


def orders() -> list[Order]:
    """Return all orders; skips the test where the data is absent."""
    if not FILE.exists():
        pytest.skip("the shared data is not here")
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
        read = [json.loads(line) for line in file if line.strip()]
    return [
        (
            round(datetime.fromisoformat(each["order_date"]).timestamp() * 1000),
            each["customer_full_name"],
            each["taxful_total_price"],
        )
        for each in read
    ]


def frequent(orders: list[Order], count: int) -> list[Order]:
    """Return the orders of so many customers, those with the most orders."""
    chosen = {name for name, _ in Counter(name for _, name, _ in orders).most_common(count)}
    return [order for order in orders if order[1] in chosen]


def analysed(rest: RestClient, name: str, orders: list[Order]) -> str:
    """Load orders, analyse them by a new detector of that name, and return its id."""
    assert rest("PUT", f"/{name}", {"mappings": MAPPING}).status == 200
    lines = []
    for time, customer, price in orders:
        document = {
            "order_date": time,
            "customer_full_name": customer,
            "taxful_total_price": price,
        }
        lines += ['{"index":{}}', json.dumps(document)]
    assert not rest("POST", f"/{name}/_bulk", ("\n".join(lines) + "\n").encode()).json["errors"]
    detector: dict[str, Any] = {
        "name": name,
        "time_field": "order_date",
        "indices": [name],
        "category_field": [CUSTOMER],
        "shingle_size": 1,
        "detection_interval": {"period": {"interval": 60, "unit": "Minutes"}},
        "feature_attributes": [
            {
                "feature_name": "turnover",
                "feature_enabled": True,
                "aggregation_query": {"turnover": {"sum": {"field": "taxful_total_price"}}},
            }
        ],
    }
    detector_id = str(rest("POST", f"{API}/detectors", detector).json["_id"])
    times = [time for time, _, _ in orders]
    body = {"start_time": min(times), "end_time": max(times) + HOUR}
    assert rest("POST", f"{API}/detectors/{detector_id}/_start", body).status == 200
    assert finished_task(rest, detector_id)["state"] == "FINISHED"
    return detector_id
