"""The settings of a service; the only place with their defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from anomalyd.errors import IllegalArgument
from anomalyd.model.setting import DurationSetting, RuntimeSetting

ENVIRONMENT_PREFIX = "ANOMALYD_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a service is set up.

    Attributes:
        data_dir: folder of the embedded database, made when absent; None keeps all in memory.
        index_prefix: of the indices that hold our own documents.
        database_threads: threads of the embedded database.
        database_memory: its buffer limit, such as ``256MB``.
        core_threads: threads of the native core for one batch.
        historical_threads: historical runs that are worked on at the same time.
        realtime_threads: detectors that are ticked at the same time.
        realtime_backlog_windows: windows that a detector catches up with after it was away; older
            ones are dropped and counted.
        late_data_grace: seconds after its end for which a window is looked at again when documents
            came late for it, in whole windows and at least one; its results are replaced and
            marked. 0 = never.
        model_memory_budget: bytes for the models of running detectors; those used least are packed,
            then spilled to disk beyond that. 0 = a quarter of the machine's memory.
        dedicated_cache_size: models of each detector that always stay ready.
        checkpoint_saving_freq: seconds within which every model of real time is written down once.
        max_retry_for_backoff: how often a source that cannot be read is asked again within a tick.
        backoff_initial_delay: seconds before the first of these, doubled for each further one.
        max_retry_for_end_run_exception: ticks in a row that may fail before a detector is stopped.
        max_batch_task_per_node: historical runs that may wait or run.
        batch_task_piece_size: windows that a historical run analyses and stores at once.
        max_running_entities_per_detector_for_historical_analysis: entities of a historical run
            that are worked on together.
        max_top_entities_for_historical_analysis: entities of a historical run, those with the
            most documents.
        max_old_ad_task_docs_per_detector: ended historical runs that are kept per detector, with
            their results, besides the latest.
        max_anomaly_detectors: single-entity detectors.
        max_multi_entity_anomaly_detectors: detectors with category fields.
        max_anomaly_features: features of a detector.
        category_field_limit: category fields of a detector.
        max_entities_for_preview: entities of a preview, those with the most documents.
        max_concurrent_preview: previews at the same time.
        max_watchers: callers that follow results or a task at the same time.
        trace_endpoint: OpenTelemetry collector's gRPC address that spans are sent to, such as
            ``localhost:4317``; empty = none. Needs the extra ``otel``.
    """

    data_dir: Path | None = None
    index_prefix: str = ".searchguard-ad-"
    database_threads: int = 2
    database_memory: str = "256MB"
    core_threads: int = 2
    historical_threads: int = 2
    realtime_threads: int = 2
    realtime_backlog_windows: int = 1_000
    late_data_grace: int = 600
    checkpoint_saving_freq: int = 3_600
    model_memory_budget: int = 0
    dedicated_cache_size: int = 10
    max_retry_for_backoff: int = 3
    backoff_initial_delay: int = 1
    max_retry_for_end_run_exception: int = 6
    max_batch_task_per_node: int = 10
    batch_task_piece_size: int = 1_000
    max_running_entities_per_detector_for_historical_analysis: int = 10
    max_top_entities_for_historical_analysis: int = 1_000
    max_old_ad_task_docs_per_detector: int = 1
    max_anomaly_detectors: int = 1_000
    max_multi_entity_anomaly_detectors: int = 10
    max_anomaly_features: int = 5
    category_field_limit: int = 2
    max_entities_for_preview: int = 5
    max_concurrent_preview: int = 2
    max_watchers: int = 64
    trace_endpoint: str = ""

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise IllegalArgument(
                    f"setting [{name}] must be from {least} to {most}, not {value}", field=name
                )
        if not self.index_prefix.startswith("."):
            raise IllegalArgument(
                f"setting [index_prefix] must start with a period: {self.index_prefix!r}",
                field="index_prefix",
            )

    @staticmethod
    def from_environment(environment: Mapping[str, str], **given: Any) -> Settings:
        """Return settings from variables such as ``ANOMALYD_CORE_THREADS``.

        Args:
            environment: the variables; unknown ones with our prefix are left to others.
            given: settings that win over the variables.

        Raises: IllegalArgument naming a setting whose value is not of its type or out of bounds.
        """
        types = get_type_hints(Settings)
        found: dict[str, Any] = {}
        for field in dataclasses.fields(Settings):
            text = environment.get(ENVIRONMENT_PREFIX + field.name.upper())
            if text is not None:
                found[field.name] = _read(field.name, types[field.name], text)
        return Settings(**found | given)


def _read(name: str, kind: object, text: str) -> object:
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise IllegalArgument(
                f"setting [{name}] must be a whole number, not {text!r}", field=name
            ) from None
    return text if kind is str else Path(text)


def runtime_settings(settings: Settings) -> tuple[RuntimeSetting, ...]:
    """Return the settings that may be changed while a service runs, with these as defaults."""
    return tuple(
        (DurationSetting if name in _DURATIONS else RuntimeSetting)(
            name=name,
            default=getattr(settings, name),
            least=_BOUNDS[name][0],
            most=_BOUNDS[name][1],
        )
        for name in _AT_RUN_TIME
    )


_AT_RUN_TIME = (
    "max_anomaly_detectors",
    "max_multi_entity_anomaly_detectors",
    "max_anomaly_features",
    "category_field_limit",
    "max_entities_for_preview",
    "max_concurrent_preview",
    "max_batch_task_per_node",
    "max_old_ad_task_docs_per_detector",
    "batch_task_piece_size",
    "max_top_entities_for_historical_analysis",
    "max_running_entities_per_detector_for_historical_analysis",
    "max_retry_for_backoff",
    "backoff_initial_delay",
    "max_retry_for_end_run_exception",
    "checkpoint_saving_freq",
    "dedicated_cache_size",
)
"""The documented settings of the reference that mean the same here (behaviour §16)."""
_DURATIONS = frozenset({"backoff_initial_delay", "checkpoint_saving_freq"})

_THREADS = (1, 256)
_WATCHERS = (1, 1_000)
_COUNT = (1, 1_000_000)
_BOUNDS: Mapping[str, tuple[int, int]] = {
    "database_threads": _THREADS,
    "core_threads": _THREADS,
    "historical_threads": _THREADS,
    "realtime_threads": _THREADS,
    "realtime_backlog_windows": (1, 1_000_000),
    "late_data_grace": (0, 7 * 86_400),
    "model_memory_budget": (0, 1 << 50),
    "dedicated_cache_size": (0, 1_000_000),
    "checkpoint_saving_freq": (1, 7 * 86_400),
    "max_retry_for_backoff": (0, 100),
    "backoff_initial_delay": (0, 3_600),
    "max_retry_for_end_run_exception": (0, 1_000),
    "max_batch_task_per_node": (1, 1_000),
    # The upper bounds are the reference's own, and the windows that one search of tasks can show.
    "batch_task_piece_size": (1, 10_000),
    "max_running_entities_per_detector_for_historical_analysis": (1, 1_000),
    "max_top_entities_for_historical_analysis": (1, 10_000),
    "max_old_ad_task_docs_per_detector": (0, 1_000),
    "max_anomaly_detectors": _COUNT,
    "max_multi_entity_anomaly_detectors": _COUNT,
    "max_anomaly_features": (1, 10),
    "category_field_limit": (1, 5),
    "max_entities_for_preview": (1, 1_000),
    "max_concurrent_preview": (1, 1_000),
    "max_watchers": _WATCHERS,
}
