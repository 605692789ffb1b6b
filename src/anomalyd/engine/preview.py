"""Previews: the window function over a range at once, its rows shown instead of stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from anomalyd.engine.analysis import Analysis, ScoredRows
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.model.entity import entity_document
from anomalyd.store.base import NO_TIME

Document = dict[str, Any]

SCHEMA_VERSION = 0
"""Of results that are stored nowhere, as the document shows them."""


def result_documents(
    plan: AnalysisPlan, analysis: Analysis, rows: ScoredRows, *, detector_id: str | None
) -> list[Document]:
    """Return rows as the document shows previews: entity after entity, each in order of time.

    Args:
        plan: what was analysed.
        analysis: what the rows come from.
        rows: of one step.
        detector_id: of a stored detector; None for one that is not.
    """
    categories = plan.detector.categories
    names = sorted(range(len(categories)), key=categories.__getitem__)
    # Documents list the parts of an entity by name, whatever the detector's order is.
    entities = [
        entity_document([categories[at] for at in names], [values[at] for at in names])
        for values in analysis.entities
    ]
    features = [(feature.id, feature.name) for feature in plan.detector.enabled_features]
    user = plan.detector.user if detector_id is not None else None
    shared = {} if user is None else {"user": user}
    order = np.argsort(rows.entity, kind="stable")
    explanations = _explanations([id for id, _ in features], rows, plan.interval)
    imputes = plan.detector.options.imputation is not None
    made_up = rows.imputed.tolist() if imputes else ()
    columns = (
        np.arange(len(rows)), rows.entity, rows.window_start, rows.values, rows.score, rows.grade,
        rows.confidence, rows.threshold,
    )  # fmt: skip
    return [
        {
            "detector_id": detector_id,
            "data_start_time": start,
            "data_end_time": start + plan.interval,
            "schema_version": SCHEMA_VERSION,
            "feature_data": _feature_data(features, values),
            **({"feature_imputed": _imputed(features, made_up[row])} if imputes else {}),
            **explanations.get(row, {}),
            "anomaly_score": score,
            "anomaly_grade": grade,
            "confidence": confidence,
            **shared,
            **({"entity": entities[entity]} if categories else {}),
            "threshold": threshold,
        }
        for row, entity, start, values, score, grade, confidence, threshold in zip(
            *(column[order].tolist() for column in columns), strict=True
        )
    ]


def _explanations(
    feature_ids: Sequence[str], rows: ScoredRows, interval: int
) -> dict[int, Document]:
    """Return what the documents of anomalies say more than others, by row (behaviour §11)."""

    def values(numbers: npt.NDArray[np.float64]) -> list[Document]:
        pairs = zip(feature_ids, numbers.tolist(), strict=True)
        return [{"feature_id": id, "data": number} for id, number in pairs]

    explanations: dict[int, Document] = {}
    starts = rows.earlier_starts(interval).tolist()
    for row in np.flatnonzero(rows.grade > 0).tolist():
        one = explanations[row] = {"relevant_attribution": values(rows.attribution[row])}
        if np.isfinite(rows.expected[row]).any():
            one["expected_values"] = [{"likelihood": 1.0, "value_list": values(rows.expected[row])}]
        if starts[row] != NO_TIME:
            one["past_values"] = values(rows.past_values[row])
            one["approx_anomaly_start_time"] = starts[row]
    return explanations


def _feature_data(features: Sequence[tuple[str, str]], values: Sequence[float]) -> list[Document]:
    return [
        {"feature_id": id, "feature_name": name, "data": value}
        for (id, name), value in zip(features, values, strict=True)
    ]


def _imputed(features: Sequence[tuple[str, str]], imputed: Sequence[bool]) -> list[Document]:
    pairs = zip(features, imputed, strict=True)
    return [{"feature_id": id, "imputed": made_up} for (id, _), made_up in pairs]
