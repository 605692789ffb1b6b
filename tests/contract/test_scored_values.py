"""What models learn again from stored results (``store.models.ScoredValuesReader``)."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.store.base import ResultBatch, ScoreRange
from anomalyd.store.embedded import EmbeddedResultStore, EmbeddedScoreReader
from tests.contract.plain_stores import PlainResults
from tests.contract.stores import MINUTE

INDICES = (".searchguard-ad-results-history-2026.11.22-1", "searchguard-ad-result-own")


def batch(rows, *, fields=("service", "host"), index=INDICES[0], task_id=None, detector="d1"):
    """Results of (entity values, window number, features, score)."""
    entities = tuple(dict.fromkeys(tuple(values) for values, *_ in rows))
    start = np.array([window * MINUTE for _, window, _, _ in rows], dtype=np.int64)
    size = len(rows)
    return ResultBatch(
        index=index,
        detector_id=detector,
        task_id=task_id,
        feature_ids=("f1", "f2"),
        feature_names=("one", "two"),
        category_fields=fields,
        entities=entities,
        model_ids=(None,) * len(entities),
        entity=np.array([entities.index(tuple(one[0])) for one in rows], dtype=np.int64),
        data_start=start,
        data_end=start + MINUTE,
        execution_start=np.zeros(size, dtype=np.int64),
        execution_end=np.zeros(size, dtype=np.int64),
        feature_values=np.array([one[2] for one in rows], dtype=np.float64).reshape(size, 2),
        score=np.array([one[3] for one in rows], dtype=np.float64),
        grade=np.zeros(size),
        confidence=np.zeros(size),
        threshold=np.zeros(size),
    )


def asked(start=0, end=100, fields=("service", "host"), task_id=None, indices=INDICES):
    return ScoreRange(
        indices=indices,
        detector_id="d1",
        task_id=task_id,
        category_fields=fields,
        features=2,
        start=start * MINUTE,
        end=end * MINUTE,
    )


class Embedded:
    """The embedded stores, answering in the plain store's form."""

    def __init__(self, path):
        self._database = Database(path)
        catalogue = Catalogue(self._database)
        self.results = EmbeddedResultStore(catalogue)
        self.record = self.results.record
        self._reader = EmbeddedScoreReader(catalogue)

    def scored_values(self, which):
        found = self._reader.scored_values(which)
        assert not found.doc_count.any()
        rows = zip(
            found.entity.tolist(), found.window_start.tolist(), found.values.tolist(), strict=True
        )
        answer = {(found.entities[entity], window): values for entity, window, values in rows}
        assert len(answer) == len(found)
        return answer

    def revise(self, batch, indices):
        return self.results.revise(batch, indices).tolist()

    def close(self):
        self._database.close()


@pytest.fixture(params=["plain", "memory", "file"])
def results(request, tmp_path):
    """The memory twin, and the embedded stores."""
    if request.param == "plain":
        yield PlainResults()
        return
    made = Embedded(tmp_path / "data.duckdb" if request.param == "file" else None)
    yield made
    made.close()


ROWS = [
    (("web", "a"), 0, (1.0, 2.5), 0.0),
    (("web", "b"), 0, (3.0, -4.0), 0.7),
    (("db", "a"), 1, (5.0, 6.0), 1.2),
    (("web", "a"), 2, (7.0, 8.0), float("nan")),
]


def test_values_come_by_entity_and_window(results):
    """In the order of the category fields, warm-up included; rows without a score are left out."""
    results.record(batch(ROWS))
    assert results.scored_values(asked()) == {
        (("web", "a"), 0): [1.0, 2.5],
        (("web", "b"), 0): [3.0, -4.0],
        (("db", "a"), MINUTE): [5.0, 6.0],
    }
    assert results.scored_values(asked(start=1, end=2)) == {(("db", "a"), MINUTE): [5.0, 6.0]}
    assert results.scored_values(asked(start=3)) == {}


def test_only_the_run_that_is_asked_for(results):
    """Not those of tasks, of other detectors, indices or category fields."""
    results.record(batch(ROWS[:1], index=INDICES[1]))
    results.record(batch(ROWS[1:2], task_id="t1"))
    results.record(batch(ROWS[2:3], detector="d2"))
    results.record(batch([((), 5, (1.0, 1.0), 1.0)], fields=()))
    assert list(results.scored_values(asked())) == [(("web", "a"), 0)]
    assert list(results.scored_values(asked(task_id="t1"))) == [(("web", "b"), 0)]
    assert results.scored_values(asked(fields=())) == {((), 5 * MINUTE): [1.0, 1.0]}
    assert results.scored_values(asked(indices=INDICES[:1])) == {}
    assert results.scored_values(asked(indices=())) == {}


