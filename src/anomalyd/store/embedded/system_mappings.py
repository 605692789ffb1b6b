"""The fields by which the system's own documents can be searched.

The documents themselves may hold more; what is not listed here is kept and given back, but no
query finds it (``dynamic: false``). The fields are those of the reference's own mappings, with
``user`` as a plain object, because its lists of roles would not fit into a nested one here.
"""

from __future__ import annotations

from typing import Any

from anomalyd.embedded.mapping import IndexMapping
from anomalyd.embedded.mapping_json import parse_mapping

_KEYWORD = {"type": "keyword"}
_DATE = {"type": "date"}
_INTEGER = {"type": "integer"}
_DOUBLE = {"type": "double"}
_BOOLEAN = {"type": "boolean"}
_TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
_UNSEARCHED = {"type": "object", "enabled": False}
_PERIOD = {"properties": {"period": {"properties": {"interval": _INTEGER, "unit": _KEYWORD}}}}

USER: dict[str, Any] = {
    "properties": {
        "name": _TEXT,
        "backend_roles": _TEXT,
        "roles": _TEXT,
        "custom_attribute_names": _TEXT,
        "user_requested_tenant": _TEXT,
    }
}
ENTITY: dict[str, Any] = {"type": "nested", "properties": {"name": _KEYWORD, "value": _KEYWORD}}

_DETECTOR: dict[str, Any] = {
    "name": _TEXT,
    "description": {"type": "text"},
    "time_field": _KEYWORD,
    "indices": _TEXT,
    "result_index": _KEYWORD,
    "filter_query": _UNSEARCHED,
    "ui_metadata": _UNSEARCHED,
    "feature_attributes": {
        "type": "nested",
        "properties": {
            "feature_id": _KEYWORD,
            "feature_name": _TEXT,
            "feature_enabled": _BOOLEAN,
            "aggregation_query": _UNSEARCHED,
        },
    },
    "detection_interval": _PERIOD,
    "window_delay": _PERIOD,
    "shingle_size": _INTEGER,
    "schema_version": _INTEGER,
    "last_update_time": _DATE,
    "category_field": _KEYWORD,
    "detector_type": _KEYWORD,
    "user": USER,
}
_JOB: dict[str, Any] = {
    "name": _TEXT,
    "schedule": {
        "properties": {
            "interval": {"properties": {"start_time": _DATE, "period": _INTEGER, "unit": _KEYWORD}}
        }
    },
    "window_delay": _PERIOD,
    "enabled": _BOOLEAN,
    "enabled_time": _DATE,
    "disabled_time": _DATE,
    "last_update_time": _DATE,
    "lock_duration_seconds": {"type": "long"},
    "result_index": _KEYWORD,
    "user": USER,
}
_TASK: dict[str, Any] = {
    "last_update_time": _DATE,
    "started_by": _KEYWORD,
    "stopped_by": _KEYWORD,
    "error": {"type": "text"},
    "state": _KEYWORD,
    "detector_id": _KEYWORD,
    "task_progress": _DOUBLE,
    "init_progress": _DOUBLE,
    "current_piece": _DATE,
    "execution_start_time": _DATE,
    "execution_end_time": _DATE,
    "is_latest": _BOOLEAN,
    "task_type": _KEYWORD,
    "checkpoint_id": _KEYWORD,
    "coordinating_node": _KEYWORD,
    "worker_node": _KEYWORD,
    "parent_task_id": _KEYWORD,
    "estimated_minutes_left": _INTEGER,
    "detection_date_range": {"properties": {"start_time": _DATE, "end_time": _DATE}},
    "entity": ENTITY,
    "detector": {"properties": _DETECTOR},
    "user": USER,
}

_STATE: dict[str, Any] = {"kind": _KEYWORD, "detector_id": _KEYWORD, "timestamp": _DATE}

# what an index's name ends with, whatever the configured prefix is
_BY_SUFFIX = {
    "-detectors": _DETECTOR,
    "-detector-jobs": _JOB,
    "-state": _TASK,
    "-checkpoints": _STATE,
}


def mapping_for(index: str) -> IndexMapping:
    """Return the mapping that a system index is created with; dynamic for any other name."""
    for suffix, properties in _BY_SUFFIX.items():
        if index.endswith(suffix):
            return parse_mapping({"dynamic": False, "properties": properties})
    return IndexMapping()
