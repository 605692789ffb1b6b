"""Scored rows → the columns that a result store keeps."""

from __future__ import annotations

import numpy as np

from anomalyd.engine.analysis import Analysis, ScoredRows
from anomalyd.model.entity import model_id
from anomalyd.store.base import ResultBatch


def result_batch(
    analysis: Analysis,
    rows: ScoredRows,
    *,
    index: str,
    task_id: str | None,
    execution_start: int,
    execution_end: int,
) -> ResultBatch:
    """Return the result documents of one step, as columns.

    Args:
        analysis: what the rows come from.
        rows: of one step.
        index: result index that receives the rows.
        task_id: the detector's task, for entities as well; None in real time.
        execution_start: when the step began, epoch ms.
        execution_end: when the rows were scored, epoch ms.
    """
    plan, count = analysis.plan, len(rows)
    detector, categories = plan.detector, plan.detector.categories
    enabled = detector.enabled_features
    return ResultBatch(
        index=index,
        detector_id=plan.detector_id,
        task_id=task_id,
        feature_ids=tuple(feature.id for feature in enabled),
        feature_names=tuple(feature.name for feature in enabled),
        category_fields=categories,
        entities=analysis.entities,
        # Results of a single series carry no model id (recorded from a real 1.3 node).
        model_ids=tuple(
            model_id(plan.detector_id, categories, entity) if categories else None
            for entity in analysis.entities
        ),
        entity=rows.entity,
        data_start=rows.window_start,
        data_end=rows.window_start + plan.interval,
        execution_start=np.full(count, execution_start, dtype=np.int64),
        execution_end=np.full(count, execution_end, dtype=np.int64),
        feature_values=rows.values,
        score=rows.score,
        grade=rows.grade,
        confidence=rows.confidence,
        threshold=rows.threshold,
        relevant_attribution=rows.attribution,
        expected_values=rows.expected,
        past_values=rows.past_values,
        approx_anomaly_start=rows.earlier_starts(plan.interval),
        user=detector.user,
    )
