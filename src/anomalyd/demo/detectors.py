"""The detectors of the demonstration: one question about the shop each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anomalyd.demo.generator import TIME_FIELD

INDEX = "shop"
MAPPING = {
    "properties": {
        TIME_FIELD: {"type": "date"},
        **{name: {"type": "keyword"} for name in ("host", "service", "customer", "country")},
        "status": {"type": "long"},
        "latency_ms": {"type": "double"},
        "bytes": {"type": "long"},
        "order_value": {"type": "double"},
    }
}
"""Fields of the log: categories are keywords, which is what a detector can split by."""


@dataclass(frozen=True, kw_only=True)
class DemoDetector:
    """A detector to create.

    Attributes:
        name: of the detector.
        question: what it watches, in words.
        minutes: length of its interval.
        features: name → aggregation.
        category_fields: empty for a single-entity detector.
    """

    name: str
    question: str
    minutes: int
    features: Mapping[str, Mapping[str, Any]]
    category_fields: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the detector as the REST API takes it."""
        document: dict[str, Any] = {
            "name": self.name,
            "description": self.question,
            "time_field": TIME_FIELD,
            "indices": [INDEX],
            "feature_attributes": [
                {
                    "feature_name": name,
                    "feature_enabled": True,
                    "aggregation_query": {name: aggregation},
                }
                for name, aggregation in self.features.items()
            ],
            "detection_interval": {"period": {"interval": self.minutes, "unit": "Minutes"}},
            "window_delay": {"period": {"interval": 1, "unit": "Minutes"}},
        }
        if self.category_fields:
            document["category_field"] = list(self.category_fields)
        return document


@dataclass(frozen=True, kw_only=True)
class ChartedSeries:
    """A series to draw.

    Attributes:
        detector: name of the detector that has it.
        title: heading of its panel.
        unit: of its values.
        entity: category field → value; empty for a single-entity detector.
    """

    detector: str
    title: str
    unit: str = ""
    entity: Mapping[str, str] = field(default_factory=dict)


def count_of(name: str) -> Mapping[str, Any]:
    """Return the aggregation that counts the values of a field."""
    return {"value_count": {"field": name}}


REQUESTS = count_of("status")

# Each detector but the first also counts requests: an average of few requests is noisy, and a model
# that sees both does not take the noise of a quiet hour for an anomaly.
DETECTORS = (
    DemoDetector(
        name="shop-traffic",
        question="requests of the whole shop",
        minutes=10,
        features={"requests": REQUESTS},
    ),
    DemoDetector(
        name="shop-services",
        question="mean latency of each service",
        minutes=10,
        features={"latency": {"avg": {"field": "latency_ms"}}, "requests": REQUESTS},
        category_fields=("service",),
    ),
    DemoDetector(
        name="shop-hosts",
        question="failed requests of each host",
        minutes=10,
        features={
            "failures": {
                "filter": {"range": {"status": {"gte": 400}}},
                "aggs": {"failed": REQUESTS},
            },
            "requests": REQUESTS,
        },
        category_fields=("host",),
    ),
    DemoDetector(
        name="shop-customers",
        question="order value of each customer",
        minutes=30,
        features={"order_value": {"sum": {"field": "order_value"}}, "requests": REQUESTS},
        category_fields=("customer",),
    ),
)

CHARTED = (
    ChartedSeries(
        detector="shop-services",
        title="payment: mean latency per 10 minutes",
        unit="ms",
        entity={"service": "payment"},
    ),
    ChartedSeries(
        detector="shop-hosts",
        title="web-3: failed requests per 10 minutes",
        entity={"host": "web-3"},
    ),
    ChartedSeries(detector="shop-traffic", title="whole shop: requests per 10 minutes"),
    ChartedSeries(
        detector="shop-customers",
        title="customer-017: order value per 30 minutes",
        unit="€",
        entity={"customer": "customer-017"},
    ),
    ChartedSeries(
        detector="shop-services",
        title="search: mean latency per 10 minutes",
        unit="ms",
        entity={"service": "search"},
    ),
)
