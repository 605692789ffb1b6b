"""How long a source takes is told, whatever becomes of the call."""

import itertools

import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.errors import IndexNotFound
from anomalyd.query.nodes import MatchAll
from anomalyd.query.nodes_aggregations import Sum
from anomalyd.source.base import Selection, WindowQuery
from anomalyd.source.embedded import EmbeddedSource
from anomalyd.source.measured import MeasuredSource


def test_every_call_is_passed_on_and_measured():
    """The answers are the source's own; a failure is measured, too."""
    ticking, seen = itertools.count(), []
    with Database() as database:
        plain = EmbeddedSource(Catalogue(database), now=lambda: 0)
        source = MeasuredSource(
            plain,
            seconds=lambda: float(next(ticking)),
            observe=lambda name, seconds: seen.append((name, seconds)),
        )
        what = Selection(indices=("nope*",), time_field="time", filter=MatchAll())
        query = WindowQuery(
            selection=what,
            features=(Sum(name="s", field="v"),),
            start=0,
            end=60_000,
            interval=1_000,
        )
        assert source.matching_indices(["nope*"]) == plain.matching_indices(["nope*"]) == ()
        assert source.field_kinds(["nope*"]) == {}
        assert not source.has_documents(["nope*"])
        assert source.time_range(what) is None
        assert len(source.feature_rows(query)) == 0
        assert source.top_entities(what, start=0, end=9, limit=3) == ()
        with pytest.raises(IndexNotFound):
            source.has_documents(["nope"])
    assert seen == [
        (name, 1.0)
        for name in (
            "matching_indices",
            "field_kinds",
            "has_documents",
            "time_range",
            "feature_rows",
            "top_entities",
            "has_documents",
        )
    ]
