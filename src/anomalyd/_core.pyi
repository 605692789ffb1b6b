"""Typed face of the native core: banks of Random Cut Forest models, and their influencers.

Every array argument must have exactly the dtype given here and is read as rows of one batch. A
wrong dtype, length or shape raises ValueError that names the argument; no model has changed then.
"""

from collections.abc import Sequence
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

SUPPRESSIONS: Final[tuple[str, str, str, str, str, str, str]]
"""Names of the codes in `Scores.suppression`, by code.

0 NONE; 1 ANOMALY_IN_SHINGLE: an earlier anomaly in the same shingle explains the score;
2 NEAR_EXPECTED: about what was expected; 3 CONDITIONAL_FORECAST: about what followed similar
histories; 4 ALERT_ONCE: an anomaly of an episode that has alarmed already; 5 TOLERATED: near enough
to what was expected for a rule (`BankSettings.tolerances`) to ignore it; 6 DATA_DRIFT: what
is usual on another level, for a while after an alarm.
"""

@final
class BankSettings:
    """What all models of a bank are built from. Immutable, comparable, hashable.

    Raises ValueError that names the field and its bounds if a value lies outside them.
    """

    def __init__(
        self,
        *,
        features: int,
        shingle_size: int = 8,
        trees: int = 30,
        sample_size: int = 256,
        time_decay: float = ...,
        output_after: int = 32,
        initial_accept_fraction: float = 0.125,
        transform: str = "NORMALIZE",
        corrector: bool = True,
        imputation: str = "NONE",
        fixed_values: Sequence[float] = (),
        tolerances: Sequence[Sequence[tuple[float, float, float, float]]] = (),
        verdicts: bool = True,
    ) -> None: ...
    @property
    def features(self) -> int:
        """Values per input: 1 to 1000, and at most 32768 / shingle_size."""

    @property
    def shingle_size(self) -> int:
        """Consecutive inputs that make one point: 1 to 128."""

    @property
    def trees(self) -> int:
        """Trees per forest: 1 to 1000."""

    @property
    def sample_size(self) -> int:
        """Points that each tree holds at most: 2 to 8192."""

    @property
    def time_decay(self) -> float:
        """How fast the past fades, per input: 0 to below 1; 1/2560 unless given."""

    @property
    def output_after(self) -> int:
        """Inputs that a model must have seen before it scores: 1 to 1000000."""

    @property
    def initial_accept_fraction(self) -> float:
        """Share of a sample that is filled with every point offered: 0 to 1."""

    @property
    def transform(self) -> str:
        """How inputs are brought to the forest's scale.

        NONE, NORMALIZE (less the running mean, over the running deviation), DIFFERENCE (the step
        from the input before), NORMALIZE_DIFFERENCE (that step, normalised) or
        SUBTRACT_MOVING_AVERAGE (less the running mean).
        """

    @property
    def corrector(self) -> bool:
        """Whether a score above its threshold is looked at twice.

        The second look drops what an earlier anomaly in the same shingle explains and what lies
        about where the forest expects it. Without a shingle (size 1) there is none.
        """

    @property
    def imputation(self) -> str:
        """What stands in for a NaN.

        NONE: nothing, the row is left out. ZERO and FIXED (`fixed_values`) say what an absence
        means: the row counts like any other. PREVIOUS (the last value), LINEAR (the line through
        the last two) and FOREST (what the model expects) are guesses: they enter no statistics,
        lower the confidence, and a shingle of which half is nothing but guess is not learned.
        """

    @property
    def fixed_values(self) -> tuple[float, ...]:
        """One finite value per feature for the imputation FIXED, else ()."""

    @property
    def verdicts(self) -> bool:
        """Whether scores are judged by those before them.

        Without, all but the score of a row is 0 or NaN, and steps are faster.
        """

    @property
    def tolerances(self) -> tuple[tuple[tuple[float, float, float, float], ...], ...]:
        """Anomalies to ignore, a rule each: near enough in every feature by any rule is enough.

        Per feature (over, below, over_ratio, below_ratio), 0 or more: how far above and below what
        was expected the value may lie, in its unit, and as a part of the actual value's size; the
        larger counts. `inf` allows anything. Checkpoints do not depend on it. Without a shingle
        (size 1) nothing is expected, and nothing ignored.
        """

