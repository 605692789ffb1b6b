"""Stores of real time in plain Python, which say what every such store must do."""

from anomalyd.store.base import CHECKPOINTS_AT_ONCE


class PlainCheckpointStore:
    """Checkpoints in a dictionary (implements ``store.base.CheckpointStore``)."""

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

    def close(self):
        pass


class PlainResults:
    """Results in a dictionary, as far as models learn from them again."""

    def __init__(self):
        self._rows = {}

    def record(self, batch):
        """Keep a batch; a row of the same series and window is replaced."""
        for row in range(len(batch)):
            entity = dict(
                zip(batch.category_fields, batch.entities[batch.entity[row]], strict=True)
            )
            key = (batch.detector_id, batch.task_id, tuple(sorted(entity.items())))
            self._rows[*key, int(batch.data_start[row])] = (
                batch.index,
                entity,
                batch.feature_values[row].tolist(),
                float(batch.score[row]),
            )

    def scored_values(self, which):
        """Return ``{(entity, window): values}``: what ``ScoredValuesReader`` says in columns."""
        found = {}
        for (detector, task, parts, window), (index, entity, values, score) in self._rows.items():
            if (
                index in which.indices
                and (detector, task) == (which.detector_id, which.task_id)
                and sorted(name for name, _ in parts) == sorted(which.category_fields)
                and which.start <= window < which.end
                and score == score
            ):
                found[tuple(entity[name] for name in which.category_fields), window] = values
        return found
