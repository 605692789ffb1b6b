"""The request for top anomalies."""

import pytest

from anomalyd.errors import ActionInvalid, IllegalArgument
from anomalyd.model.result import TopAnomaliesRequest

RANGE = {"start_time_ms": 1, "end_time_ms": 2}


def test_defaults():
    """Ten buckets by severity over all category fields."""
    request = TopAnomaliesRequest.parse(RANGE)
    assert (request.size, request.order, request.task_id) == (10, "severity", None)
    assert request.grouping("d", ("host", "ip")) == ("host", "ip")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            {"start_time_ms": 1},
            "Must set both start time and end time with epoch of milliseconds",
        ),
        ({"start_time_ms": 2, "end_time_ms": 2}, "Start time should be before end time"),
    ],
)
def test_the_range_is_checked_first(body, problem):
    """As a broken request object, with the documented sentence."""
    with pytest.raises(ActionInvalid) as caught:
        TopAnomaliesRequest.parse(body)
    assert caught.value.reason == f"Validation Failed: 1: {problem};"


@pytest.mark.parametrize(
    ("body", "fields", "reason"),
    [
        ({}, (), "No category fields found for detector ID d"),
        (
            {"category_field": ["service"]},
            ("host",),
            "Category field service doesn't exist for detector ID d",
        ),
        ({"order": "Severity"}, ("host",), "Ordering by Severity is not a valid option"),
        ({"size": 0}, ("host",), "Size must be a positive integer"),
        ({"size": 10_001}, ("host",), "Size cannot exceed 10000"),
    ],
)
def test_options_are_checked_against_the_detector(body, fields, reason):
    """The documented sentences; up to 10,000 buckets, as the document says."""
    with pytest.raises(IllegalArgument) as caught:
        TopAnomaliesRequest.parse(RANGE | body).grouping("d", fields)
    assert caught.value.reason == reason


def test_a_subset_of_the_fields_is_taken_in_its_order():
    """Grouping by one of two category fields."""
    request = TopAnomaliesRequest.parse(RANGE | {"category_field": ["ip"]})
    assert request.grouping("d", ("host", "ip")) == ("ip",)
