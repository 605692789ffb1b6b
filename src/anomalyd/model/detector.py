"""The detector: what to watch, how often, split by what.

``Detector`` ⇄ its document. ``parse_detector`` reads what a caller sent, ``Detector.restore`` what
the store kept, ``Detector.render`` gives the documented key order. Rules that need the data or
other detectors live in ``service``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from anomalyd.errors import CorruptState, InvalidRequest
from anomalyd.model.detector_options import NO_OPTIONS, DetectorOptions, parse_options
from anomalyd.model.interval import Interval, parse_interval

Document = dict[str, Any]

SCHEMA_VERSION = 0
DEFAULT_SHINGLE_SIZE = 8
DEFAULT_INTERVAL = Interval(10)
DEFAULT_WINDOW_DELAY = Interval(0)


class DetectorType(Enum):
    """Whether a detector watches one series or one per entity."""

    SINGLE_ENTITY = "SINGLE_ENTITY"
    MULTI_ENTITY = "MULTI_ENTITY"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One number that is computed per window.

    Attributes:
        id: 20 characters; names the feature in results for ever.
        name: unique within the detector.
        enabled: only enabled features are computed.
        aggregation_query: normalised JSON, ``{name: {function: {…}}}``.
    """

    id: str
    name: str
    enabled: bool
    aggregation_query: Mapping[str, Any]

    def render(self) -> Document:
        """Return the document form."""
        return {
            "feature_id": self.id,
            "feature_name": self.name,
            "feature_enabled": self.enabled,
            "aggregation_query": dict(self.aggregation_query),
        }


@dataclass(frozen=True, kw_only=True)
class Detector:
    """A detector's definition.

    Attributes:
        filter_query: normalised JSON of the filter that documents must pass.
        detection_interval: length of a window, positive.
        window_delay: how long to wait for late documents, not negative.
        shingle_size: how many windows a model sees at once.
        category_fields: the fields to split by. None and ``()`` both mean one series; the document
            shows which of the two the caller wrote.
        result_index: custom index of the results, or None for the default ones.
        user: ``user`` object of the caller who created the detector.
        last_update_time: epoch milliseconds.
        ui_metadata: kept for dashboards, never looked into.
        options: what changes what counts as an anomaly.
    """

    name: str
    description: str
    time_field: str
    indices: tuple[str, ...]
    features: tuple[Feature, ...]
    filter_query: Mapping[str, Any]
    detection_interval: Interval
    window_delay: Interval
    shingle_size: int
    category_fields: tuple[str, ...] | None
    result_index: str | None
    user: Mapping[str, Any] | None
    last_update_time: int
    ui_metadata: Mapping[str, Any] | None = None
    options: DetectorOptions = NO_OPTIONS

    @property
    def type(self) -> DetectorType:
        """The type that follows from the category fields."""
        return DetectorType.MULTI_ENTITY if self.category_fields else DetectorType.SINGLE_ENTITY

    @property
    def categories(self) -> tuple[str, ...]:
        """The category fields; ``()`` for one series."""
        return self.category_fields or ()

    @property
    def enabled_features(self) -> tuple[Feature, ...]:
        """The features that are computed, in the document's order."""
        return tuple(feature for feature in self.features if feature.enabled)

    def render(self) -> Document:
        """Return the document in the key order of the API's examples."""
        document: Document = {
            "name": self.name,
            "description": self.description,
            "time_field": self.time_field,
            "indices": list(self.indices),
            "filter_query": dict(self.filter_query),
            "detection_interval": self.detection_interval.render(),
            "window_delay": self.window_delay.render(),
            "shingle_size": self.shingle_size,
            "schema_version": SCHEMA_VERSION,
            "feature_attributes": [feature.render() for feature in self.features],
        }
        if self.ui_metadata is not None:
            document["ui_metadata"] = dict(self.ui_metadata)
        document["last_update_time"] = self.last_update_time
        if self.category_fields is not None:
            document["category_field"] = list(self.category_fields)
        if self.user is not None:
            document["user"] = dict(self.user)
        document["detector_type"] = self.type.value
        if self.result_index is not None:
            document["result_index"] = self.result_index
        return document | self.options.render()

    @staticmethod
    def restore(document: Mapping[str, Any]) -> Detector:
        """Read a document that ``render`` made.

        Raises: CorruptState when it is none.
        """
        try:
            categories = document.get("category_field")
            features = tuple(map(_restore_feature, document["feature_attributes"]))
            enabled = [feature.name for feature in features if feature.enabled]
            return Detector(
                name=document["name"],
                description=document["description"],
                time_field=document["time_field"],
                indices=tuple(document["indices"]),
                features=features,
                filter_query=document["filter_query"],
                detection_interval=_restore_interval(document["detection_interval"]),
                window_delay=_restore_interval(document["window_delay"]),
                shingle_size=document["shingle_size"],
                category_fields=None if categories is None else tuple(categories),
                result_index=document.get("result_index"),
                user=document.get("user"),
                last_update_time=document["last_update_time"],
                ui_metadata=document.get("ui_metadata"),
                options=parse_options(document, enabled),
            )
        except (KeyError, TypeError, InvalidRequest) as problem:
            raise CorruptState(f"a stored detector cannot be read: {problem!r}") from problem


def _restore_feature(document: Mapping[str, Any]) -> Feature:
    return Feature(
        id=document["feature_id"],
        name=document["feature_name"],
        enabled=document["feature_enabled"],
        aggregation_query=document["aggregation_query"],
    )


def _restore_interval(document: Mapping[str, Any]) -> Interval:
    parsed = parse_interval(document, "period")
    if parsed is None:
        raise CorruptState(f"a stored interval cannot be read: {document!r}")
    return parsed[0]
