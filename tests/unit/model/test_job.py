"""Jobs as documents."""

from anomalyd.model.interval import Interval
from anomalyd.model.job import Job


def test_a_job_shows_the_documented_keys_in_order():
    """The document's anomaly_detector_job."""
    job = Job(
        name="VEHKTXwBwf_U8gjUXY2s",
        interval=Interval(1),
        window_delay=Interval(1),
        start_time=1633393656357,
        enabled=True,
        enabled_time=1633393656357,
        last_update_time=1633393656357,
        lock_duration_seconds=60,
        user={"name": "admin"},
    )
    assert job.render() == {
        "name": "VEHKTXwBwf_U8gjUXY2s",
        "schedule": {"interval": {"start_time": 1633393656357, "period": 1, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": 1, "unit": "Minutes"}},
        "enabled": True,
        "enabled_time": 1633393656357,
        "last_update_time": 1633393656357,
        "lock_duration_seconds": 60,
        "user": {"name": "admin"},
    }
    assert list(job.render())[-1] == "user"
