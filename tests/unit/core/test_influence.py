"""The state of influencers: probabilities, aggregation, scores, bytes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd._core import Influencers, InfluenceState, combined_probability, raw_scores
from anomalyd.engine.influence_state import restored_state
from anomalyd.errors import CorruptState
from tests.golden.make_influence_state import ASKED, LEARNED, columns
from tests.support.plain_influence.influence_state import InfluenceState as PlainState

GOLDEN = Path(__file__).parents[2] / "golden"
HALF_HOUR = 1_800_000


def new_state() -> InfluenceState:
    return InfluenceState(fields=1, features=1, interval=HALF_HOUR, period=HALF_HOUR)


def fed(
    state: InfluenceState,
    score: npt.NDArray[np.float64],
    *,
    first: int = 0,
    learn: bool = True,
    values: npt.NDArray[np.int64] | None = None,
) -> Influencers:
    """Give scores ``float64[windows, entities]`` to a state; each entity is a value of its own."""
    windows, entities = score.shape
    entity = np.tile(np.arange(entities), windows)
    value = entity if values is None else np.tile(values, windows)
    return state.process(
        np.repeat((first + np.arange(windows)) * HALF_HOUR, entities),
        entity,
        value[:, None],
        score.ravel(),
        np.zeros((score.size, 1)),
        learn=learn,
    )


def usual(windows: int, entities: int, *, seed: int = 0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).gamma(8, 0.12, (windows, entities))


def rows(found: Influencers) -> list[tuple[object, ...]]:
    columns = (found.window, found.field, found.value, found.ln_probability, found.score)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize(
    ("p", "raw"),
    [(1.0, 0.0), (0.05, 0.0), (1e-4, 1.0), (1e-50, 50.0), (2.2250738585072014e-308, 100.0)],
)
def test_raw_scores_at_their_knots(p: float, raw: float) -> None:
    """Linear in 1/p first, then in ln p; floored at the smallest normal double."""
    assert raw_scores(np.log([p]))[0] == pytest.approx(raw, abs=1e-9)
    assert raw_scores(np.array([-1e6]))[0] == 100.0


def test_one_entity_keeps_its_probability() -> None:
    """N = 1 is unchanged, however small."""
    ln_p = np.array([[-900.0], [-0.5]])
    assert combined_probability(ln_p, 0.0).tolist() == ln_p[:, 0].tolist()


@given(st.lists(st.floats(-60, 0), min_size=2, max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_entities_means_nothing(ln_ps: list[float], random: object) -> None:
    """The same bits for every permutation, and never above 1."""
    shuffled = list(ln_ps)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (combined_probability(np.array([each]), 0.3) for each in (ln_ps, shuffled))
    assert one.tolist() == other.tolist()
    assert one[0] <= 0


@pytest.mark.parametrize(
    ("entities", "limits"), [(1, (0.7, 1.5)), (5, (0.7, 1.5)), (30, (0.7, 1.5))]
)
def test_a_combined_probability_is_as_rare_as_it_says(
    entities: int, limits: tuple[float, float]
) -> None:
    """Under independence the rate of p <= alpha is about alpha, at 1 % and 0.1 %."""
    draws = 200_000
    ln_p = np.log(np.random.default_rng(5).random((draws, entities)))
    combined = combined_probability(ln_p, 0.0)
    for alpha in (1e-2, 1e-3):
        assert limits[0] <= (combined <= math.log(alpha)).mean() / alpha <= limits[1]


def test_on_usual_days_few_scores_are_high() -> None:
    """The design rate: >= 75 in at most 0.4375 % of the sampling periods, and p is uniform."""
    windows, burned = 4_000, 1_000
    found = fed(new_state(), usual(windows, 20))
    late = found.window >= burned * HALF_HOUR
    high = np.unique(found.window[late & (found.score >= 75)])
    assert len(high) / (windows - burned) <= 1.5 * 0.004375
    for alpha in (1e-2, 1e-3):
        rate = (found.ln_probability[late] <= math.log(alpha)).sum() / (20 * (windows - burned))
        assert 0.6 <= rate / alpha <= 1.5
    assert found.score.min() >= 0
    assert found.score.max() <= 100


def test_a_tail_lighter_than_exponential_is_followed() -> None:
    """Scores that fall as exp(-x^2): an exponential tail would call 1e-5 5.7e-5."""
    state = new_state()
    fed(state, 1.0 + 0.3 * np.sqrt(np.random.default_rng(0).exponential(size=(100, 2_000))))
    window = np.ones((1, 2_000))
    window[0, 7] = 1.0 + 0.3 * math.sqrt(-math.log(1e-5))
    found = fed(state, window, first=100, learn=False)
    assert rows(found)[0][2] == 7
    assert 1e-5 <= math.exp(found.ln_probability[0]) <= 4.5e-5


def test_a_planted_score_is_first_and_high() -> None:
    """One entity far outside its history, once."""
    state = new_state()
    fed(state, usual(2_000, 20))
    window = usual(1, 20, seed=1)
    window[0, 7] = 6.0
    found = fed(state, window, first=2_000)
    assert rows(found)[0][2] == 7
    assert found.score[0] >= 75
    assert found.ln_probability[0] < math.log(1e-6)


def test_an_anomaly_does_not_hide_the_next() -> None:
    """Learned scores are capped: the same again a day later is nearly as improbable."""
    state = new_state()
    fed(state, usual(2_000, 5))
    strange = usual(1, 5, seed=2)
    strange[0, 0] = 6.0
    first = fed(state, strange, first=2_000).ln_probability[0]
    fed(state, usual(48, 5, seed=3), first=2_001)
    assert fed(state, strange, first=2_049).ln_probability[0] < 0.8 * first


def test_judging_leaves_no_trace() -> None:
    """Without learning the state stays as it was, to the byte."""
    state = new_state()
    fed(state, usual(300, 4))
    before = state.to_bytes()
    one = fed(state, usual(5, 4, seed=9), first=300, learn=False)
    assert state.to_bytes() == before
    assert rows(one) == rows(fed(state, usual(5, 4, seed=9), first=300, learn=False))


def test_batches_mean_nothing() -> None:
    """All windows at once, or one by one: the same rows and the same bytes."""
    scores = usual(200, 6)
    whole, pieces = new_state(), new_state()
    found = rows(fed(whole, scores))
    single = [row for at in range(200) for row in rows(fed(pieces, scores[at : at + 1], first=at))]
    assert found == single
    assert whole.to_bytes() == pieces.to_bytes()


def test_a_restored_state_goes_on_with_the_same_bytes() -> None:
    """Bytes of bytes are the same, and so is everything after them."""
    state = new_state()
    fed(state, usual(700, 3))
    restored = InfluenceState.from_bytes(state.to_bytes())
    assert restored.to_bytes() == state.to_bytes()
    more = usual(100, 3, seed=4)
    assert rows(fed(restored, more, first=700)) == rows(fed(state, more, first=700))
    assert restored.to_bytes() == state.to_bytes()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("influence-state-v*.bin")), ids=str)
def test_states_of_all_versions_are_read_for_ever(path: Path) -> None:
    """A written state finds in the next windows what it found when it was written."""
    state = restored_state(path.read_bytes())
    found = state.process(**columns(LEARNED, LEARNED + ASKED))
    expected = json.loads(path.with_suffix(".json").read_text())
    for name in ("window", "field", "value"):
        assert getattr(found, name).tolist() == expected[name]
    assert found.ln_probability == pytest.approx(expected["ln_probability"], rel=1e-9)
    assert found.score == pytest.approx(expected["score"], abs=1e-6)


def test_there_is_a_golden_file_of_the_present_version() -> None:
    """The version that is written now is among those that are read for ever."""
    present = int.from_bytes(new_state().to_bytes()[8:12], "little")
    assert (GOLDEN / f"influence-state-v{present}.bin").exists()


def test_what_entities_share_without_an_anomaly_is_learned() -> None:
    """Five entities that always rise together: no longer unusual once their past has shown it."""
    rng = np.random.default_rng(8)
    shared = rng.gamma(8, 0.12, (3_000, 1)) + rng.normal(0, 0.01, (3_000, 5)).clip(-0.05, 0.05)
    found = fed(new_state(), shared, values=np.zeros(5, dtype=np.int64))
    late = found.window >= 2_000 * HALF_HOUR
    rate = float((found.ln_probability[late] <= math.log(1e-2)).sum()) / 1_000 / 1e-2
    assert 0.3 <= rate <= 1.7


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=40)
def test_damaged_bytes_are_refused(at: int, flip: int) -> None:
    """Any changed byte, and any cut."""
    state = new_state()
    fed(state, usual(3, 2))
    content = bytearray(state.to_bytes())
    content[at % len(content)] ^= flip
    with pytest.raises(CorruptState):
        restored_state(bytes(content))
    with pytest.raises(CorruptState):
        restored_state(state.to_bytes()[: at % len(content)])


def test_renormalising_gives_what_the_state_says_now() -> None:
    """The last window's influencers have these scores already; twice is as once."""
    state = new_state()
    fed(state, usual(1_500, 10))
    window = usual(1, 10, seed=1)
    window[0, 2:4] = 5.0
    found = fed(state, window, first=1_500)
    again = state.renormalise(found.field, found.value, found.ln_probability)
    assert len(found.score) >= 2
    assert again.tolist() == found.score.tolist()
    assert (
        again.tolist() == state.renormalise(found.field, found.value, found.ln_probability).tolist()
    )