def test_what_is_written_again_counts_once(results):
    """As after a crash."""
    results.record(batch(ROWS))
    results.record(batch([(("web", "b"), 0, (9.0, 9.0), 1.0)]))
    assert results.scored_values(asked())[("web", "b"), 0] == [9.0, 9.0]
    assert len(results.scored_values(asked())) == 3


def test_late_documents_do_not_change_what_was_learned(results):
    """However often results are revised; where there was none, nothing was learned."""
    results.record(batch(ROWS))
    changed = [
        (("web", "a"), 0, (1.5, 2.5), 0.1),
        (("web", "b"), 0, (3.0, -4.0), 0.9),
        (("web", "a"), 2, (7.0, 9.0), 0.2),
        (("db", "a"), 3, (1.0, 1.0), 0.3),
    ]
    before = results.scored_values(asked())
    assert results.revise(batch(changed), INDICES) == [True, False, True, True]
    assert results.scored_values(asked()) == before
    again = [(("web", "a"), 0, (2.0, 2.0), 0.4), (("db", "a"), 3, (2.0, 1.0), 0.3)]
    assert results.revise(batch(again), INDICES) == [True, True]
    assert results.revise(batch(again), INDICES) == [False, False]
    assert results.scored_values(asked()) == before
    assert results.revise(batch([]), INDICES) == []


def test_a_result_is_revised_where_it_is(results):
    """In the index that holds it; new ones go to the index of the batch."""
    results.record(batch(ROWS[:1], index=INDICES[1]))
    rows = [(ROWS[0][0], 0, (4.0, 4.0), 1.0), (("db", "a"), 0, (5.0, 5.0), 1.0)]
    assert results.revise(batch(rows), INDICES) == [True, True]
    assert results.scored_values(asked(indices=INDICES[1:])) == {(("web", "a"), 0): [1.0, 2.5]}
    assert results.scored_values(asked(indices=INDICES[:1])) == {}


ROW = st.tuples(
    st.tuples(st.sampled_from(["web", "db", ""]), st.sampled_from(["a", "b,c", "\u00e9"])),
    st.integers(0, 4),
    st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)),
    st.sampled_from([0.0, 0.5, float("nan")]),
)


BATCH = st.lists(ROW, min_size=1, max_size=6, unique_by=lambda row: (row[0], row[1]))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.booleans(), BATCH), max_size=4),
    st.integers(0, 4),
    st.integers(0, 5),
)
def test_any_results_read_as_the_plain_store_reads_them(steps, start, end):
    """Whatever is written over what, by ticks or by late documents."""
    plain, store = PlainResults(), Embedded(None)
    for late, rows in steps:
        if late:
            scored = batch([(*row[:3], 0.5) for row in rows])
            assert store.revise(scored, INDICES) == plain.revise(scored, INDICES)
        else:
            plain.record(batch(rows))
            store.record(batch(rows))
    which = asked(start=start, end=end)
    assert store.scored_values(which) == plain.scored_values(which)
    store.close()


def test_scores_of_many_series_are_those_of_each():
    """In the order of the question, of the same series twice, and of one without any."""
    with Database() as database:
        catalogue = Catalogue(database)
        store, reader = EmbeddedResultStore(catalogue), EmbeddedScoreReader(catalogue)
        for number in range(4):
            rows = [((), at, (float(at), float(number)), 1.0 + at) for at in range(number + 3)]
            scored = batch(rows, fields=(), detector=f"d{number}")
            store.record(replace(scored, confidence=np.arange(len(rows)) * 0.1))
        rows = [(("a", "b"), 1, (1.0, 2.0), 3.0)]
        store.record(batch(rows, detector="d2", index=INDICES[1]))
        ranges = [
            replace(asked(1, 4, fields=()), detector_id=f"d{number}") for number in (3, 0, 9, 1, 3)
        ]
        ranges += [asked(0, 2, fields=()), replace(asked(), detector_id="d2")]
        found = reader.scores_of_each(ranges)
        for which, columns in zip(ranges, found, strict=True):
            expected = reader.scores(which)
            for name in ("window", "entity", "values", "score", "features"):
                np.testing.assert_array_equal(getattr(columns, name), getattr(expected, name))
        assert [len(each) for each in found] == [3, 2, 0, 3, 3, 1, 1]
        assert reader.scores_of_each([]) == ()
