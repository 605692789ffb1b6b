"""A data directory with many detectors and many results, written below the API to save time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import FILE_NAME, Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.model.ids import ByteIds
from anomalyd.model.index_names import IndexNames
from anomalyd.source.embedded import EmbeddedIndices
from anomalyd.store.base import DocumentWrite, ResultBatch
from anomalyd.store.embedded import EmbeddedDocumentStore, EmbeddedResultStore

DETECTORS = 10_000
WITH_RESULTS = 20
ENTITIES = 50
WINDOWS = 1_000
MINUTE = 60_000
START = 1_795_305_600_000 // MINUTE * MINUTE
PREVIEWED = "previewed"
"""Index with one document a minute."""


@dataclass(frozen=True)
class FullStore:
    """What there is to ask for.

    Attributes:
        detector_ids: all detectors; the first ``WITH_RESULTS`` have results.
        start, end: of the results and of the documents of ``PREVIEWED``, epoch ms.
    """

    detector_ids: tuple[str, ...]
    start: int
    end: int


def fill(folder: Path) -> FullStore:
    """Write everything; takes about half a minute."""
    ids = ByteIds(random.Random(1).randbytes)
    detector_ids = tuple(ids.next_id() for _ in range(DETECTORS))
    names = IndexNames()
    with Database(folder / FILE_NAME) as database:
        catalogue = Catalogue(database)
        documents, results = EmbeddedDocumentStore(catalogue), EmbeddedResultStore(catalogue)
        documents.put(
            [
                DocumentWrite(index=names.detectors, id=id, source=detector(number))
                for number, id in enumerate(detector_ids)
            ]
        )
        generator = np.random.default_rng(1)
        for number in range(WITH_RESULTS):
            results.record(result_batch(detector_ids[number], names, generator))
        _write_series(catalogue)
    return FullStore(detector_ids, START, START + WINDOWS * MINUTE)


def detector(number: int) -> dict[str, object]:
    """Return a stored detector; the first ones have a category field."""
    feature = {"total": {"sum": {"field": "value"}}}
    return {
        "name": f"detector-{number}",
        "description": "one of many",
        "time_field": "timestamp",
        "indices": [PREVIEWED],
        "filter_query": {"match_all": {"boost": 1.0}},
        "detection_interval": {"period": {"interval": 1, "unit": "Minutes"}},
        "window_delay": {"period": {"interval": 1, "unit": "Minutes"}},
        "shingle_size": 8,
        "schema_version": 0,
        "feature_attributes": [
            {
                "feature_id": f"feature-{number}",
                "feature_name": "total",
                "feature_enabled": True,
                "aggregation_query": feature,
            }
        ],
        "last_update_time": START,
        **({"category_field": ["host"]} if number < WITH_RESULTS else {}),
        "detector_type": "MULTI_ENTITY" if number < WITH_RESULTS else "SINGLE_ENTITY",
    }


def result_batch(
    detector_id: str, names: IndexNames, generator: np.random.Generator
) -> ResultBatch:
    """Return real-time results of all entities: one in a hundred is an anomaly."""
    rows = ENTITIES * WINDOWS
    start = START + np.repeat(np.arange(WINDOWS, dtype=np.int64), ENTITIES) * MINUTE
    grade = np.where(generator.random(rows) < 0.01, generator.random(rows), 0.0)
    anomalous = (grade > 0)[:, None]
    ones = np.where(anomalous, 1.0, np.nan)
    return ResultBatch(
        index=names.results_of(START),
        detector_id=detector_id,
        task_id=None,
        feature_ids=("feature",),
        feature_names=("total",),
        category_fields=("host",),
        entities=tuple((f"host-{number}",) for number in range(ENTITIES)),
        model_ids=tuple(f"{detector_id}_entity_host-{number}" for number in range(ENTITIES)),
        entity=np.tile(np.arange(ENTITIES, dtype=np.int64), WINDOWS),
        data_start=start,
        data_end=start + MINUTE,
        execution_start=start + 2 * MINUTE,
        execution_end=start + 2 * MINUTE + 5,
        feature_values=generator.normal(100.0, 5.0, (rows, 1)),
        score=generator.random(rows),
        grade=grade,
        confidence=np.full(rows, 0.95),
        threshold=np.full(rows, 1.2),
        relevant_attribution=ones,
        expected_values=ones * 100.0,
    )


def _write_series(catalogue: Catalogue) -> None:
    indices = EmbeddedIndices(
        catalogue, now=lambda: START, ids=CountedIds(random.Random(2).randbytes)
    )
    properties = {"timestamp": {"type": "date"}, "value": {"type": "double"}}
    indices.create_index(PREVIEWED, {"mappings": {"properties": properties}})
    lines = "\n".join(
        f'{{"timestamp":{START + window * MINUTE},"value":{100 + window % 60}.5}}'
        for window in range(WINDOWS + 1)
    )
    indices.append_lines(PREVIEWED, lines.encode())
