"""Counting batch tasks by how they end."""

import pytest

from anomalyd.engine.analysis import StoppedEarlyError
from anomalyd.schedule.counters import NodeCounters, NodeCounts


def test_series_are_executing_inside_the_block():
    """And executed after it."""
    counters = NodeCounters()
    with counters.executing(3, cancelled=lambda: False):
        assert counters.read() == NodeCounts(
            ad_total_batch_task_execution_count=3, ad_executing_batch_task_count=3
        )
    assert counters.read() == NodeCounts(ad_total_batch_task_execution_count=3)


@pytest.mark.parametrize(
    ("error", "cancelled", "expected"),
    [
        (StoppedEarlyError, True, {"ad_canceled_batch_task_count": 2}),
        # The service ends: the run goes on with its next start.
        (StoppedEarlyError, False, {}),
        (ValueError, False, {"ad_batch_task_failure_count": 2}),
        (ValueError, True, {"ad_batch_task_failure_count": 2}),
    ],
)
def test_a_block_that_raises_is_counted_by_its_reason(error, cancelled, expected):
    """Stopped by a user, interrupted, failed; the error goes on."""
    counters = NodeCounters()
    with pytest.raises(error), counters.executing(2, cancelled=lambda: cancelled):
        raise error
    assert counters.read() == NodeCounts(ad_total_batch_task_execution_count=2, **expected)