@final
class Scores:
    """What a bank answers: arrays with one element per row of the batch, in its order.

    A row that was left out for a NaN has NaN in score, grade, confidence and threshold. Before a
    model has seen `output_after` inputs these four are 0. The rest explains rows; it costs time
    only for rows whose score is above the threshold.
    """

    @property
    def score(self) -> NDArray[np.float64]:
        """Score of the forest: about 0.5 to 1 for a usual point, at most log2(sample_size + 1)."""

    @property
    def grade(self) -> NDArray[np.float64]:
        """How anomalous, 0 to 1; 0 = not an anomaly.

        1 - exp(-r / 5), where r is how rare the score is in its own series: -ln of the share of
        scores that are at least as high.
        """

    @property
    def confidence(self) -> NDArray[np.float64]:
        """How much of its horizon (1 / time_decay inputs) the model has seen, 0 to 1."""

    @property
    def threshold(self) -> NDArray[np.float64]:
        """The score from which a grade above 0 is possible."""

    @property
    def suppression(self) -> NDArray[np.int8]:
        """Why a score above its threshold has grade 0: an index into `SUPPRESSIONS`."""

    @property
    def relative_index(self) -> NDArray[np.int64]:
        """The input that the row's explanation is about: 0 = its own, -1 = the model's one before.

        At least 1 - shingle_size; 0 for rows without an explanation.
        """

    @property
    def attribution(self) -> NDArray[np.float64]:
        """Each feature's part in the score at that input [rows, features], sum 1.

        NaN where the grade is not above 0.
        """

    @property
    def expected(self) -> NDArray[np.float64]:
        """What the model expected at that input [rows, features], in the unit of the inputs.

        NaN unless the grade is above 0 or the suppression is NEAR_EXPECTED,
        CONDITIONAL_FORECAST or ALERT_ONCE, and where shingle_size is 1.
        """

    @property
    def past_values(self) -> NDArray[np.float64]:
        """That input itself [rows, features], where it is not the row's own.

        NaN unless the grade is above 0 and `relative_index` below 0.
        """

    @property
    def imputed(self) -> NDArray[np.bool_]:
        """Which values were filled in [rows, features]."""

