"""What the state found → the rows that the store keeps, codes replaced by their texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from anomalyd._core import Influencers
from anomalyd.engine.influencer_columns import RunColumns
from anomalyd.store.base import ScoredResult, ScoreRange
from anomalyd.store.influencers import InfluencerRows, Int64s, RecordRows, StoredShares


class Names(Protocol):
    """What codes stand for: the last two methods of a ``ScoreReader``."""

    def value_names(self, which: ScoreRange, field: str, codes: Int64s) -> Mapping[int, str]:
        """Return the value that each of these codes of a category field stands for."""
        ...

    def scored_results(
        self, which: ScoreRange, window: Int64s, entity: Int64s
    ) -> Mapping[tuple[int, int], ScoredResult]:
        """Return the results of these (window, entity code) pairs ``int64[n]``, by pair."""
        ...


def influencer_rows(
    found: Influencers,
    columns: RunColumns,
    which: ScoreRange,
    scores: Names,
    records: RecordRows,
    shares: StoredShares,
) -> InfluencerRows:
    """Return the influencers among what was found.

    Args:
        found: by the state.
        columns: of the run.
        which: the scores that it was found in.
        scores: knows the texts of category fields' values.
        records: of the same windows; with one field they have the texts already.
        shares: know the texts of further influencers' values.
    """
    fields = columns.names
    rows = np.flatnonzero(np.isin(found.field, columns.influencers))
    if columns.influencers == (0,) and columns.record == 0 and len(rows) == len(records):
        # whole entities and the values of the only field are the same thing
        return InfluencerRows(
            timestamp=records.timestamp,
            field=[fields[0]] * len(rows),
            value=[entity[0] for entity in records.entity],
            code=found.value[rows],
            ln_probability=records.ln_probability,
            score=records.score,
        )
    field, code = found.field[rows], found.value[rows]
    values = np.empty(len(rows), dtype=object)
    for position, name in enumerate(fields):
        mine = np.flatnonzero(field == position)
        if not len(mine):
            continue
        if position < columns.categories:
            texts = scores.value_names(which, name, code[mine])
        else:
            texts = dict(zip(shares.code.tolist(), shares.value.tolist(), strict=True))
        values[mine] = [texts[each] for each in code[mine].tolist()]
    return InfluencerRows(
        timestamp=found.window[rows],
        field=[fields[each] for each in field.tolist()],
        value=values.tolist(),
        code=code,
        ln_probability=found.ln_probability[rows],
        score=found.score[rows],
    )


def record_rows(found: Influencers, column: int, which: ScoreRange, scores: Names) -> RecordRows:
    """Return the records among what was found: the values of one column are whole entities.

    Args:
        found: by the state.
        column: number of the column.
        which: the scores that it was found in.
        scores: knows the results behind them.
    """
    rows = np.flatnonzero(found.field == column)
    window, entity = found.window[rows], found.value[rows]
    results = scores.scored_results(which, window, entity) if len(rows) else {}
    pairs = list(zip(window.tolist(), entity.tolist(), strict=True))
    kept = np.array([pair in results for pair in pairs], dtype=bool)
    shown = [results[pair] for pair in pairs if pair in results]
    return RecordRows(
        timestamp=window[kept],
        entity=[result.entity for result in shown],
        ln_probability=found.ln_probability[rows][kept],
        score=found.score[rows][kept],
        actual=[result.actual for result in shown],
        typical=[result.typical for result in shown],
    )
