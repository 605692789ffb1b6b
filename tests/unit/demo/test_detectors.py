"""The demonstration's detectors fit its log, its incidents and the query language."""

from __future__ import annotations

from pathlib import Path

import pytest

from anomalyd.demo.detectors import CHARTED, DETECTORS, DemoDetector
from anomalyd.demo.generator import DEFAULT_END
from anomalyd.demo.incidents import DAY, scripted_incidents
from anomalyd.demo.results import Run
from anomalyd.demo.runner import MARKER, FolderInUse, fresh_folder
from anomalyd.query.parse import parse_filter
from anomalyd.query.parse_aggregations import parse_feature


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_features_are_understood(detector: DemoDetector) -> None:
    """The query language reads every aggregation."""
    document = detector.document()
    for feature in document["feature_attributes"]:
        parse_feature(feature["aggregation_query"])


def test_there_are_detectors_of_both_types_and_names_are_unique() -> None:
    """One single series, several high-cardinality detectors."""
    assert len({detector.name for detector in DETECTORS}) == len(DETECTORS)
    assert [detector.name for detector in DETECTORS if not detector.category_fields] == [
        "shop-traffic"
    ]


def test_every_incident_is_charted_by_a_detector_that_can_name_it() -> None:
    """Each panel belongs to a detector with the entity's category, each incident to a panel."""
    categories = {detector.name: set(detector.category_fields) for detector in DETECTORS}
    for series in CHARTED:
        assert categories[series.detector] == set(series.entity)
    for incident in scripted_incidents(DEFAULT_END):
        assert incident.entity in [series.entity for series in CHARTED]


def test_intervals_divide_the_day() -> None:
    """Windows aligned to the epoch then begin at midnight, where the week begins."""
    assert all(DAY % (detector.minutes * 60_000) == 0 for detector in DETECTORS)


def test_a_runs_query_is_understood() -> None:
    """The filters of a run are a query."""
    run = Run(detector="d", detector_id="1", task_id="2")
    parse_filter(run.query({"range": {"anomaly_grade": {"gt": 0}}}))


def test_only_a_folder_of_an_earlier_demo_is_emptied(tmp_path: Path) -> None:
    """Somebody's own files are never deleted."""
    fresh_folder(tmp_path / "new")
    left = tmp_path / "new" / "left-over"
    left.touch()
    fresh_folder(tmp_path / "new")
    assert not left.exists()
    (tmp_path / "new" / MARKER).unlink()
    left.touch()
    with pytest.raises(FolderInUse, match="new"):
        fresh_folder(tmp_path / "new")
    assert left.exists()
