"""The life cycle of influencers: real time, restarts, late results, open windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.engine.analysis import ScoredRows
from anomalyd.engine.influencer_columns import worth_writing
from anomalyd.engine.influencers import InfluencerRecorder, JobRun
from anomalyd.engine.live_values import LiveRows
from anomalyd.engine.window import WindowRange
from anomalyd.model.detector import Detector, Feature
from anomalyd.model.interval import Interval
from anomalyd.store.base import ResultBatch
from anomalyd.store.embedded import (
    EmbeddedInfluencerStore,
    EmbeddedResultStore,
    EmbeddedScoreReader,
)
from anomalyd.store.influencers import InfluencerRow, ResultFilter, ResultPage

HOUR = 3_600_000
INDEX = ".searchguard-ad-anomaly-results-history-2026.11.22-1"
HOSTS = ("a", "b", "c", "d")
DETECTOR = Detector(
    name="d",
    description="",
    time_field="t",
    indices=("logs",),
    features=(Feature(id="f", name="f", enabled=True, aggregation_query={"f": {"sum": {}}}),),
    filter_query={},
    detection_interval=Interval(60),
    window_delay=Interval(0),
    shingle_size=1,
    category_fields=("host",),
    result_index=None,
    user=None,
    last_update_time=0,
)
JOB = JobRun(detector_id="job", detector=DETECTOR, task_id=None, indices=(INDEX,))
WINDOWS = 150
STRANGE = 140


def windows(first: int, last: int) -> WindowRange:
    return WindowRange(start=first * HOUR, end=last * HOUR, interval=HOUR)


@dataclass
class Place:
    """A database with results, as a running service has it."""

    catalogue: Catalogue
    influencers: EmbeddedInfluencerStore

    def recorder(self) -> InfluencerRecorder:
        return InfluencerRecorder(
            scores=EmbeddedScoreReader(self.catalogue), influencers=self.influencers
        )

    def rows(self) -> tuple[InfluencerRow, ...]:
        page = ResultPage(sort="timestamp", descending=False, size=10_000)
        return self.influencers.influencers("job", ResultFilter(), page)[1]

    def record(self, first: int, score: np.ndarray, *, task_id: str | None = None) -> None:
        """Write the results of some windows: scores ``float64[windows, hosts]``."""
        window = np.repeat(first + np.arange(len(score)), len(HOSTS))
        count = len(window)
        EmbeddedResultStore(self.catalogue).record(
            ResultBatch(
                index=INDEX,
                detector_id="job",
                task_id=task_id,
                feature_ids=("f",),
                feature_names=("f",),
                category_fields=("host",),
                entities=tuple((host,) for host in HOSTS),
                model_ids=HOSTS,
                entity=np.tile(np.arange(len(HOSTS)), len(score)),
                data_start=window * HOUR,
                data_end=(window + 1) * HOUR,
                execution_start=np.zeros(count, dtype=np.int64),
                execution_end=np.zeros(count, dtype=np.int64),
                feature_values=1.0 + window[:, None],
                score=score.ravel(),
                grade=np.zeros(count),
                confidence=np.full(count, 0.9),
                threshold=np.full(count, np.nan),
            )
        )


def scores() -> np.ndarray:
    """Scores ``float64[windows, hosts]``; one of them is far outside."""
    drawn = np.random.default_rng(0).gamma(8, 0.12, (WINDOWS, len(HOSTS)))
    drawn[STRANGE, 1] = 7.0
    return drawn


@pytest.fixture
def place() -> Iterator[Place]:
    with Database() as database:
        yield Place(Catalogue(database), EmbeddedInfluencerStore(database))


def run_all(place: Place, recorders: list[InfluencerRecorder]) -> None:
    """Record all windows, ten at a time; each recorder does its share and is dropped then."""
    place.record(0, scores())
    share = -(-WINDOWS // len(recorders))
    for window in range(0, WINDOWS, 10):
        recorders[window // share].recorded(JOB, windows(window, window + 10))


def test_real_time_finds_who_is_to_blame(place: Place) -> None:
    """The strange host is first in its window, and its window's record has its values."""
    recorder = place.recorder()
    run_all(place, [recorder])
    at = ResultFilter(start=STRANGE * HOUR, end=(STRANGE + 1) * HOUR)
    _, found = place.influencers.influencers("job", at, ResultPage(sort="influencer_score"))
    assert found[0].value == "b"
    assert found[0].ln_probability < np.log(1e-4)
    _, records = place.influencers.records("job", at, ResultPage(sort="record_score"))
    assert (records[0].entity, records[0].actual) == (("b",), (1.0 + STRANGE,))
    levels = [row.field for row in place.influencers.buckets("job", at)]
    assert levels == ["bucket_time", "host"]


def test_after_a_crash_everything_is_as_if_there_had_been_none(place: Place) -> None:
    """Recorders that vanish without a word, at any window: the same rows and the same state."""
    run_all(place, [place.recorder(), place.recorder(), place.recorder()])
    with Database() as database:
        other = Place(Catalogue(database), EmbeddedInfluencerStore(database))
        recorder = other.recorder()
        run_all(other, [recorder])
        assert place.rows() == other.rows()
        last = place.recorder()
        last.recorded(JOB, windows(WINDOWS - 1, WINDOWS))
        last.close()
        recorder.close()
        assert place.influencers.state("job", "") == other.influencers.state("job", "")


