"""Reading the detector that a caller sent (behaviour §1 and §2, step 1).

Two stages, as the order of the documented messages demands: first every value is read, and a wrong
JSON type stops there; then the rules are checked in the documented order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from anomalyd.errors import DetectorInvalid, DetectorRefused, IllegalArgument, ParsingError
from anomalyd.model import reading
from anomalyd.model.detector import (
    DEFAULT_INTERVAL,
    DEFAULT_SHINGLE_SIZE,
    DEFAULT_WINDOW_DELAY,
    Detector,
    Feature,
)
from anomalyd.model.detector_options import KEYS as OPTIONS
from anomalyd.model.detector_options import parse_options
from anomalyd.model.ids import IdGenerator
from anomalyd.model.interval import Interval, parse_interval

LONGEST_NAME = 64
LONGEST_RESULT_INDEX = 255
LARGEST_SHINGLE = 60
MATCH_ALL: Mapping[str, Any] = {"match_all": {"boost": 1.0}}

Read = TypeVar("Read")

_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_RESULT_INDEX = re.compile(r"[a-z0-9_-]+")

_READ = {
    "name", "description", "time_field", "indices", "feature_attributes", "filter_query",
    "detection_interval", "window_delay", "shingle_size", "category_field", "result_index",
    "ui_metadata", *OPTIONS,
}  # fmt: skip
# What the service computes itself. A caller who sends back a document that they got is right to
# leave these in it, so they are no unknown fields.
_COMPUTED = {"schema_version", "last_update_time", "user", "detector_type"}
_FEATURE = {"feature_id", "feature_name", "feature_enabled", "aggregation_query"}


class QueryNormaliser(Protocol):
    """Turns query JSON into the form that documents show. Raises ParsingError, IllegalArgument."""

    def filter_query(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """Normalise a filter query."""
        ...

    def aggregation_query(self, aggregation: Mapping[str, Any]) -> Mapping[str, Any]:
        """Normalise a feature's aggregation; refuse what gives no single number."""
        ...


@dataclass(frozen=True, kw_only=True)
class DetectorRules:
    """What parsing needs to know from outside.

    Attributes:
        category_field_limit: tells how many category fields there may be now.
        result_index_prefix: how names of custom result indices must begin.
    """

    queries: QueryNormaliser
    ids: IdGenerator
    category_field_limit: Callable[[], int]
    result_index_prefix: str


@dataclass(frozen=True)
class ParsedDetector:
    """A detector, and the fields of the document that nothing here knows, by path."""

    detector: Detector
    ignored_fields: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _FeatureDraft:
    """A feature as it was written, before its query is looked at."""

    id: str | None
    name: str
    enabled: bool
    aggregation_query: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """A detector as it was written: right types, nothing else checked."""

    name: str
    description: str
    time_field: str
    indices: tuple[str, ...]
    features: tuple[_FeatureDraft, ...]
    filter_query: Mapping[str, Any]
    detection_interval: Interval | None
    window_delay: Interval
    shingle_size: int
    category_fields: tuple[str, ...] | None
    result_index: str | None
    ui_metadata: Mapping[str, Any] | None
    ignored_fields: tuple[str, ...]


def parse_detector(
    document: Mapping[str, Any],
    *,
    rules: DetectorRules,
    user: Mapping[str, Any],
    now: int,
) -> ParsedDetector:
    """Read a detector document and check the rules that need nothing but itself.

    Args:
        document: what the caller sent.
        rules: limits, and where ids and normalised queries come from.
        user: the caller's ``user`` object; the document's own is ignored.
        now: epoch milliseconds, becomes ``last_update_time``.

    Raises:
        DetectorInvalid: the first broken rule in the order of behaviour §2, step 1; the messages
            are the document's, else the 1.3 ones.
        IllegalArgument, ParsingError: a value of a wrong JSON type, a time unit that is not
            supported, a feature without a name or an aggregation.
    """
    draft = _read(document)
    interval = _check_draft(draft, rules)
    detector = Detector(
        name=draft.name,
        description=draft.description,
        time_field=draft.time_field,
        indices=draft.indices,
        filter_query=_normalise_filter(draft.filter_query, rules.queries),
        features=tuple(_feature(feature, rules) for feature in draft.features),
        detection_interval=interval,
        window_delay=draft.window_delay,
        shingle_size=draft.shingle_size,
        category_fields=draft.category_fields,
        result_index=draft.result_index,
        user=user,
        last_update_time=now,
        ui_metadata=draft.ui_metadata,
        options=parse_options(document, [each.name for each in draft.features if each.enabled]),
    )
    return ParsedDetector(detector, draft.ignored_fields)


def _read(document: Mapping[str, Any]) -> _Draft:
    ignored = [key for key in document if key not in _READ | _COMPUTED]
    shingle_size = _optional(document, "shingle_size", reading.whole_number)
    return _Draft(
        name=_optional(document, "name", reading.text) or "",
        description=_optional(document, "description", reading.text) or "",
        time_field=_optional(document, "time_field", reading.text) or "",
        indices=_optional(document, "indices", reading.texts) or (),
        filter_query=_optional(document, "filter_query", reading.mapping) or {},
        detection_interval=_interval(document, "detection_interval", DEFAULT_INTERVAL, ignored),
        window_delay=_interval(document, "window_delay", DEFAULT_WINDOW_DELAY, ignored)
        or DEFAULT_WINDOW_DELAY,
        shingle_size=DEFAULT_SHINGLE_SIZE if shingle_size is None else shingle_size,
        features=tuple(
            _read_feature(feature, ignored)
            for feature in _optional(document, "feature_attributes", reading.mappings) or ()
        ),
        category_fields=_optional(document, "category_field", reading.texts),
        result_index=(_optional(document, "result_index", reading.text) or "").strip() or None,
        ui_metadata=_optional(document, "ui_metadata", reading.mapping),
        ignored_fields=tuple(ignored),
    )


