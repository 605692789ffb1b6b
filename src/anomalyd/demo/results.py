"""Results of the demonstration's detectors, read over REST."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anomalyd.demo.chart import Panel
from anomalyd.demo.detectors import ChartedSeries
from anomalyd.demo.findings import Finding
from anomalyd.demo.incidents import Incident
from anomalyd.demo.rest import PAGE, RestClient


@dataclass(frozen=True, kw_only=True)
class Run:
    """One historical analysis.

    Attributes:
        detector: name of the detector.
        detector_id: id of the detector.
        task_id: id of the historical task whose results count.
    """

    detector: str
    detector_id: str
    task_id: str

    def query(self, *conditions: Mapping[str, Any]) -> dict[str, Any]:
        """Return the query for the run's results that fulfil the conditions."""
        own = (
            {"term": {"detector_id": self.detector_id}},
            {"term": {"task_id": self.task_id}},
        )
        return {"bool": {"filter": [*own, *conditions]}}


def count_results(rest: RestClient, run: Run) -> int:
    """Return how many intervals were analysed."""
    hits = rest.search_results({"query": run.query(), "size": 0, "track_total_hits": True})
    return int(hits["total"]["value"])


def findings(rest: RestClient, run: Run) -> Iterator[Finding]:
    """Return every interval of the run with a grade above 0, by time."""
    anomalous = {"range": {"anomaly_grade": {"gt": 0}}}
    for result in _results(rest, run, anomalous):
        yield Finding(
            detector=run.detector,
            start=result["data_start_time"],
            end=result["data_end_time"],
            grade=result["anomaly_grade"],
            score=result["anomaly_score"],
            threshold=result["threshold"],
            entity={each["name"]: each["value"] for each in result.get("entity", ())},
        )


def panel(
    rest: RestClient, run: Run, series: ChartedSeries, incidents: Sequence[Incident]
) -> Panel:
    """Return a series with its grades and the incidents that it can show, ready to draw."""
    conditions = [
        {
            "nested": {
                "path": "entity",
                "query": {
                    "bool": {
                        "filter": [
                            {"term": {"entity.name": name}},
                            {"term": {"entity.value": value}},
                        ]
                    }
                },
            }
        }
        for name, value in series.entity.items()
    ]
    results = list(_results(rest, run, *conditions))
    return Panel(
        title=series.title,
        unit=series.unit,
        time=np.array([result["data_start_time"] for result in results], dtype=np.int64),
        value=np.array([result["feature_data"][0]["data"] for result in results], dtype=np.float64),
        grade=np.array([result["anomaly_grade"] for result in results], dtype=np.float64),
        planted=tuple(each for each in incidents if each.entity == series.entity),
    )


def _results(rest: RestClient, run: Run, *conditions: Mapping[str, Any]) -> Iterator[Any]:
    """Return the run's results that fulfil the conditions, by time, at most 10,000."""
    body = {"query": run.query(*conditions), "sort": ["data_start_time"], "size": PAGE}
    for hit in rest.search_results(body)["hits"]:
        yield hit["_source"]