def test_windows_that_a_crash_left_out_are_caught_up_with(place: Place) -> None:
    """Results were written, influencers not: the next call does both windows."""
    place.record(0, scores())
    recorder = place.recorder()
    recorder.recorded(JOB, windows(0, STRANGE - 1))
    recorder.recorded(JOB, windows(STRANGE + 2, WINDOWS))
    assert STRANGE * HOUR in {row.timestamp for row in place.rows()}


def test_late_results_change_the_score_and_not_the_initial_one(place: Place) -> None:
    """The window is judged again; nothing is learned from it."""
    recorder = place.recorder()
    run_all(place, [recorder])
    before = {(row.timestamp, row.value): row for row in place.rows()}
    recorder.stopped("job")
    state = place.influencers.state("job", "")
    late = scores()[STRANGE : STRANGE + 1]
    late[0, 1] = 2.2
    place.record(STRANGE, late)
    recorder.late(JOB, windows(STRANGE, STRANGE + 1))
    recorder.stopped("job")
    assert place.influencers.state("job", "") == state
    (row,) = (each for each in place.rows() if each.timestamp == STRANGE * HOUR)
    old = before[row.timestamp, "b"]
    assert row.ln_probability > old.ln_probability
    assert row.score < old.score
    assert row.initial_score == old.initial_score


def test_a_restart_learns_what_was_learned_and_not_what_late_documents_made_of_it(
    place: Place,
) -> None:
    """The state is settled before results change, so a crash afterwards changes nothing."""
    recorder = place.recorder()
    run_all(place, [recorder])
    changed = windows(STRANGE, STRANGE + 1)
    recorder.settle(JOB, changed)
    late = scores()[STRANGE : STRANGE + 1]
    late[0, 1] = 2.2
    place.record(STRANGE, late)
    recorder.late(JOB, changed)
    place.record(WINDOWS, scores()[:1])
    states = []
    for one in (place.recorder(), recorder):
        # the first of the two knows what the store says, the second never forgot
        one.recorded(JOB, windows(WINDOWS, WINDOWS + 1))
        one.stopped("job")
        states.append(place.influencers.state("job", ""))
    assert states[0] == states[1]


def test_late_windows_beyond_the_position_are_left_for_the_tick(place: Place) -> None:
    """They are neither judged nor counted as done."""
    recorder = place.recorder()
    place.record(0, scores())
    recorder.recorded(JOB, windows(0, STRANGE))
    before = place.rows()
    recorder.late(JOB, windows(STRANGE, WINDOWS))
    assert place.rows() == before


def judged(score: np.ndarray) -> LiveRows:
    """Rows of the window after all, as models that did not learn them judge them."""
    count = len(HOSTS)
    nothing = np.full((count, 1), np.nan)
    rows = ScoredRows(
        entity=np.arange(count),
        window_start=np.full(count, WINDOWS * HOUR),
        values=1.0 + np.arange(count)[:, None],
        imputed=np.zeros((count, 1), dtype=np.bool_),
        score=score,
        grade=np.zeros(count),
        confidence=np.full(count, 0.9),
        threshold=np.full(count, 1.5),
        relative_index=np.zeros(count, dtype=np.int64),
        attribution=nothing,
        expected=nothing,
        past_values=nothing,
    )
    return LiveRows(rows, tuple((host,) for host in HOSTS))


def test_an_open_window_is_interim_until_it_is_recorded(place: Place) -> None:
    """Nothing is learned from it, and the final rows take its place."""
    recorder = place.recorder()
    run_all(place, [recorder])
    open_window = windows(WINDOWS, WINDOWS + 1)
    recorder.interim(JOB, open_window, [judged(scores()[STRANGE])])
    interim = [row for row in place.rows() if row.interim]
    assert [(row.timestamp, row.value) for row in interim] == [(WINDOWS * HOUR, "b")]
    at = ResultFilter(start=open_window.start)
    _, records = place.influencers.records("job", at, ResultPage(sort="record_score"))
    assert [(one.entity, one.actual, one.interim) for one in records] == [(("b",), (2.0,), True)]
    recorder.interim(JOB, open_window, [])
    assert not [row for row in place.rows() if row.interim]
    recorder.interim(JOB, open_window, [judged(scores()[STRANGE])])
    place.record(WINDOWS, scores()[:1])
    recorder.recorded(JOB, windows(WINDOWS, WINDOWS + 1))
    assert not [row for row in place.rows() if row.timestamp == WINDOWS * HOUR]


def test_a_historical_run_finds_what_real_time_finds(place: Place) -> None:
    """The same scores in the same windows: the same values with the same probabilities."""
    run_all(place, [place.recorder()])
    live = {(row.timestamp, row.value, row.ln_probability) for row in place.rows()}
    place.record(0, scores(), task_id="task")
    historical = replace(JOB, task_id="task")
    recorder = place.recorder()
    recorder.analysed(historical, windows(0, WINDOWS))
    assert {(row.timestamp, row.value, row.ln_probability) for row in place.rows()} == live
    again = place.rows()
    recorder.analysed(historical, windows(0, WINDOWS))
    assert place.rows() == again


def test_what_is_worth_writing() -> None:
    """Another band, 1.5 more or less, or less than a third of what it was."""
    old = np.array([24.9, 10.0, 10.0, 0.2, 0.2, 80.0])
    new = np.array([25.1, 11.4, 11.6, 0.05, 0.1, 80.0])
    assert worth_writing(old, new).tolist() == [True, False, True, True, False, False]
