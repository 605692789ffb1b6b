"""Figures that are read off the running parts when asked for; ``app`` adds them."""

from __future__ import annotations

from collections.abc import Callable

from anomalyd.executor.budget import STATES, ModelBudget
from anomalyd.metrics import Metrics


def add_figures(metrics: Metrics, budget: ModelBudget, *, lag: Callable[[], float]) -> None:
    """Add what models take and how late ticks are.

    Args:
        metrics: where to.
        budget: of all models of running detectors.
        lag: seconds that the detector that waits longest is late.
    """
    for state in STATES:
        metrics.gauge(
            "anomalyd_models",
            "Models of running detectors: ready, packed in memory, or spilled to disk.",
            lambda state=state: budget.usage()[state].models,  # type: ignore[misc]
            state=state,
        )
        metrics.gauge(
            "anomalyd_model_bytes",
            "Bytes that these models take.",
            lambda state=state: budget.usage()[state].held,  # type: ignore[misc]
            state=state,
        )
    metrics.gauge(
        "anomalyd_tick_wait_seconds",
        "By how much the detector that waits longest is late now.",
        lag,
    )