def test_entities_whose_models_warm_up_are_compared_with_the_others() -> None:
    """No score: the distance of the values from those of all entities counts instead."""
    state = new_state()
    rng = np.random.default_rng(6)
    count = 8

    def windows(first: int, values: npt.NDArray[np.float64]) -> Influencers:
        entity = np.arange(len(values))
        return state.process(
            np.full(len(values), first * HALF_HOUR), entity, entity[:, None],
            np.full(len(values), np.nan), values[:, None],
        )  # fmt: skip

    for at in range(500):
        windows(at, rng.gamma(5, 15, count))
    values = rng.gamma(5, 15, count)
    values[3] *= 20
    found = windows(500, values)
    assert found.value[0] == 3
    assert found.score[0] >= 75


def test_the_order_of_rows_means_nothing() -> None:
    """The rows of each window shuffled: the same bits in everything, the bytes included."""
    rng = np.random.default_rng(7)
    one, other = new_state(), new_state()
    for at, scores in enumerate(usual(300, 12)):
        scores[at % 12] = np.nan if at < 40 else scores[at % 12]
        entity, features = np.arange(12), rng.gamma(5, 15, (12, 1))
        answers = []
        for state, order in ((one, np.arange(12)), (other, rng.permutation(12))):
            answers.append(
                state.process(
                    np.full(12, at * HALF_HOUR), entity[order], entity[order, None] // 4,
                    scores[order], features[order],
                )
            )  # fmt: skip
        assert rows(answers[0]) == rows(answers[1])
    assert one.to_bytes() == other.to_bytes()


