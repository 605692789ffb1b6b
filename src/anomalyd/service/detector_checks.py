"""The checks of a detector that need its data or the other detectors (behaviour §2, steps 2–10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anomalyd.engine.plan import all_documents
from anomalyd.errors import AnomalydError, DetectorRefused, IndexNotFound, SourceUnavailable
from anomalyd.model.detector import Detector, DetectorType, Feature
from anomalyd.model.detector_parse import check_name
from anomalyd.model.index_names import IndexNames
from anomalyd.query.fields import FieldKind
from anomalyd.query.parse_aggregations import parse_feature
from anomalyd.query.parse_search import parse_search
from anomalyd.query.shape import suggestion
from anomalyd.schedule.clock import Clock
from anomalyd.source.base import Source, TimeRange, WindowQuery
from anomalyd.store.base import DocumentStore, ResultStore

EMPTY_FEATURE = "Feature has invalid query returning empty aggregated data"
FAILING_FEATURE = "Feature has an invalid query causing a runtime exception"


@dataclass(frozen=True, kw_only=True)
class DetectorLimits:
    """How many there may be, each a setting.

    Attributes:
        single_entity_detectors, multi_entity_detectors: in the system.
        features: of a detector.
        category_fields: of a detector.
    """

    single_entity_detectors: int = 1_000
    multi_entity_detectors: int = 10
    features: int = 5
    category_fields: int = 2


class DetectorChecks:
    """Checks detectors against the data and the system. Thread-safe, changes nothing.

    Args:
        source: the data.
        documents: the other detectors.
        results: the custom result indices.
        names: the indices of both.
        limits: how many there may be; read by all, changed by ``reconfigure`` alone.
        clock: for date math in searches.
    """

    def __init__(
        self,
        *,
        source: Source,
        documents: DocumentStore,
        results: ResultStore,
        names: IndexNames,
        limits: DetectorLimits,
        clock: Clock,
    ) -> None:
        self._source = source
        self._documents = documents
        self._results = results
        self._names = names
        self.limits = limits
        self._clock = clock

    def reconfigure(self, limits: DetectorLimits) -> None:
        """Use other limits from now on."""
        self.limits = limits

    def check(self, detector: Detector, detector_id: str | None = None) -> None:
        """Run all checks in the documented order.

        Args:
            detector: read, and right in itself.
            detector_id: its id when it exists already and is being changed.

        Raises:
            DetectorRefused: the first check that fails.
            IndexNotFound: one of its indices is not there.
        """
        self.check_definition(detector)
        self.check_system_and_data(detector, detector_id)

    def check_definition(self, detector: Detector) -> None:
        """Check result index, name and time field: steps 2 to 4.

        Raises: as ``check``.
        """
        self._check_result_index(detector.result_index)
        check_name(detector.name)
        _check_time_field(detector.time_field, self._source.field_kinds(detector.indices))

    def check_system_and_data(self, detector: Detector, detector_id: str | None = None) -> None:
        """Check the number of detectors, the data and the other names: steps 6 to 10.

        Raises: as ``check``.
        """
        self.check_number(detector, detector_id)
        kinds = self._source.field_kinds(detector.indices)
        _check_categories(detector.categories, kinds)
        _check_influencers(detector, kinds)
        if not self._source.has_documents(detector.indices):
            raise DetectorRefused(
                "Can't create anomaly detector as no document is found in the indices: "
                f"[{', '.join(detector.indices)}]",
                aspect="indices",
            )
        self.check_features(detector)
        self.check_unique_name(detector.name, detector_id)

    def check_fields(self, detector: Detector) -> None:
        """Check the time field and the category fields: steps 4 and 7. Raises: as ``check``."""
        kinds = self._source.field_kinds(detector.indices)
        _check_time_field(detector.time_field, kinds)
        _check_categories(detector.categories, kinds)
        _check_influencers(detector, kinds)

    def check_number(self, detector: Detector, detector_id: str | None = None) -> None:
        """Check that there may be one more of its type. Raises: DetectorRefused."""
        several = detector.type is DetectorType.MULTI_ENTITY
        limit = (
            self.limits.multi_entity_detectors if several else self.limits.single_entity_detectors
        )
        others = self._others({"detector_type": detector.type.value}, detector_id)
        if others["total"]["value"] >= limit:
            kind = "multi-entity" if several else "single-entity"
            raise DetectorRefused(
                f"Can't create more than {limit} {kind} anomaly detectors.",
                aspect="general_settings",
            )

    def check_unique_name(self, name: str, detector_id: str | None = None) -> None:
        """Check that no other detector has this name. Raises: DetectorRefused."""
        others = self._others({"name.keyword": name}, detector_id)["hits"]
        if others:
            ids = ", ".join(hit["_id"] for hit in others)
            raise DetectorRefused(
                f"Cannot create anomaly detector with name [{name}] as it's already used by "
                f"detector [{ids}]",
                aspect="name",
            )

    def _others(self, term: Mapping[str, str], detector_id: str | None) -> dict[str, Any]:
        query: dict[str, Any] = {"filter": [{"term": term}]}
        if detector_id is not None:
            query["must_not"] = [{"ids": {"values": [detector_id]}}]
        request = parse_search({"query": {"bool": query}, "track_total_hits": True})
        found: dict[str, Any] = self._documents.search(
            self._names.detectors, request, now=self._clock.now()
        )["hits"]
        return found

    def _check_result_index(self, name: str | None) -> None:
        # An index of that name which is not a result index would have the wrong mapping.
        if name is None or self._results.indices(name):
            return
        try:
            taken = self._source.matching_indices([name])
        except IndexNotFound:
            return
        if taken:
            raise DetectorRefused(
                f"Result index mapping is not correct for index: {name}", aspect="result_index"
            )

    def check_features(self, detector: Detector) -> None:
        """Check the features' names and run each of them once: step 9. Raises: as ``check``."""
        features = detector.features
        if len(features) > self.limits.features:
            raise DetectorRefused(
                f"Can't create more than {self.limits.features} anomaly features",
                aspect="feature_attributes",
            )
        problems = [
            f"Detector has duplicate {what}: {', '.join(repeated)}"
            for what, repeated in (
                ("feature names", _repeated(feature.name for feature in features)),
                (
                    "feature aggregation query names",
                    _repeated(next(iter(feature.aggregation_query)) for feature in features),
                ),
            )
            if repeated
        ]
        if problems:
            raise DetectorRefused(". ".join(problems), aspect="feature_attributes")
        self._try_features(detector)

    def _try_features(self, detector: Detector) -> None:
        """Run each feature once over all documents; tell which ones give nothing or fail."""
        if not detector.features:
            return
        data = self._source.time_range(all_documents(detector))
        issues = {
            feature.name: issue
            for feature in detector.features
            if (issue := self._try_feature(detector, feature, data)) is not None
        }
        if not issues:
            return
        messages = [f"{issue}: {name}" for name, issue in issues.items()]
        reason = messages[0]
        if len(messages) > 1:
            reason = (
                f"Validation failed for feature(s) of detector {detector.name}: "
                f"[{', '.join(messages)}]"
            )
        raise DetectorRefused(reason, aspect="feature_attributes", sub_issues=issues)

    def _try_feature(
        self, detector: Detector, feature: Feature, data: TimeRange | None
    ) -> str | None:
        if data is None:
            return EMPTY_FEATURE
        # One window from the epoch on, and one before it for data from before 1970.
        whole = max(abs(data.first), abs(data.last)) + 1
        query = WindowQuery(
            selection=all_documents(detector),
            features=(parse_feature(feature.aggregation_query),),
            start=-whole if data.first < 0 else 0,
            end=whole,
            interval=whole,
        )
        try:
            values = self._source.feature_rows(query).values
        except SourceUnavailable:
            # Not the feature's fault: it does not block, as in the reference.
            return None
        except AnomalydError:
            return FAILING_FEATURE
        return None if bool(np.isfinite(values).any()) else EMPTY_FEATURE


