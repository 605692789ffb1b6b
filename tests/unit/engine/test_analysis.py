"""The window function on a real source and the real core."""

import dataclasses
import math
import random

import numpy as np
import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.engine.analysis import Analysis, StoppedEarlyError
from anomalyd.engine.plan import AnalysisPlan
from anomalyd.engine.results import result_batch
from anomalyd.engine.window import WindowRange
from anomalyd.executor.threads import ThreadExecutor
from anomalyd.model.detector import Detector, Feature
from anomalyd.model.interval import Interval
from anomalyd.source.embedded import EmbeddedIndices, EmbeddedSource
from anomalyd.store.base import NO_TIME
from tests.unit.service.data import (
    FIRST,
    HOSTS,
    INCIDENT,
    MAPPING,
    MINUTE,
    MINUTES,
    bulk,
    server_log,
)

ALL = WindowRange(start=FIRST, end=FIRST + MINUTES * MINUTE, interval=MINUTE)

DETECTOR = Detector(
    name="d",
    description="",
    time_field="timestamp",
    indices=("server_log",),
    features=(
        Feature(
            id="f1", name="sum", enabled=True, aggregation_query={"s": {"sum": {"field": "value"}}}
        ),
        Feature(
            id="f2", name="off", enabled=False, aggregation_query={"o": {"sum": {"field": "value"}}}
        ),
    ),
    filter_query={"match_all": {"boost": 1.0}},
    detection_interval=Interval(1),
    window_delay=Interval(1),
    shingle_size=8,
    category_fields=("host",),
    result_index=None,
    user={"name": "admin"},
    last_update_time=0,
)


@pytest.fixture(scope="module")
def source():
    with Database() as database:
        catalogue = Catalogue(database)
        ids = CountedIds(random.Random(1).randbytes)
        indices = EmbeddedIndices(catalogue, now=lambda: 0, ids=ids)
        indices.create_index("server_log", MAPPING)
        indices.bulk(bulk(server_log()), default_index="server_log")
        yield EmbeddedSource(catalogue, now=lambda: 0)


def analysis(source, *, threads=1, entities=tuple((host,) for host in HOSTS), detector=DETECTOR):
    return Analysis(
        AnalysisPlan.of("id", detector),
        entities,
        source=source,
        executor=ThreadExecutor(threads=threads),
    )


def stepped(one, windows):
    """Columns per entity and window of several steps."""
    rows = [one.step(piece) for piece in windows]
    return np.concatenate(
        [
            np.column_stack([r.entity, r.window_start, r.values, r.score, r.grade, r.threshold])
            for r in rows
        ]
    )


def test_every_window_with_documents_has_a_row(source):
    """Sorted by window, every entity's windows in order, and learned by its model."""
    one = analysis(source)
    rows = one.step(ALL)
    assert len(rows) == sum(MINUTES - 10 * number for number in range(len(HOSTS)))
    assert np.all(np.diff(rows.window_start) >= 0)
    assert one.updates().tolist() == [MINUTES - 10 * number for number in range(len(HOSTS))]
    assert np.isfinite(rows.score).all()


@pytest.mark.parametrize("windows", [1_000, 100, 7])
@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_and_threads_do_not_show_in_the_numbers(source, windows, threads):
    """The same rows, bit by bit, however the range is cut."""
    whole = stepped(analysis(source), [ALL])
    pieces = stepped(analysis(source, threads=threads), ALL.pieces(windows))
    assert np.array_equal(whole, pieces)


def test_an_entity_does_not_depend_on_its_company(source):
    """Alone or with others, its numbers are the same: groups may be cut anyhow."""
    together = stepped(analysis(source), [ALL])
    alone = stepped(analysis(source, entities=(("host-2",),)), [ALL])
    assert np.array_equal(together[together[:, 0] == 1][:, 1:], alone[:, 1:])


def test_one_series_has_all_documents(source):
    """Without category fields the only entity is the empty one."""
    single = dataclasses.replace(DETECTOR, category_fields=None)
    rows = analysis(source, entities=((),), detector=single).step(ALL)
    assert len(rows) == MINUTES
    assert set(rows.entity.tolist()) == {0}


def test_windows_without_documents_give_no_rows(source):
    """And leave the models as they were."""
    one = analysis(source)
    before = WindowRange(start=ALL.start - 100 * MINUTE, end=ALL.start, interval=MINUTE)
    assert len(one.step(before)) == 0
    assert one.updates().tolist() == [0, 0, 0]


def test_a_step_stops_when_it_is_told_to(source):
    """Before any row is scored."""
    one = analysis(source)
    with pytest.raises(StoppedEarlyError):
        one.step(ALL, lambda: True)


def test_results_carry_what_documents_need(source):
    """Windows, ids of models and enabled features, times of the step."""
    one = analysis(source)
    rows = one.step(ALL)
    batch = result_batch(
        one.plan,
        one.entities,
        rows,
        index="results",
        task_id="task",
        execution_start=5,
        execution_end=6,
    )
    assert len(batch) == len(rows)
    assert batch.model_ids == tuple(f"id_entity_{host}" for host in HOSTS)
    assert (batch.feature_ids, batch.feature_names) == (("f1",), ("sum",))
    assert np.all(batch.data_end - batch.data_start == MINUTE)
    assert set(batch.execution_start.tolist()) == {5}
    assert set(batch.execution_end.tolist()) == {6}
    assert (batch.task_id, batch.user) == ("task", {"name": "admin"})


def test_anomalies_are_explained(source):
    """The incident's results say what was expected; all others say nothing of the kind."""
    one = analysis(source)
    batch = result_batch(
        one.plan,
        one.entities,
        one.step(ALL),
        index="r",
        task_id=None,
        execution_start=5,
        execution_end=6,
    )
    incident = (batch.entity == 1) & (batch.data_start == FIRST + INCIDENT * MINUTE)
    assert batch.grade[incident] > 0.9
    assert batch.relevant_attribution[incident] == 1
    usual = 100 + 20 * math.sin(INCIDENT / 15) + 2
    assert batch.expected_values[incident, 0] == pytest.approx(usual, abs=10)
    calm = batch.grade == 0
    for columns in (batch.relevant_attribution, batch.expected_values, batch.past_values):
        assert np.isnan(columns[calm]).all()
    assert np.all(batch.approx_anomaly_start[calm] == NO_TIME)


def test_an_anomaly_that_is_found_late_says_since_when(source):
    """As many intervals ago as the core says; one that is found at once says nothing."""
    one = analysis(source)
    rows = one.step(ALL)
    grade, relative_index = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    grade[[5, 6]], relative_index[[6, 7]] = 1.0, -3
    rows = dataclasses.replace(rows, grade=grade, relative_index=relative_index)
    batch = result_batch(
        one.plan, one.entities, rows, index="r", task_id=None, execution_start=5, execution_end=6
    )
    late = np.flatnonzero(batch.approx_anomaly_start != NO_TIME)
    assert late.tolist() == [6]
    assert batch.approx_anomaly_start[6] == batch.data_start[6] - 3 * MINUTE


def test_results_of_one_series_have_no_model_id(source):
    """As recorded from a real node."""
    single = dataclasses.replace(DETECTOR, category_fields=None)
    one = analysis(source, entities=((),), detector=single)
    batch = result_batch(
        one.plan,
        one.entities,
        one.step(ALL),
        index="r",
        task_id=None,
        execution_start=5,
        execution_end=6,
    )
    assert batch.model_ids == (None,)
    assert batch.entities == ((),)