def test_an_entity_without_a_value_counts_for_none() -> None:
    """Code -1: neither an influencer nor part of the level."""
    state = new_state()
    scores = usual(600, 4)
    scores[-1, 0] = 9.0
    values = np.array([-1, 1, 1, 2])
    found = fed(state, scores, values=values)
    assert -1 not in found.value.tolist()
    assert set(found.bucket_count.tolist()) == {3}


def with_shares(
    state: InfluenceState,
    scores: npt.NDArray[np.float64],
    shares: list[tuple[int, int, float, int]],
    *,
    first: int,
) -> Influencers:
    """One window; shares are (entity, value of column 1, score without it, carriers)."""
    count = len(scores)
    row, value, without, carriers = zip(*shares, strict=True)
    return state.process(
        np.full(count, first * HALF_HOUR), np.arange(count),
        np.stack([np.arange(count), np.full(count, -1)], axis=1), scores, np.zeros((count, 1)),
        share_places=np.array([row, [1] * len(row), value, carriers], dtype=np.int64),
        share_scores=np.array(without),
    )  # fmt: skip


def by_value(found: Influencers, field: int) -> dict[int, float]:
    mine = found.field == field
    values, numbers = found.value[mine].tolist(), found.ln_probability[mine].tolist()
    return dict(zip(values, numbers, strict=True))


def taught(windows: int = 1_000, entities: int = 10) -> InfluenceState:
    state = InfluenceState(fields=2, features=1, interval=HALF_HOUR, period=HALF_HOUR)
    scores = usual(windows, entities)
    entity = np.tile(np.arange(entities), windows)
    state.process(
        np.repeat(np.arange(windows) * HALF_HOUR, entities), entity,
        np.stack([entity, np.full(entity.shape, -1)], axis=1), scores.ravel(),
        np.zeros((scores.size, 1)),
    )  # fmt: skip
    return state


def test_a_value_without_which_a_row_is_usual_is_to_blame() -> None:
    """As improbable as the row is, times the entities that have it; others account for nothing."""
    scores = usual(1, 10, seed=1)[0]
    scores[3] = 6.0
    shares = [(3, 70, 0.9, 5), (3, 71, 6.0, 5), (3, 72, 5.9, 1), (0, 73, 0.1, 1)]
    found = with_shares(taught(), scores, shares, first=1_000)
    of_rows = dict(
        zip(found.value[found.field == 0], found.ln_probability[found.field == 0], strict=True)
    )
    values = found.value[found.field == 1].tolist()
    assert values == [70]
    (ln_p,) = found.ln_probability[found.field == 1]
    assert of_rows[3] < ln_p <= of_rows[3] * 0.4 + math.log(5)
    assert found.score[found.field == 1][0] >= 75


def test_several_entities_with_a_value_are_less_probable_than_one() -> None:
    """Simes: three of ten at the same probability, against one of ten."""
    scores = usual(1, 10, seed=1)[0]
    scores[:3] = 3.0
    shares = [(0, 70, 0.5, 10), (1, 70, 0.5, 10), (2, 70, 0.5, 10), (0, 71, 0.5, 10)]
    found = with_shares(taught(), scores, shares, first=1_000)
    ln_p = dict(
        zip(found.value[found.field == 1], found.ln_probability[found.field == 1], strict=True)
    )
    assert ln_p[70] < ln_p[71]


