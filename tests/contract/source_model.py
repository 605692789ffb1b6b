"""A source in plain Python, which says what every source must answer."""

import math
from dataclasses import dataclass, field
from itertools import product


@dataclass
class PlainSource:
    """Documents in a list; features are functions over the values of one field."""

    documents: list[dict] = field(default_factory=list)

    def windows(self, *, start, end, interval, features, categories=(), keep=lambda _: True):
        """Return {(entity, window): (count, feature values)} of the documents that are kept."""
        groups = {}
        for document in self.documents:
            if not start <= document["time"] < end or not keep(document):
                continue
            values = [_several(document.get(name)) for name in categories]
            for entity in set(product(*values)):
                window = start + (document["time"] - start) // interval * interval
                groups.setdefault((entity, window), []).append(document)
        return {
            key: (len(group), [compute(group) for compute in features])
            for key, group in groups.items()
        }


def _several(value):
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def total(name):
    """Sum of a field, NaN without any value."""

    def compute(group):
        values = [v for document in group for v in _several(document.get(name))]
        return math.fsum(values)

    return compute


def mean(name):
    """Mean of a field, NaN without any value."""

    def compute(group):
        values = [v for document in group for v in _several(document.get(name))]
        return math.fsum(values) / len(values) if values else math.nan

    return compute


def number(name):
    """How many values a field has."""
    return lambda group: sum(len(_several(document.get(name))) for document in group)
