"""The windows of a running detector that are not complete yet, judged on request."""

from __future__ import annotations

from anomalyd.engine.influencers import JobRun
from anomalyd.engine.live import LiveDetector
from anomalyd.engine.window import WindowRange, align_down
from anomalyd.schedule.realtime_tools import RealtimeTools

MOST_WINDOWS = 10
"""Open windows that are judged, the oldest first: that which fills, and those in the delay."""


def write_interim(live: LiveDetector, job: JobRun, tools: RealtimeTools, *, position: int) -> None:
    """Judge the windows from a position up to now by today's models; nothing is learned.

    Args:
        live: the models; nobody else may use them meanwhile.
        job: the real-time run.
        tools: the clock, and what writes influencers.
        position: end of the last window that is recorded, epoch ms.

    Raises: the source's errors.
    """
    interval = job.interval
    end = min(align_down(tools.clock.now(), interval), position + (MOST_WINDOWS - 1) * interval)
    windows = WindowRange(start=position, end=end + interval, interval=interval)
    if windows.count:
        tools.influencers.interim(job, windows, list(live.judge_open(windows)))
