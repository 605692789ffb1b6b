"""What a detector's windows are made of: everything about an analysis that stays the same."""

from __future__ import annotations

from dataclasses import dataclass

from anomalyd.engine.rules import tolerances
from anomalyd.executor.base import ModelShape
from anomalyd.executor.memory import ModelNeed
from anomalyd.model.detector import Detector
from anomalyd.query.nodes import MatchAll, Query
from anomalyd.query.nodes_aggregations import Aggregation
from anomalyd.query.parse import parse_filter
from anomalyd.query.parse_aggregations import parse_feature
from anomalyd.source.base import Selection


@dataclass(frozen=True, kw_only=True)
class AnalysisPlan:
    """A detector, ready to be run: its queries parsed once.

    Attributes:
        selection: which documents, split by which category fields.
        features: aggregation of each enabled feature, in the detector's order.
        interval: length of a window in milliseconds.
        shape: what its models are built from, and what they ignore.
    """

    detector_id: str
    detector: Detector
    selection: Selection
    features: tuple[Aggregation, ...]
    interval: int
    shape: ModelShape

    @property
    def need(self) -> ModelNeed:
        """What its models need at least."""
        return ModelNeed(self.shape, bool(self.detector.categories))

    @staticmethod
    def of(detector_id: str, detector: Detector) -> AnalysisPlan:
        """Prepare a detector that has at least one enabled feature.

        Raises: ParsingError, IllegalArgument when a stored query is no longer understood.
        """
        enabled = detector.enabled_features
        return AnalysisPlan(
            detector_id=detector_id,
            detector=detector,
            selection=selection(detector, parse_filter(detector.filter_query)),
            features=tuple(parse_feature(feature.aggregation_query) for feature in enabled),
            interval=detector.detection_interval.milliseconds,
            shape=ModelShape(
                features=len(enabled),
                shingle_size=detector.shingle_size,
                recency_emphasis=detector.options.recency_emphasis,
                tolerances=tolerances(detector.options.rules, [one.name for one in enabled]),
            ),
        )


def selection(detector: Detector, filter: Query) -> Selection:
    """Return the documents of a detector that pass a filter."""
    return Selection(
        indices=detector.indices,
        time_field=detector.time_field,
        filter=filter,
        category_fields=detector.categories,
    )


def all_documents(detector: Detector) -> Selection:
    """Return everything in a detector's indices as one series, whatever its filter."""
    return Selection(indices=detector.indices, time_field=detector.time_field, filter=MatchAll())