def test_the_order_of_shares_means_nothing() -> None:
    """The same answer, and the same bytes afterwards."""
    scores = usual(1, 10, seed=1)[0]
    scores[[2, 3]] = 5.0
    shares = [(3, 70, 0.9, 5), (2, 71, 0.8, 5), (2, 70, 0.9, 5), (3, 72, 2.0, 2)]
    one, other = taught(), taught()
    answers = [
        rows(with_shares(state, scores, each, first=1_000))
        for state, each in ((one, shares), (other, shares[::-1]))
    ]
    assert answers[0] == answers[1]
    assert one.to_bytes() == other.to_bytes()


@pytest.mark.parametrize(
    ("places", "score", "named"),
    [
        ([10, 1, 0, 1], 0.5, "share_row"),
        ([-1, 1, 0, 1], 0.5, "share_row"),
        ([0, 2, 0, 1], 0.5, "share_field"),
        ([0, 1, -1, 1], 0.5, "share_value"),
        ([0, 1, 0, 0], 0.5, "share_carriers"),
        ([0, 1, 0, 1], -0.5, "share_score"),
        ([0, 1, 0, 1], math.nan, "share_score"),
    ],
)
def test_shares_that_cannot_be_are_refused(places: list[int], score: float, named: str) -> None:
    """The error names the column, and nothing was learned."""
    state = taught(3)
    before = state.to_bytes()
    with pytest.raises(ValueError, match=named):
        state.process(
            np.full(10, 9 * HALF_HOUR), np.arange(10), np.zeros((10, 2), dtype=np.int64),
            np.ones(10), np.zeros((10, 1)),
            share_places=np.array(places)[:, None], share_scores=np.array([score]),
        )  # fmt: skip
    assert state.to_bytes() == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"window": np.array([1, 0])}, "window"),
        ({"score": np.array([-1.0, 0.0])}, "score"),
        ({"score": np.array([np.inf, 0.0])}, "score"),
        ({"values": np.array([[-2], [0]])}, "values"),
        ({"values": np.zeros((2, 2), dtype=np.int64)}, "values"),
        ({"features": np.array([[np.inf], [0.0]])}, "features"),
        ({"entity": np.zeros(3, dtype=np.int64)}, "entity"),
        ({"entity": np.zeros(2)}, "entity"),
    ],
)
def test_rows_that_cannot_be_are_refused(change: dict[str, npt.NDArray[Any]], named: str) -> None:
    """The error names the column, and nothing was learned."""
    state = new_state()
    before = state.to_bytes()
    good: dict[str, npt.NDArray[Any]] = {
        "window": np.zeros(2, dtype=np.int64),
        "entity": np.arange(2),
        "values": np.zeros((2, 1), dtype=np.int64),
        "score": np.ones(2),
        "features": np.zeros((2, 1)),
    }
    with pytest.raises(ValueError, match=named):
        state.process(**(good | change))
    assert state.to_bytes() == before


def test_the_core_gives_what_the_plain_version_gives() -> None:
    """Several columns, models that warm up, an anomaly: the same rows, numbers within rounding.

    The plain version rounds what it looks percentiles up by to three digits.
    """
    windows, entities = 500, 12
    rng = np.random.default_rng(0)
    entity = np.tile(np.arange(entities), windows)
    score = rng.gamma(8, 0.12, (windows, entities))
    score[:100, :3] = np.nan
    score[400, 5] = 6.0
    columns = (
        np.repeat(np.arange(windows) * HALF_HOUR, entities),
        entity,
        np.stack([entity, entity % 4, 0 * entity], axis=1),
        score.ravel(),
        rng.gamma(5, 15, (windows * entities, 2)),
    )
    shape = {"fields": 3, "features": 2, "interval": HALF_HOUR, "period": 2 * HALF_HOUR}
    ours = InfluenceState(**shape).process(*columns)
    plain = PlainState(**shape).process(*columns)

    def by_key(found: Any) -> dict[tuple[int, ...], tuple[float, ...]]:
        keys = zip(found.window.tolist(), found.field.tolist(), found.value.tolist(), strict=True)
        numbers = zip(found.ln_probability.tolist(), found.score.tolist(), strict=True)
        return dict(zip(keys, numbers, strict=True))

    one, other = by_key(ours), by_key(plain)
    assert one.keys() == other.keys()
    assert len(one) > 200
    for key, (ln_p, its_score) in one.items():
        assert other[key][0] == pytest.approx(ln_p, abs=0.05)
        assert other[key][1] == pytest.approx(its_score, abs=1.0)
    assert ours.bucket_ln_probability == pytest.approx(plain.bucket_ln_probability, abs=0.05)
    assert ours.bucket_count.tolist() == plain.bucket_count.tolist()
