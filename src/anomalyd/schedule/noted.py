"""Results that say why a window has none, taken back once it has one."""

from __future__ import annotations

from typing import Any

from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.window import WindowRange
from anomalyd.model.index_names import IndexNames
from anomalyd.query.parse import parse_query
from anomalyd.store.base import ResultStore


def within(windows: WindowRange) -> dict[str, Any]:
    """Return the query over ``data_start_time`` that these windows are."""
    return {"range": {"data_start_time": {"gte": windows.start, "lt": windows.end}}}


def forget_noted(
    plan: AnalysisPlan,
    windows: dict[str, Any],
    *,
    results: ResultStore,
    names: IndexNames,
    now: int,
) -> None:
    """Delete a detector's real-time results without a score.

    Args:
        plan: the detector.
        windows: a query over ``data_start_time``: of these windows.
        results: where they are.
        names: of the indices.
        now: epoch ms.
    """
    query = {
        "bool": {
            "filter": [{"term": {"detector_id": plan.detector_id}}, windows],
            "must_not": [{"exists": {"field": field}} for field in ("task_id", "anomaly_score")],
        }
    }
    indices = results.indices(names.results_from(plan.detector.result_index))
    results.delete_matching(indices, parse_query(query), now=now)
