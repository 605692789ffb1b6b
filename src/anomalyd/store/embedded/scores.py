"""Stored scores read back as columns, for what is computed from them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from anomalyd.embedded.catalogue import Catalogue, ReadSession
from anomalyd.model.entity import entity_values
from anomalyd.source.base import FeatureRows
from anomalyd.store.base import ScoreColumns, ScoredResult, ScoreRange
from anomalyd.store.embedded.result_indices import raw_rows, result_relation

_COLUMNS = (
    "detector_id", "task_id", "data_start_time", "anomaly_score", "confidence", "entity_name",
    "entity_value", "feature_data", "learned",
)  # fmt: skip
_SCORED = (
    "task_id IS NOT DISTINCT FROM $task_id "
    "AND data_start_time >= $start AND data_start_time < $end "
    "AND isfinite(anomaly_score) AND (confidence > 0 OR len($names::VARCHAR[]) > 0) "
    "AND len(list_filter(feature_data, lambda each: each IS NOT NULL)) = $features "
    "AND coalesce(entity_name, []) = $names::VARCHAR[]"
)
_WHERE = f"detector_id = $detector_id AND {_SCORED}"
# a model that warms up has no confidence, and no score worth the name
_SCORE = "CASE WHEN confidence > 0 THEN anomaly_score ELSE 'nan' END AS s"
_LEARNED = (
    "detector_id = $detector_id AND task_id IS NOT DISTINCT FROM $task_id "
    "AND data_start_time >= $start AND data_start_time < $end "
    "AND isfinite(anomaly_score) AND coalesce(entity_name, []) = $names::VARCHAR[] "
    # late documents may have made a result where nothing was learned
    "AND (learned IS NULL OR len(learned) > 0)"
)
_CHOSEN = "anomalyd_chosen"


class EmbeddedScoreReader:
    """Implements ``store.base.ScoreReader`` over the result tables."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def score_counts(self, which: ScoreRange) -> tuple[tuple[int, int], ...]:
        """Return (window, rows) of each window that has rows, in order of time."""
        with self._catalogue.read() as session:
            relation = result_relation(session, which.indices)
            rows = relation.rows(
                f"SELECT data_start_time, count(*) FROM {_rows(session, which)} "  # noqa: S608
                "GROUP BY data_start_time ORDER BY data_start_time",
                _parameters(which),
            )
        return tuple((int(str(window)), int(str(count))) for window, count in rows)

    def scores(self, which: ScoreRange) -> ScoreColumns:
        """Return the scores of a range."""
        with self._catalogue.read() as session:
            return _scores(session, which)

    def scores_of_each(self, ranges: Sequence[ScoreRange]) -> tuple[ScoreColumns, ...]:
        """Return what ``scores`` says of each range; single series with one statement."""
        alike: dict[object, list[int]] = {}
        for number, which in enumerate(ranges):
            own = number if which.category_fields else None
            alike.setdefault((own, replace(which, detector_id="")), []).append(number)
        found: dict[int, ScoreColumns] = {}
        with self._catalogue.read() as session:
            for members in alike.values():
                some = [ranges[number] for number in members]
                several = len(some) > 1
                rows = _scores_of_each(session, some) if several else [_scores(session, some[0])]
                found |= zip(members, rows, strict=True)
        return tuple(found[number] for number in range(len(ranges)))

    def scored_values(self, which: ScoreRange) -> FeatureRows:
        """Return the feature values of stored results, in the form in which a source gives them."""
        fields = which.category_fields
        columns = [f"{_value(which, field)} AS v{at}" for at, field in enumerate(fields)]
        columns += [
            f"coalesce(learned, feature_data)[{at + 1}] AS f{at}" for at in range(which.features)
        ]
        parameters = _parameters(which)
        del parameters["features"]
        with self._catalogue.read() as session:
            relation = result_relation(session, which.indices)
            found = relation.columns(
                f"SELECT data_start_time AS w, {_entity_code(which)} AS e, "  # noqa: S608
                f"{', '.join(columns)} FROM {_rows(session, which, _LEARNED)} ORDER BY e, w",
                parameters,
            )
        code = np.ma.getdata(found["e"]).astype(np.int64, copy=False)
        _, first, entity = np.unique(code, return_index=True, return_inverse=True)
        values = [np.ma.getdata(found[f"v{at}"])[first].tolist() for at in range(len(fields))]
        return FeatureRows(
            entities=tuple(zip(*values, strict=True)) if fields else ((),),
            entity=entity.astype(np.int64, copy=False),
            window_start=np.ma.getdata(found["w"]).astype(np.int64, copy=False),
            doc_count=np.zeros(len(code), dtype=np.int64),
            values=_matrix(found, "f", which.features).astype(np.float64, copy=False),
        )

    def codes(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the code of each text ``int64[texts]``, as ``ScoreColumns`` has them."""
        column = np.empty(len(texts), dtype=object)
        column[:] = texts
        with self._catalogue.read() as session:
            relation = result_relation(session, ())
            with relation.lend(_CHOSEN, {"place": np.arange(len(texts)), "text": column}):
                found = relation.columns(
                    f"SELECT {code_of('text')} AS code FROM {_CHOSEN} ORDER BY place",  # noqa: S608
                    {},
                )
        return np.ma.getdata(found["code"]).astype(np.int64, copy=False)

    def value_names(
        self, which: ScoreRange, field: str, codes: npt.NDArray[np.int64]
    ) -> Mapping[int, str]:
        """Return the value that each of these codes of a category field stands for."""
        code = _value_code(which, field)
        with self._catalogue.read() as session:
            relation = result_relation(session, which.indices)
            with relation.lend(_CHOSEN, {"code": np.unique(codes)}):
                rows = relation.rows(
                    f"SELECT DISTINCT {code} AS code, {_value(which, field)} "  # noqa: S608
                    f"FROM {_rows(session, which)} WHERE {code} IN (SELECT code FROM {_CHOSEN})",
                    _parameters(which),
                )
        return {int(str(found)): str(name) for found, name in rows}

    def scored_results(
        self,
        which: ScoreRange,
        window: npt.NDArray[np.int64],
        entity: npt.NDArray[np.int64],
    ) -> Mapping[tuple[int, int], ScoredResult]:
        """Return the results of these (window, entity code) pairs ``int64[n]``, by pair."""
        with self._catalogue.read() as session:
            relation = result_relation(session, which.indices)
            with relation.lend(_CHOSEN, {"w": window, "e": entity}):
                rows = relation.rows(
                    f"SELECT _index, _seq_no, w, e FROM (SELECT _index, _seq_no, "  # noqa: S608
                    f"data_start_time AS w, {_entity_code(which)} AS e "
                    f"FROM {_rows(session, which)}) "
                    f"SEMI JOIN {_CHOSEN} USING (w, e)",
                    _parameters(which),
                )
            pairs = {
                (str(index), int(str(seq_no))): (int(str(at)), int(str(code)))
                for index, seq_no, at, code in rows
            }
            found = relation.documents(pairs)
        return {
            pairs[index, seq_no]: _scored_result(document, which.category_fields)
            for index, seq_no, document in found
        }


def _scores(session: ReadSession, which: ScoreRange) -> ScoreColumns:
    fields = which.category_fields
    more = [f"{_value_code(which, field)} AS v{at}" for at, field in enumerate(fields)]
    found = result_relation(session, which.indices).columns(
        f"SELECT data_start_time AS w, {_entity_code(which)} AS e, {_SCORE}, "  # noqa: S608
        f"{', '.join(more + _features(which))} FROM {_rows(session, which)} ORDER BY w, e",
        _parameters(which),
    )
    return _score_columns(found, which)


def _scores_of_each(session: ReadSession, ranges: Sequence[ScoreRange]) -> list[ScoreColumns]:
    """Return the scores of ranges that differ in the detector only, of single series each."""
    which, places = ranges[0], np.arange(len(ranges))
    parameters = _parameters(which)
    del parameters["detector_id"]
    detectors = np.empty(len(ranges), dtype=object)
    detectors[:] = [each.detector_id for each in ranges]
    relation = result_relation(session, which.indices)
    with relation.lend(_CHOSEN, {"place": places, "detector": detectors}):
        found = relation.columns(
            f"SELECT place, data_start_time AS w, {_entity_code(which)} AS e, {_SCORE}, "  # noqa: S608
            f"{', '.join(_features(which))} FROM {_rows(session, which, _SCORED)} "
            f"JOIN {_CHOSEN} ON detector_id = detector ORDER BY place, w",
            parameters,
        )
    every = _score_columns(found, which)
    cuts = np.searchsorted(np.ma.getdata(found["place"]), np.arange(len(ranges) + 1)).tolist()
    return [
        ScoreColumns(
            window=every.window[first:last],
            entity=every.entity[first:last],
            values=every.values[first:last],
            score=every.score[first:last],
            features=every.features[first:last],
        )
        for first, last in itertools.pairwise(cuts)
    ]


def _features(which: ScoreRange) -> list[str]:
    return [f"feature_data[{at + 1}] AS f{at}" for at in range(which.features)]


def _score_columns(found: Mapping[str, npt.NDArray[Any]], which: ScoreRange) -> ScoreColumns:
    window = np.ma.getdata(found["w"])
    return ScoreColumns(
        window=window.astype(np.int64, copy=False),
        entity=np.ma.getdata(found["e"]).astype(np.int64, copy=False),
        values=_matrix(found, "v", len(which.category_fields)).astype(np.int64, copy=False),
        score=np.ma.getdata(found["s"]).astype(np.float64, copy=False),
        features=_matrix(found, "f", which.features).astype(np.float64, copy=False),
    )


def _matrix(found: Mapping[str, npt.NDArray[Any]], name: str, count: int) -> npt.NDArray[Any]:
    columns = [np.ma.getdata(found[f"{name}{at}"]) for at in range(count)]
    return np.column_stack(columns) if columns else np.empty((len(found["w"]), 0))


def _scored_result(document: Mapping[str, Any], fields: Sequence[str]) -> ScoredResult:
    actual = [each["data"] for each in document["feature_data"]]
    expected = document.get("expected_values")
    return ScoredResult(
        entity=entity_values(fields, document.get("entity", ())),
        actual=tuple(actual),
        typical=tuple(each["data"] for each in expected[0]["value_list"]) if expected else None,
    )


def _rows(session: ReadSession, which: ScoreRange, where: str = _WHERE) -> str:
    """Return the chosen rows as a table; columns that nobody uses cost nothing."""
    return f"(SELECT * FROM ({raw_rows(session, which.indices, _COLUMNS)}) WHERE {where}) AS rows_"  # noqa: S608


def _entity_code(which: ScoreRange) -> str:
    if not which.category_fields:
        return "CAST(0 AS BIGINT)"
    # the unit separator stands in no value that anybody would split by
    return code_of("array_to_string(entity_value, chr(31))")


def _value_code(which: ScoreRange, field: str) -> str:
    return code_of(_value(which, field))


def _value(which: ScoreRange, field: str) -> str:
    # rows list the parts of an entity by name, whatever the detector's order is
    return f"entity_value[{sorted(which.category_fields).index(field) + 1}]"


def code_of(text: str) -> str:
    """Return the SQL of a text's code (see ``ScoreColumns``); the text is SQL, too."""
    return f"CAST(md5_number_lower({text}) >> 1 AS BIGINT)"


def _parameters(which: ScoreRange) -> dict[str, object]:
    return {
        "detector_id": which.detector_id,
        "task_id": which.task_id,
        "start": which.start,
        "end": which.end,
        "names": sorted(which.category_fields),
        "features": which.features,
    }
