"""What every influencer store does: replace windows, keep initial scores, page in a total order."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomalyd.embedded.database import Database
from anomalyd.store.embedded.influencers import EmbeddedInfluencerStore
from anomalyd.store.influencers import (
    BucketRows,
    InfluencerRow,
    InfluencerRows,
    InfluencerStep,
    InfluencerStore,
    RecordRows,
    ResultFilter,
    ResultPage,
    ShareRows,
)

HOUR = 3_600_000
EVERYTHING = ResultFilter()
BY_SCORE = ResultPage(sort="influencer_score")

Given = tuple[int, str, str, float, float]
"""Window number, field, value, ln p, score."""


@pytest.fixture
def store() -> Iterator[InfluencerStore]:
    with Database() as database:
        # room for two jobs' columns, so that the oldest is forgotten
        yield EmbeddedInfluencerStore(database, rows_in_memory=20)


def influencers(rows: Sequence[Given]) -> InfluencerRows:
    return InfluencerRows(
        timestamp=np.array([row[0] * HOUR for row in rows], dtype=np.int64),
        field=[row[1] for row in rows],
        value=[row[2] for row in rows],
        code=np.array([zlib.crc32(row[2].encode()) for row in rows], dtype=np.int64),
        ln_probability=np.array([row[3] for row in rows], dtype=np.float64),
        score=np.array([row[4] for row in rows], dtype=np.float64),
    )


def step(
    rows: Sequence[Given],
    *,
    run: str = "",
    first: int = 0,
    last: int = 9,
    interim: bool = False,
    state: bytes | None = None,
) -> InfluencerStep:
    none, nothing = np.empty(0, dtype=np.int64), np.empty(0)
    windows = sorted({row[0] for row in rows})
    count = len(windows)
    return InfluencerStep(
        run=run,
        start=first * HOUR,
        end=(last + 1) * HOUR,
        bucket_span=3600,
        influencers=influencers(rows),
        buckets=BucketRows(
            timestamp=np.array(windows, dtype=np.int64) * HOUR,
            field=["host"] * count,
            ln_probability=np.full(count, -5.0),
            raw=np.full(count, 1.0),
            score=np.array([max(r[4] for r in rows if r[0] == w) for w in windows]),
            count=np.ones(count, dtype=np.int64),
        ),
        records=RecordRows(
            timestamp=none, entity=(), ln_probability=nothing, score=nothing, actual=(), typical=()
        ),
        interim=interim,
        position=None if interim else (last + 1) * HOUR,
        state=state,
    )


def values(store: InfluencerStore, job: str = "job") -> list[tuple[str, float, float]]:
    _, rows = store.influencers(job, EVERYTHING, BY_SCORE)
    return [(row.value, row.score, row.initial_score) for row in rows]


def test_an_unknown_job_has_nothing(store: InfluencerStore) -> None:
    """No results are no error."""
    assert store.influencers("job", EVERYTHING, BY_SCORE) == (0, ())
    assert store.buckets("job", EVERYTHING) == ()
    assert store.state("job", "") is None


def test_writing_a_window_again_leaves_one_row_and_its_initial_score(
    store: InfluencerStore,
) -> None:
    """Rows are keyed by window, field and value; those that vanished are gone."""
    store.write("job", step([(1, "host", "a", -8, 80), (1, "host", "b", -7, 70)]))
    store.write("job", step([(1, "host", "a", -6, 60), (1, "host", "c", -5, 50)]))
    assert values(store) == [("a", 60.0, 80.0), ("c", 50.0, 50.0)]
    assert len(store.buckets("job", EVERYTHING)) == 1


def test_steps_of_several_jobs_are_written_as_each_by_itself(store: InfluencerStore) -> None:
    """Whatever the jobs had in the windows before, and whatever they have in common."""
    first = [
        ("a", step([(1, "host", "x", -9.0, 60.0), (2, "host", "x", -8.0, 50.0)], state=b"one")),
        ("b", step([(1, "host", "x", -9.0, 40.0)], interim=True)),
        ("c", step([], run="other")),
    ]
    again = [
        ("b", step([(1, "host", "x", -9.5, 45.0)])),
        ("a", step([(1, "host", "x", -9.0, 10.0)], first=1, last=1)),
        ("c", step([(7, "host", "y", -9.0, 20.0)], run="other", last=7)),
    ]
    with Database() as database:
        plain = EmbeddedInfluencerStore(database)
        for steps in (first, again):
            steps = [(job, replace(one, position=one.end)) for job, one in steps]
            store.write_all(steps)
            for job, one in steps:
                plain.write(job, one)
        for job, run in (("a", ""), ("b", ""), ("c", "other")):
            assert store.influencers(job, EVERYTHING, BY_SCORE) == plain.influencers(
                job, EVERYTHING, BY_SCORE
            )
            assert store.buckets(job, EVERYTHING) == plain.buckets(job, EVERYTHING)
            assert store.state(job, run) == plain.state(job, run)
    assert values(store, "a") == [("x", 50.0, 50.0), ("x", 10.0, 60.0)]
    assert values(store, "b") == [("x", 45.0, 45.0)]


def test_windows_outside_a_step_stay(store: InfluencerStore) -> None:
    """A step replaces its own windows only, and those of its own job."""
    store.write("job", step([(1, "host", "a", -8, 80)], first=1, last=1))
    store.write("other", step([(1, "host", "z", -8, 10)], first=1, last=1))
    store.write("job", step([(2, "host", "b", -8, 70)], first=2, last=2))
    assert values(store) == [("a", 80.0, 80.0), ("b", 70.0, 70.0)]
    assert values(store, "other") == [("z", 10.0, 10.0)]


def test_final_rows_replace_interim_ones(store: InfluencerStore) -> None:
    """An interim row is marked, can be left out, and gives its initial score to nobody."""
    store.write("job", step([(3, "host", "a", -8, 90), (3, "host", "b", -4, 5)], interim=True))
    _, rows = store.influencers("job", EVERYTHING, BY_SCORE)
    assert [row.interim for row in rows] == [True, True]
    assert store.influencers("job", ResultFilter(exclude_interim=True), BY_SCORE) == (0, ())
    assert store.state("job", "") is None
    store.write("job", step([(3, "host", "a", -7, 40)]))
    _, (row,) = store.influencers("job", EVERYTHING, BY_SCORE)
    assert (row.score, row.initial_score, row.interim) == (40.0, 40.0, False)


def test_another_run_takes_the_windows_over(store: InfluencerStore) -> None:
    """The rows of a window are those of the last run over it, with initial scores of its own."""
    store.write("job", step([(1, "host", "a", -8, 80)], run="task"))
    store.write("job", step([(1, "host", "a", -6, 60)], run=""))
    assert values(store) == [("a", 60.0, 60.0)]


def test_new_scores_leave_the_initial_ones(store: InfluencerStore) -> None:
    """Renormalising changes scores of final rows, of one run and from a time on, nothing else."""
    store.write("job", step([(1, "host", "a", -8, 80), (5, "host", "a", -9, 90)]))
    stored = store.scores("job", "", since=2 * HOUR)
    assert stored.ln_probability.tolist() == [-9.0]
    assert store.rescore("job", "", stored, np.array([33.0])) == 1
    assert store.rescore("job", "", store.scores("job", "", since=0), np.array([80.0, 33.0])) == 0
    assert values(store) == [("a", 80.0, 80.0), ("a", 33.0, 90.0)]


def test_the_state_of_a_run(store: InfluencerStore) -> None:
    """Bytes come back as they were; a step without bytes moves the position alone."""
    store.write("job", step([], last=4, state=b"\0one"))
    store.write("job", step([], first=5, last=6))
    state = store.state("job", "")
    assert state is not None
    assert (state.position, state.state_position, state.state) == (7 * HOUR, 5 * HOUR, b"\0one")
    assert store.state("job", "task") is None
    store.forget("job", "")
    assert store.state("job", "") is None


def test_a_forgotten_job_is_gone(store: InfluencerStore) -> None:
    """One run, or all of them."""
    store.write("job", step([(1, "host", "a", -8, 80)], run="one", first=1, last=1))
    store.write("job", step([(2, "host", "b", -8, 70)], run="two", first=2, last=2))
    store.forget("job", "one")
    assert [value for value, *_ in values(store)] == ["b"]
    store.forget("job")
    assert values(store) == []


def test_buckets_are_chosen_by_their_largest_level(store: InfluencerStore) -> None:
    """All levels of a bucket come, or none."""
    store.write("job", step([(1, "host", "a", -8, 80), (2, "host", "b", -8, 70)]))
    assert [row.timestamp for row in store.buckets("job", ResultFilter(score=75.0))] == [HOUR]


ROWS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(["host", "user.name"]),
        st.sampled_from(["a", "b", "ä", "Z", "10", "9"]),
        st.floats(-800, 0),
        st.sampled_from([0.0, 25.0, 50.0, 99.5]) | st.floats(0, 100),
    ),
    max_size=25,
    unique_by=lambda row: row[:3],
)
SORTS = {
    "influencer_score": lambda row: row.score,
    "initial_influencer_score": lambda row: row.initial_score,
    "probability": lambda row: row.ln_probability,
    "timestamp": lambda row: row.timestamp,
    "bucket_span": lambda row: row.bucket_span,
    "is_interim": lambda row: row.interim,
    "influencer_field_name": lambda row: row.field,
    "influencer_field_value": lambda row: row.value.encode(),
    "job_id": lambda row: 0,
    "host": lambda row: row.value.encode() if row.field == "host" else None,
}


def plain_page(
    rows: Sequence[InfluencerRow], which: ResultFilter, page: ResultPage
) -> tuple[int, tuple[InfluencerRow, ...]]:
    """Filter, sort and cut as the contract says, row by row."""
    matching = [
        row
        for row in rows
        if (which.start is None or row.timestamp >= which.start)
        and (which.end is None or row.timestamp < which.end)
        and not (which.score > 0 and row.score < which.score)
        and not (which.exclude_interim and row.interim)
    ]
    matching.sort(key=lambda row: (-row.timestamp, row.field, row.value.encode()))
    key = SORTS[page.sort]
    having = [row for row in matching if key(row) is not None]
    lacking = [row for row in matching if key(row) is None]
    ordered = sorted(having, key=key, reverse=page.descending)
    if page.descending:
        # a reversed sort keeps equal rows in their order
        assert [key(row) for row in ordered] == sorted(map(key, having), reverse=True)
    ordered += lacking
    return len(matching), tuple(ordered[page.offset : page.offset + page.size])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(
    rows=ROWS,
    start=st.none() | st.integers(-1, 10),
    end=st.none() | st.integers(-1, 10),
    score=st.sampled_from([0.0, -3.0, 25.0, 50.5, float("nan")]),
    exclude_interim=st.booleans(),
    sort=st.sampled_from(sorted(SORTS)),
    descending=st.booleans(),
    offset=st.integers(0, 12),
    size=st.integers(0, 12),
)
def test_pages_are_those_of_the_plain_way(
    store: InfluencerStore,
    rows: list[Given],
    start: int | None,
    end: int | None,
    score: float,
    exclude_interim: bool,
    sort: str,
    descending: bool,
    offset: int,
    size: int,
) -> None:
    """Every filter, sort and page gives what filtering and sorting row by row gives."""
    store.forget("job")
    final = [row for row in rows if row[0] < 7]
    store.write("job", step(final, last=6))
    store.write("job", step([row for row in rows if row[0] >= 7], first=7, interim=True))
    stored = [
        InfluencerRow(
            timestamp=row[0] * HOUR,
            bucket_span=3600,
            field=row[1],
            value=row[2],
            ln_probability=row[3],
            score=row[4],
            initial_score=row[4],
            interim=row[0] >= 7,
        )
        for row in rows
    ]
    which = ResultFilter(
        start=None if start is None else start * HOUR,
        end=None if end is None else end * HOUR,
        exclude_interim=exclude_interim,
        score=score,
    )
    page = ResultPage(sort=sort, descending=descending, offset=offset, size=size)
    assert store.influencers("job", which, page) == plain_page(stored, which, page)


def shares(window: int, entity: Sequence[str], values: Sequence[tuple[str, float]]) -> ShareRows:
    return ShareRows(
        timestamp=np.full(len(values), window * HOUR),
        entity=[entity] * len(values),
        field=["step"] * len(values),
        value=[value for value, _ in values],
        score=np.array([score for _, score in values]),
        carriers=np.full(len(values), 2),
    )


def test_shares_of_a_window_and_entity_are_replaced_together(store: InfluencerStore) -> None:
    """The others stay; entities are the same whatever the order of category fields."""
    store.write_shares("j", "", ("b", "a"), shares(1, ("x", "y"), [("p", 0.5), ("q", 0.6)]))
    store.write_shares("j", "", ("b", "a"), shares(1, ("x", "z"), [("p", 0.7)]))
    store.write_shares("j", "", ("a", "b"), shares(1, ("y", "x"), [("r", 0.8)]))
    store.write_shares("j", "task", (), shares(1, (), [("p", 0.1)]))
    found = store.shares("j", "", start=HOUR, end=2 * HOUR)
    assert sorted(zip(found.value.tolist(), found.score.tolist(), strict=True)) == [
        ("p", 0.7),
        ("r", 0.8),
    ]
    assert len(set(found.entity.tolist())) == 2
    assert found.carriers.tolist() == [2, 2]
    assert len(store.shares("j", "", start=0, end=HOUR)) == 0
    (entity,) = store.shares("j", "task", start=0, end=9 * HOUR).entity.tolist()
    assert entity == 0


def test_shares_stay_until_they_are_forgotten_or_the_job_is(store: InfluencerStore) -> None:
    """A run that begins anew keeps them: they were found before its results were written."""
    for window in (1, 2, 3):
        store.write_shares("j", "", (), shares(window, (), [("p", 0.5)]))
    store.forget("j", "")
    store.forget_shares("j", "", before=2 * HOUR)
    found = store.shares("j", "", start=0, end=9 * HOUR)
    assert found.timestamp.tolist() == [2 * HOUR, 3 * HOUR]
    store.forget("j")
    assert len(store.shares("j", "", start=0, end=9 * HOUR)) == 0