@final
class ModelBank:
    """Many models of one configuration, processed in batches on the bank's own threads.

    Safe to call from several threads; calls take turns and release the GIL. Answers depend on the
    seed and the inputs of a model alone, never on the number of threads or on how rows are batched.
    """

    def __init__(self, settings: BankSettings, *, threads: int) -> None:
        """Make an empty bank that works on up to `threads` threads (1 to 256, else ValueError)."""

    @property
    def settings(self) -> BankSettings:
        """What the models of this bank are built from."""

    def add(self, seeds: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Make one empty model per seed [n] and return the models' numbers [n].

        Numbers of removed models are given out again.
        """

    def remove(self, models: NDArray[np.int64]) -> None:
        """Forget these models [n]. ValueError if one is unknown or given twice."""

    def process(
        self,
        models: NDArray[np.int64],
        timestamps: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> Scores:
        """Judge each row by the model's past, then learn it.

        Args:
            models: model number of each row [rows].
            timestamps: epoch milliseconds of each row [rows], increasing within a model, from one
                call to the next as well.
            values: inputs [rows, features]. NaN is filled in as `BankSettings.imputation` says. A
                row for which that is impossible is left out and not learned: with NONE, and with
                the guesses before the model has its first inputs (10; 1 for NONE and DIFFERENCE).

        Raises:
            ValueError: wrong shape or dtype, unknown model, infinite value, or a timestamp not
                above the model's last one. Nothing has changed then.
        """

    def rescore(self, models: NDArray[np.int64], values: NDArray[np.float64]) -> Scores:
        """Judge rows by the models as they are now, and learn nothing.

        Args:
            models: model number of each row [rows]; may repeat.
            values: the row and the inputs before it [rows, shingle_size, features], oldest first.
                They are brought to the model's scale of today, and no earlier anomaly is held
                against the row. A row with a NaN is left out.

        Raises:
            ValueError: wrong shape or dtype, unknown model or infinite value.
        """

    def attribute(
        self, models: NDArray[np.int64], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Split the scores that `rescore` gives over the values that they come from.

        Args and errors as for `rescore`.

        Returns: the parts from values being higher than usual, and from being lower
        [rows, shingle_size, features]; together they are the row's score. NaN for a row with a NaN
        and before the model gives scores.
        """

    def impute(self, models: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return shingles with what the models expect in place of NaN.

        Args and errors as for `rescore`.

        Returns: [rows, shingle_size, features]. NaN stay before a model gives scores, and in a
        shingle of nothing else.
        """

    def forecast(
        self, models: NDArray[np.int64], horizon: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Say what each model [n] expects of its next inputs; it learns nothing.

        Returns: the values, and the bounds between which four of five trees expect them
        [n, horizon, features] each, in the unit of the inputs. NaN before a model gives scores and
        with shingle_size 1.

        Raises:
            ValueError: unknown model, or a horizon that is not from 1 to 10000.
        """

    def neighbours(
        self, models: NDArray[np.int64], values: NDArray[np.float64], count: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Find what the models remember that is like these shingles; they learn nothing.

        Args:
            models: as for `rescore`.
            values: as for `rescore`.
            count: neighbours per row at most, 1 to the number of trees.

        Returns: the points [rows, count, shingle_size, features] in the unit of the inputs as the
        model scales now, nearest first; their Euclidean distances in the forest's scale
        [rows, count]; and how many trees arrive at them [rows, count]. NaN, NaN and 0 where there
        are no more.

        Raises:
            ValueError: wrong shape or dtype, unknown model, infinite value, count out of bounds.
        """

    def checkpoint(self, models: NDArray[np.int64]) -> list[bytes]:
        """Write each model [n] down as bytes [n], of which restore() makes it again.

        The layout is docs/formats/model-checkpoint-v1.md. ValueError if a model is unknown.
        """

    def restore(self, checkpoints: Sequence[bytes]) -> NDArray[np.int64]:
        """Make one model per checkpoint [n] and return the models' numbers [n].

        A restored model goes on where the saved one stood, its last timestamp included: it answers
        the same inputs with the same bits.

        Raises:
            TypeError: an element is not bytes.
            ValueError: one is not a checkpoint of a model with this bank's settings, is damaged or
                of an unknown version. The text says which and why; no model was made then.
        """

    def updates(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count the inputs that each model [n] has learned so far [n], missing rows left out."""

    def size_in_bytes(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count the bytes that each model [n] holds now, from its containers [n]."""

    def __len__(self) -> int:
        """Models in the bank."""

@final
class Influencers:
    """What some windows gave: one element per unusual value, and one per window and field.

    A value is unusual where its probability is at most 0.035. At most 500 per window, the highest
    scores first; windows ascend.
    """

    @property
    def window(self) -> NDArray[np.int64]:
        """Start of the window, epoch ms."""

    @property
    def field(self) -> NDArray[np.int64]:
        """Column of the value."""

    @property
    def value(self) -> NDArray[np.int64]:
        """Code of the value."""

    @property
    def ln_probability(self) -> NDArray[np.float64]:
        """Of the value: how probable scores like those of its entities are on usual days."""

    @property
    def score(self) -> NDArray[np.float64]:
        """0 to 100, in relation to what was seen before."""

    @property
    def bucket_window(self) -> NDArray[np.int64]:
        """Start of the window of a level of its bucket, epoch ms."""

    @property
    def bucket_field(self) -> NDArray[np.int64]:
        """Column whose values together are the level."""

    @property
    def bucket_ln_probability(self) -> NDArray[np.float64]:
        """Of the level: 0 where no entity has a value in the column."""

    @property
    def bucket_raw(self) -> NDArray[np.float64]:
        """Raw score of the level, 0 to 100; 0 where it is usual."""

    @property
    def bucket_score(self) -> NDArray[np.float64]:
        """Score of the level, 0 to 100."""

    @property
    def bucket_count(self) -> NDArray[np.int64]:
        """Entities that reported and have a value in the column."""

    @property
    def renormalise(self) -> bool:
        """Whether a value's largest raw score rose enough to give all stored scores anew."""

@final
class InfluenceState:
    """What one detector's run has shown of its influencers. Used by one thread at a time.

    Histories of scores per entity, the dependence of entities on each other, raw scores of the
    past per column, largest raw scores per value. Calls release the GIL.
    """

    def __init__(self, *, fields: int, features: int, interval: int, period: int) -> None:
        """Make a state that has seen nothing.

        Args:
            fields: columns of values, 1 to 1000.
            features: values that entities without a score are compared by, 0 to 1000.
            interval: length of a window, ms, above 0.
            period: length of a sampling period, ms, at least the interval: one event counts once
                in it, however many windows and values it shows in.

        Raises:
            ValueError: a bound does not hold.
        """

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """What the state was made for: fields, features, interval, period."""

    def process(
        self,
        window: NDArray[np.int64],
        entity: NDArray[np.int64],
        values: NDArray[np.int64],
        score: NDArray[np.float64],
        features: NDArray[np.float64],
        *,
        share_places: NDArray[np.int64] = ...,
        share_scores: NDArray[np.float64] = ...,
        learn: bool = True,
    ) -> Influencers:
        """Judge scores by the past, window after window, learning each after it was judged.

        The order of rows within a window and the cut into calls mean nothing, to the last bit.

        Args:
            window: start of each row's window [rows], epoch ms, ascending.
            entity: code of each row's entity [rows]; at most one row per window and entity.
            values: code of the entity's value per column [rows, fields]; -1 = it has none.
            score: of the entity's model [rows], 0 or more; NaN = the model is warming up, so that
                the entity's features are compared with those of the others.
            features: what such a comparison is about [rows, features]; NaN = no value.
            share_places: of unusual rows and the values of further fields [4, shares]: the row's
                position, the column, the value's code, and how many entities of the window have
                documents with the value. The rows' own values in these columns are not looked at.
            share_scores: the row's score without the documents with the value [shares].
            learn: False leaves no trace.

        Raises:
            ValueError: wrong shape, dtype or bound. Nothing has changed then.
        """

    def renormalise(
        self,
        field: NDArray[np.int64],
        value: NDArray[np.int64],
        ln_probability: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the scores that the state gives now to probabilities [rows] it found before.

        0 where the column `field` is none of the state's. Doing it twice is as once.
        """

    def to_bytes(self) -> bytes:
        """Write the state down; equal states have equal bytes.

        The layout is docs/formats/influence-state-v1.md.
        """

    @staticmethod
    def from_bytes(content: bytes) -> InfluenceState:
        """Make a state of its bytes, which goes on where the saved one stood, to the last bit.

        Raises:
            ValueError: not such a state, damaged, or of an unknown version. The text says which.
        """

def raw_scores(ln_probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return raw scores [rows]: 0 at p = 0.05, 1 at 1e-4, 50 at 1e-50, 100 at 2.2e-308."""

def combined_probability(
    ln_probability: NDArray[np.float64], correlation: float
) -> NDArray[np.float64]:
    """Return ln p of each row's entities [rows, entities] together, as InfluenceState has it.

    `correlation` is how much two entities depend on each other: the covariance of -2 ln p.
    """

def reference_aggregate(
    ln_probability: NDArray[np.float64], *, style: str, ln_cutoff: float
) -> tuple[float, float]:
    """Return raw score and ln p as the engine that ours is compared with aggregates them.

    Only for checks against its published numbers. `style` is people, attributes or detectors.
    """

def normalised_score(
    *,
    raw: float,
    ln_probability: float,
    below: float,
    samples: float,
    median: float,
    quiet: float,
    largest: float,
) -> float:
    """Return the score of 0 to 100, the smallest of its four ceilings.

    Args:
        raw: raw score of the probability.
        ln_probability: the probability.
        below: past samples with a lower raw score.
        samples: all past samples.
        median: raw score of the middle one.
        quiet: share of samples with the raw score 0.
        largest: the value's own largest raw score; 0 = it has none.
    """
