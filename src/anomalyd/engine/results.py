"""Scored rows → the columns that a result store keeps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomalyd.engine.analysis import ScoredRows
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.executor.base import Int64s
from anomalyd.model.entity import model_id
from anomalyd.source.base import EntityValues
from anomalyd.store.base import ResultBatch


def result_batch(
    plan: AnalysisPlan,
    entities: tuple[EntityValues, ...],
    rows: ScoredRows,
    *,
    index: str,
    task_id: str | None,
    execution_start: int,
    execution_end: int,
) -> ResultBatch:
    """Return the result documents of rows, as columns; ``task_id`` is None in real time.

    Args:
        plan: the detector.
        entities: what ``rows.entity`` points into.
        rows: scored.
        index: result index that receives the rows.
        task_id: see above.
        execution_start: when work on the rows began, epoch ms.
        execution_end: when they were scored, epoch ms.
    """
    count = len(rows)
    detector, categories = plan.detector, plan.detector.categories
    enabled = detector.enabled_features
    return ResultBatch(
        index=index,
        detector_id=plan.detector_id,
        task_id=task_id,
        feature_ids=tuple(feature.id for feature in enabled),
        feature_names=tuple(feature.name for feature in enabled),
        category_fields=categories,
        entities=entities,
        # Results of a single series carry no model id (recorded from a real 1.3 node).
        model_ids=tuple(
            model_id(plan.detector_id, categories, entity) if categories else None
            for entity in entities
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
        imputed=rows.imputed if plan.detector.options.imputation is not None else None,
        user=detector.user,
    )


def error_batch(
    plan: AnalysisPlan,
    windows: Int64s,
    errors: Sequence[str],
    *,
    index: str,
    execution_start: int,
    execution_end: int,
) -> ResultBatch:
    """Return the documents of real-time windows that have no result: an error instead of scores.

    Args:
        plan: the detector; the documents are about it as a whole, whatever entities it has.
        windows: ``int64[rows]``, starts of the windows, epoch ms; may be none.
        errors: why, per row.
        index: result index that receives the rows.
        execution_start: when work on them began, epoch ms.
        execution_end: when it ended, epoch ms.
    """
    count, enabled = len(windows), plan.detector.enabled_features
    nothing = np.full(count, np.nan)
    return ResultBatch(
        index=index,
        detector_id=plan.detector_id,
        task_id=None,
        feature_ids=tuple(feature.id for feature in enabled),
        feature_names=tuple(feature.name for feature in enabled),
        category_fields=(),
        entities=((),),
        model_ids=(None,),
        entity=np.zeros(count, dtype=np.int64),
        data_start=windows,
        data_end=windows + plan.interval,
        execution_start=np.full(count, execution_start, dtype=np.int64),
        execution_end=np.full(count, execution_end, dtype=np.int64),
        feature_values=np.full((count, len(enabled)), np.nan),
        score=nothing,
        grade=nothing,
        confidence=nothing,
        threshold=nothing,
        error=tuple(errors),
        user=plan.detector.user,
    )
