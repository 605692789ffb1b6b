"""Stores of real time in plain Python, which say what every such store must do."""

import math

from anomalyd.store.models import CHECKPOINTS_AT_ONCE


class PlainCheckpointStore:
    """Checkpoints in a dictionary (implements ``store.models.CheckpointStore``)."""

    def __init__(self):
        self._kept = {}

    def save(self, detector_id, fingerprint, checkpoints):
        mine = self._kept.setdefault(detector_id, {})
        mine |= {one.entity: (fingerprint, one) for one in checkpoints}

    def load(self, detector_id, fingerprint):
        mine = self._kept.get(detector_id, {}).values()
        found = [one for by, one in mine if by == fingerprint]
        for first in range(0, len(found), CHECKPOINTS_AT_ONCE):
            yield found[first : first + CHECKPOINTS_AT_ONCE]

    def forget(self, detector_id):
        self._kept.pop(detector_id, None)

    def detectors(self):
        return {id: len(mine) for id, mine in self._kept.items() if mine}

    def fingerprints(self):
        return {id: {by for by, _ in mine.values()} for id, mine in self._kept.items() if mine}

    def close(self):
        pass


class PlainResults:
    """Results in a dictionary, as far as models learn from them again."""

    def __init__(self):
        self._rows = {}

    def record(self, batch):
        """Keep a batch; a row of the same series and window in the same index is replaced."""
        for key, values, score in _rows_of(batch):
            self._rows[batch.index, *key] = (values, score, values)

    def revise(self, batch, indices):
        """Replace what late documents changed; what was learned stays."""
        written = []
        for key, values, score in _rows_of(batch):
            places = [index for index in indices if (index, *key) in self._rows]
            index = places[0] if places else batch.index
            before, old_score, learned = self._rows.get((index, *key), (None, math.nan, None))
            if math.isnan(old_score):
                learned = None
            written.append(before != values)
            if written[-1]:
                self._rows[index, *key] = (values, score, learned)
        return written

    def scored_values(self, which):
        """Return ``{(entity, window): values}``: what ``ScoredValuesReader`` says in columns."""
        found = {}
        for (index, detector, task, parts, window), (_, score, learned) in self._rows.items():
            entity = dict(parts)
            if (
                learned is not None
                and index in which.indices
                and (detector, task) == (which.detector_id, which.task_id)
                and sorted(name for name, _ in parts) == sorted(which.category_fields)
                and which.start <= window < which.end
                and score == score
            ):
                found[tuple(entity[name] for name in which.category_fields), window] = learned
        return found


def _rows_of(batch):
    """Return ``(detector, task, entity, window), features, score`` per row."""
    for row in range(len(batch)):
        values = batch.entities[batch.entity[row]]
        entity = tuple(sorted(zip(batch.category_fields, values, strict=True)))
        key = (batch.detector_id, batch.task_id, entity, int(batch.data_start[row]))
        yield key, batch.feature_values[row].tolist(), float(batch.score[row])