def _check_time_field(field: str, kinds: Mapping[str, FieldKind]) -> None:
    if field not in kinds:
        raise DetectorRefused(
            f"Timestamp field: ({field}) is not found in index mapping", aspect="time_field"
        )
    if kinds[field] is not FieldKind.DATE:
        raise DetectorRefused(
            f"Timestamp field: ({field}) must be of type date", aspect="time_field"
        )


def _check_categories(fields: Sequence[str], kinds: Mapping[str, FieldKind]) -> None:
    for field in fields:
        if field not in kinds:
            raise DetectorRefused(
                f"Can't find the categorical field {field}", aspect="category_field"
            )
        if kinds[field] not in (FieldKind.KEYWORD, FieldKind.IP):
            raise DetectorRefused(
                "A categorical field must be of type keyword or ip.", aspect="category_field"
            )


def _check_influencers(detector: Detector, kinds: Mapping[str, FieldKind]) -> None:
    aspect = "influencers"
    allowed = {name for name, kind in kinds.items() if kind in (FieldKind.KEYWORD, FieldKind.IP)}
    for field in detector.options.influencers:
        if field in detector.categories:
            raise DetectorRefused(
                f"The field {field} is a category field, which is an influencer anyway.",
                aspect=aspect,
            )
        if field not in kinds:
            raise DetectorRefused(
                f"Can't find the influencer field {field}{suggestion(field, allowed)}",
                aspect=aspect,
            )
        if field not in allowed:
            raise DetectorRefused(
                f"An influencer field must be of type keyword or ip: {field}", aspect=aspect
            )


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
