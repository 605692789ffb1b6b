"""Real time with very many entities: nothing holds all models, or all of the past, at once."""

import random
from dataclasses import replace

import pytest

from anomalyd.app import build
from anomalyd.config import Settings
from anomalyd.engine import live, live_training
from anomalyd.schedule.clock import VirtualClock
from anomalyd.store.embedded import checkpoints
from tests.unit.service.data import FIRST, MINUTE, create, fill
from tests.unit.service.realtime import advance, comparable, live_results, settle, started

BEGIN = FIRST + 100 * MINUTE


def run(folder, **options):
    """Start, stop, miss some windows, go on: the results and the cold start's task."""
    clock = VirtualClock(BEGIN)
    folder.mkdir()
    for minutes in (0, 5, 9):
        clock.advance(minutes * MINUTE)
        ids = random.Random(minutes).randbytes
        with build(Settings(data_dir=folder), clock=clock, random_bytes=ids) as application:
            if not minutes:
                fill(application)
                id = create(application, category_field=["host", "service"], **options)
                assert started(application, id) == "RUNNING"
            else:
                settle(application)
            advance(application, clock, 6)
            found = comparable(live_results(application, id))
    return found


@pytest.mark.parametrize("options", [{}, {"imputation_option": {"method": "PREVIOUS"}}])
def test_small_batches_give_the_same_results(tmp_path, monkeypatch, options):
    """Cold start, checkpoints, recovery and replay in groups of one or two: the same bits."""
    expected = run(tmp_path / "whole", **options)
    monkeypatch.setattr(live_training, "ENTITIES_AT_ONCE", 2)
    monkeypatch.setattr(live, "CHECKPOINTS_AT_ONCE", 1)
    monkeypatch.setattr(live, "ROWS_REPLAYED_AT_ONCE", 5)
    monkeypatch.setattr(checkpoints, "CHECKPOINTS_AT_ONCE", 2)
    assert run(tmp_path / "pieces", **options) == expected
    assert len(expected) > 60


def test_what_is_caught_up_with_is_bounded_by_rows():
    """Windows that were missed are read in pieces of so many rows: more pieces, same results."""
    found, pieces = [], []
    for rows in (200_000, 6):
        clock = VirtualClock(BEGIN)
        with build(Settings(), clock=clock, random_bytes=random.Random(1).randbytes) as application:
            fill(application)
            id = create(application, category_field=["host"])
            tools = application.realtime._tools
            limits = replace(tools.limits, piece_rows=rows)
            application.realtime.reconfigure(replace(tools, limits=limits))
            started(application, id)
            advance(application, clock, 7, step=7)
            found.append(comparable(live_results(application, id)))
            log = application.realtime._tools.log
            pieces.append(log._documents.get(log._states, f"realtime-{id}").version)
    assert found[0] == found[1]
    assert pieces[1] > pieces[0]
