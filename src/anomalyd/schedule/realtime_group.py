"""Ticks of many single series at once: one snapshot of the source, one transaction of the store.

A series alone costs little; asking the source, writing results and position, and looking for late
documents cost much more. So the usual ticks, of one window each and with nothing to be made good,
are worked on together. Whatever is unusual is left to ``RunningDetector.step``, which does all the
same things for one detector; so is everything when anything fails, so that the detector that is to
blame is found.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from anomalyd.engine.analysis import StoppedEarlyError
from anomalyd.engine.window import WindowRange
from anomalyd.query.nodes import MatchAll, Query
from anomalyd.schedule.late import LateTools, late_windows
from anomalyd.schedule.realtime_record import Tick
from anomalyd.schedule.realtime_run import RunningDetector, record_ticks
from anomalyd.schedule.realtime_tools import RealtimeTools
from anomalyd.schedule.scheduler import JobControl
from anomalyd.source.base import Arrivals

logger = logging.getLogger(__name__)

_Locked = tuple[RunningDetector, Tick]

MOST_TOGETHER = 200
"""Detectors of one transaction: more would make the first of them wait for the last."""


def tick_together(
    detectors: Sequence[RunningDetector], tools: RealtimeTools, control: JobControl
) -> tuple[RunningDetector, ...]:
    """Tick detectors that are due.

    Args:
        detectors: at most ``MOST_TOGETHER`` or so.
        tools: what to work with.
        control: looked at between detectors.

    Returns: those that must be stepped by themselves.
    """
    locked: list[_Locked] = []
    alone: list[RunningDetector] = []
    scoring = False
    try:
        for one in detectors:
            tick = one.plain_tick()
            if tick is None:
                alone.append(one)
            else:
                locked.append((one, tick))
        usual, late = _looked_again(locked, tools.late)
        alone += late
        found = tools.late.source.feature_rows_of_each([tick.query for _, tick in usual])
        scoring = True
        begun = tools.clock.now()
        record_ticks(
            [
                (one, one.scored(tick, begun, control, rows))
                for (one, tick), rows in zip(usual, found, strict=True)
            ],
            tools,
        )
    except StoppedEarlyError:
        _abandon(locked)
    except Exception:
        logger.warning("detectors are ticked one by one", exc_info=True)
        alone = list(detectors)
        if scoring:
            _abandon(locked)
    finally:
        for one, _ in locked:
            one.release()
    return tuple(alone)


def influencers_together(detectors: Sequence[RunningDetector], tools: RealtimeTools) -> None:
    """Compute the influencers of series that were ticked together; those in use are left out.

    Where that fails, each is tried by itself, so that the others go on; what is missed is caught up
    with by the next tick.
    """
    locked: list[tuple[RunningDetector, WindowRange]] = []
    jobs = []
    try:
        for one in detectors:
            waiting = one.begin_influencers()
            if waiting is not None:
                locked.append((one, waiting[1]))
                jobs.append(waiting)
        tools.influencers.recorded_of_each(jobs)
    except Exception:
        logger.warning("influencers are computed one by one", exc_info=True)
        for one, windows in locked:
            one.find_influencers(windows)
    finally:
        for one, _ in locked:
            one.release()


def _looked_again(
    ticks: Sequence[_Locked], tools: LateTools
) -> tuple[list[_Locked], list[RunningDetector]]:
    """Look for late documents of all series that lie in the same indices with one question.

    Returns: ticks without any, their states with what the source has now, and the other detectors.
    """
    if not tools.grace_seconds:
        return [(one, tick.marked(None)) for one, tick in ticks], []
    groups: dict[object, list[_Locked]] = {}
    late = [one for one, tick in ticks if tick.held.state.marks is None]
    for one, tick in ticks:
        if tick.held.state.marks is not None:
            selection = tick.query.selection
            key = (selection.indices, selection.time_field, tick.windows)
            groups.setdefault(key, []).append((one, tick))
    usual: list[_Locked] = []
    for group in groups.values():
        arrivals = _arrived([tick for _, tick in group], MatchAll(), tools)
        for one, tick in group:
            # something came for one of them: which?
            own = (
                _arrived([tick], tick.query.selection.filter, tools) if len(arrivals) else arrivals
            )
            if len(own):
                late.append(one)
            else:
                usual.append((one, tick.marked(own.marks)))
    return usual, late


def _arrived(ticks: Sequence[Tick], filter: Query, tools: LateTools) -> Arrivals:
    """Return which windows that one of them may look at again got documents that a filter finds."""
    selection, windows = ticks[0].query.selection, ticks[0].windows
    marks = [tick.held.state.marks or {} for tick in ticks]
    names = set[str]().union(*marks)
    judged = [
        late_windows(tick.held.state, interval=windows.interval, grace_seconds=tools.grace_seconds)
        for tick in ticks
    ]
    return tools.source.arrived(
        dataclasses.replace(selection, filter=filter),
        since={name: min(each.get(name, 0) for each in marks) for name in names},
        start=min(each.start for each in judged),
        end=windows.start,
        interval=windows.interval,
    )


def _abandon(ticks: Sequence[_Locked]) -> None:
    for one, _ in ticks:
        one.abandon()
