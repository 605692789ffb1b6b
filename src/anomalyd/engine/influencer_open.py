"""Rows of windows that are not stored, as the state and the renderers of stored ones want them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from anomalyd.engine.live_values import LiveRows
from anomalyd.store.base import ScoreColumns, ScoredResult, ScoreRange
from anomalyd.store.influencers import ShareRows, StoredShares

Int64s = npt.NDArray[np.int64]
CodesOf = Callable[[Sequence[str]], Int64s]
"""Returns the code of each text, as stored scores have it (see ``ScoreColumns``)."""


class OpenRows:
    """Rows that were judged on request; does for them what a ``ScoreReader`` does for stored ones.

    Args:
        found: the rows.
        categories: the detector's category fields.
        codes: makes codes of texts.
    """

    def __init__(
        self, found: Sequence[LiveRows], categories: Sequence[str], codes: CodesOf
    ) -> None:
        self._categories = tuple(categories)
        self._found = [one for one in found if len(one.rows)]
        self._parts = [self._part(one, codes) for one in self._found]
        shares = ShareRows.joined([one.shares for one in self._found])
        self.shares = StoredShares(
            timestamp=shares.timestamp,
            entity=self._entity_codes(shares.entity, codes),
            field=np.array(shares.field, dtype=object),
            value=np.array(shares.value, dtype=object),
            code=codes(shares.value),
            score=shares.score,
            carriers=shares.carriers,
        )

    def scores(self) -> ScoreColumns | None:
        """Return the rows as columns, in order of window and entity; None without any."""
        if not self._parts:
            return None
        window = np.concatenate([part.window for part in self._parts])
        entity = np.concatenate([part.entity for part in self._parts])
        order = np.lexsort((entity, window))
        return ScoreColumns(
            window=window[order],
            entity=entity[order],
            values=np.concatenate([part.values for part in self._parts])[order],
            score=np.concatenate([part.score for part in self._parts])[order],
            features=np.concatenate([part.features for part in self._parts])[order],
        )

    def value_names(self, which: ScoreRange, field: str, codes: Int64s) -> Mapping[int, str]:
        """Return the value that each code of a category field stands for."""
        at = self._categories.index(field)
        names: dict[int, str] = {}
        for part, one in zip(self._parts, self._found, strict=True):
            rows = np.flatnonzero(np.isin(part.values[:, at], codes))
            for row in rows.tolist():
                names[int(part.values[row, at])] = one.entities[one.rows.entity[row]][at]
        return names

    def scored_results(
        self, which: ScoreRange, window: Int64s, entity: Int64s
    ) -> Mapping[tuple[int, int], ScoredResult]:
        """Return the rows of these (window, entity code) pairs ``int64[n]``, by pair."""
        wanted = set(zip(window.tolist(), entity.tolist(), strict=True))
        results = {}
        for part, one in zip(self._parts, self._found, strict=True):
            pairs = zip(part.window.tolist(), part.entity.tolist(), strict=True)
            for row, pair in enumerate(pairs):
                if pair not in wanted:
                    continue
                expected = one.rows.expected[row]
                results[pair] = ScoredResult(
                    entity=one.entities[one.rows.entity[row]],
                    actual=tuple(one.rows.values[row].tolist()),
                    typical=tuple(expected.tolist()) if np.isfinite(expected).all() else None,
                )
        return results

    def _part(self, one: LiveRows, codes: CodesOf) -> ScoreColumns:
        rows = one.rows
        values = [codes([entity[at] for entity in one.entities]) for at in range(self._count)]
        table = np.stack(values, axis=1) if values else np.empty((len(one.entities), 0), np.int64)
        return ScoreColumns(
            window=rows.window_start,
            entity=self._entity_codes(one.entities, codes)[rows.entity],
            values=table[rows.entity],
            score=np.where(rows.confidence > 0, rows.score, np.nan),
            features=rows.values,
        )

    @property
    def _count(self) -> int:
        return len(self._categories)

    def _entity_codes(self, entities: Sequence[Sequence[str]], codes: CodesOf) -> Int64s:
        if not self._categories:
            return np.zeros(len(entities), dtype=np.int64)
        # the parts stand by name, whatever the detector's order is
        order = sorted(range(self._count), key=self._categories.__getitem__)
        return codes([chr(31).join(entity[at] for at in order) for entity in entities])
