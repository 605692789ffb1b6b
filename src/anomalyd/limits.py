"""What the settings allow each part; beside ``app``, which hands it on."""

from __future__ import annotations

from anomalyd.config import Settings
from anomalyd.schedule.realtime_tools import RealtimeLimits
from anomalyd.service.detector_checks import DetectorLimits
from anomalyd.service.preview import PreviewLimits


def detector_limits(settings: Settings) -> DetectorLimits:
    """Return how many detectors there may be."""
    return DetectorLimits(
        single_entity_detectors=settings.max_anomaly_detectors,
        multi_entity_detectors=settings.max_multi_entity_anomaly_detectors,
        features=settings.max_anomaly_features,
        category_fields=settings.category_field_limit,
    )


def realtime_limits(settings: Settings) -> RealtimeLimits:
    """Return the settings of real time."""
    return RealtimeLimits(
        backlog_windows=settings.realtime_backlog_windows,
        retries=settings.max_retry_for_backoff,
        first_wait=settings.backoff_initial_delay,
        failures=settings.max_retry_for_end_run_exception,
    )


def preview_limits(settings: Settings) -> PreviewLimits:
    """Return how large previews may be."""
    return PreviewLimits(
        entities=settings.max_entities_for_preview, concurrent=settings.max_concurrent_preview
    )
