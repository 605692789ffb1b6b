"""What the state found → the rows that the store keeps, codes replaced by their texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomalyd._core import Influencers
from anomalyd.store.base import ScoreRange, ScoreReader
from anomalyd.store.influencers import InfluencerRows, RecordRows


def influencer_rows(
    found: Influencers,
    fields: Sequence[str],
    which: ScoreRange,
    scores: ScoreReader,
    records: RecordRows,
) -> InfluencerRows:
    """Return the influencers among what was found: the values of the category fields.

    Args:
        found: by the state.
        fields: names of its first columns; what it found of further ones is no influencer.
        which: the scores that it was found in.
        scores: knows the values' texts.
        records: of the same windows; with one field they have the texts already.
    """
    rows = np.flatnonzero(found.field < len(fields))
    if len(fields) == 1 and len(rows) == len(records):
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
        if len(mine):
            texts = scores.value_names(which, name, code[mine])
            values[mine] = [texts[each] for each in code[mine].tolist()]
    return InfluencerRows(
        timestamp=found.window[rows],
        field=[fields[each] for each in field.tolist()],
        value=values.tolist(),
        code=code,
        ln_probability=found.ln_probability[rows],
        score=found.score[rows],
    )


def record_rows(
    found: Influencers, column: int, which: ScoreRange, scores: ScoreReader
) -> RecordRows:
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