def _read_feature(document: Mapping[str, Any], ignored: list[str]) -> _FeatureDraft:
    ignored.extend(f"feature_attributes.{key}" for key in document if key not in _FEATURE)
    enabled = _optional(document, "feature_enabled", reading.flag)
    name = _optional(document, "feature_name", reading.text) or ""
    aggregation_query = _optional(document, "aggregation_query", reading.mapping)
    # An argument error, unlike the rules of the detector itself: recorded so from a real node.
    if not name.strip():
        raise IllegalArgument("Feature name should be set", field="feature_attributes")
    if not aggregation_query:
        raise IllegalArgument("Feature aggregation query should be set", field="feature_attributes")
    return _FeatureDraft(
        id=_optional(document, "feature_id", reading.text),
        name=name,
        enabled=True if enabled is None else enabled,
        aggregation_query=aggregation_query,
    )


def _check_draft(draft: _Draft, rules: DetectorRules) -> Interval:
    """Check the rules in the documented order and return the interval, which is there then."""
    _check(draft.name.strip(), "Detector name should be set", "name")
    _check(draft.time_field.strip(), "Time field should be set", "time_field")
    _check(draft.indices, "Indices should be set", "indices")
    interval = draft.detection_interval
    if interval is None:
        raise DetectorInvalid("Detection interval should be set", aspect="detection_interval")
    _check(
        interval.interval > 0, "Detection interval must be a positive integer", "detection_interval"
    )
    _check(
        draft.window_delay.interval >= 0,
        "Window delay interval must be a positive integer",
        "window_delay",
    )
    _check(
        1 <= draft.shingle_size <= LARGEST_SHINGLE,
        f"Shingle size must be a positive integer no larger than {LARGEST_SHINGLE}. "
        f"Got {draft.shingle_size}",
        "shingle_size",
    )
    most_categories = rules.category_field_limit()
    _check(
        len(draft.category_fields or ()) <= most_categories,
        f"We can have only {most_categories} categorical field/s.",
        "category_field",
    )
    if draft.result_index is not None:
        check_result_index(draft.result_index, rules.result_index_prefix)
    return interval


def check_name(name: str) -> None:
    """Check a detector's name (behaviour §2, step 3). Raises: DetectorRefused."""
    if not _NAME.fullmatch(name):
        raise DetectorRefused(
            "Valid characters for detector name are a-z, A-Z, 0-9, -(hyphen), _(underscore) and "
            ".(period)",
            aspect="name",
        )
    if len(name) > LONGEST_NAME:
        raise DetectorRefused(
            f"Name should be shortened. The maximum limit is {LONGEST_NAME} characters.",
            aspect="name",
        )


def check_result_index(name: str, prefix: str) -> None:
    """Check the name of a custom result index. Raises: DetectorInvalid."""
    _check(name.startswith(prefix), f"Result index must start with {prefix}", "result_index")
    _check(
        len(name) <= LONGEST_RESULT_INDEX,
        f"Result index name size must contains less than {LONGEST_RESULT_INDEX} characters",
        "result_index",
    )
    _check(
        _RESULT_INDEX.fullmatch(name),
        "Result index name has invalid character. Valid characters are a-z, 0-9, -(hyphen) and "
        "_(underscore)",
        "result_index",
    )


def _check(holds: object, reason: str, aspect: str) -> None:
    if not holds:
        raise DetectorInvalid(reason, aspect=aspect)


def _optional(
    document: Mapping[str, Any], field: str, read: Callable[[object, str], Read]
) -> Read | None:
    value = document.get(field)
    return None if value is None else read(value, field)


def _interval(
    document: Mapping[str, Any], field: str, default: Interval, ignored: list[str]
) -> Interval | None:
    """Read an interval: the default when the key is absent, None when it says nothing."""
    if field not in document:
        return default
    parsed = parse_interval(document[field], field)
    if parsed is None:
        return None
    interval, unknown = parsed
    ignored.extend(unknown)
    return interval


def _normalise_filter(query: Mapping[str, Any], queries: QueryNormaliser) -> Mapping[str, Any]:
    # An empty object is accepted and means no filter, as the reference has it.
    if not query:
        return MATCH_ALL
    try:
        return queries.filter_query(query)
    except (ParsingError, IllegalArgument) as problem:
        raise DetectorInvalid(
            f"Custom query error in data filter: {problem.reason}", aspect="filter_query"
        ) from problem


def _feature(draft: _FeatureDraft, rules: DetectorRules) -> Feature:
    try:
        aggregation = rules.queries.aggregation_query(draft.aggregation_query)
    except (ParsingError, IllegalArgument) as problem:
        raise DetectorInvalid(
            f"Custom query error: {problem.reason}", aspect="feature_attributes"
        ) from problem
    return Feature(
        id=draft.id or rules.ids.next_id(),
        name=draft.name,
        enabled=draft.enabled,
        aggregation_query=aggregation,
    )
