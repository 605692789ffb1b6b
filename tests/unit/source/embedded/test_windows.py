"""Ranges that are read in pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.embedded.relation import IndexSet
from anomalyd.query.nodes import MatchAll, Range
from anomalyd.query.nodes_aggregations import Avg, Sum
from anomalyd.source.base import Selection, WindowQuery
from anomalyd.source.embedded import EmbeddedIndices
from anomalyd.source.embedded.prepared import PreparedWindows
from anomalyd.source.embedded.windows import read_windows

MAPPING = {"properties": {"t": {"type": "date"}, "host": {"type": "keyword"}}}


@pytest.fixture(scope="module")
def catalogue():
    """Three thousand documents of uneven density, one host, two hosts, or none."""
    draw = np.random.default_rng(5)
    times = (draw.random(3000) ** 3 * 10_000).astype(int).tolist()
    hosts = draw.integers(0, 4, 3000).tolist()
    documents = [
        {"t": t, "v": float(t % 7), "host": [["a"], ["b", "c"], ["b"], []][host]}
        for t, host in zip(times, hosts, strict=True)
    ]
    with Database() as database:
        catalogue = Catalogue(database)
        indices = EmbeddedIndices(catalogue, ids=CountedIds(bytes), now=lambda: 0)
        indices.create_index("logs", {"mappings": MAPPING})
        assert not indices.append("logs", documents, ["{}"] * len(documents))
        yield catalogue


@settings(max_examples=20, deadline=None)
@given(
    st.integers(min_value=300, max_value=7000),
    st.sampled_from([(), ("host",)]),
    st.sampled_from([None, (("c",), ("zzz",), ("a",))]),
    st.sampled_from([1, 10, 97, 5000]),
    st.sampled_from([MatchAll(), Range(field="v", lower=3)]),
)
def test_pieces_make_the_same_rows_as_the_whole(
    catalogue, at_once, categories, entities, interval, filter
):
    """Bit for bit, in the same order, however small the pieces are."""
    query = WindowQuery(
        selection=Selection(
            indices=("logs",), time_field="t", filter=filter, category_fields=categories
        ),
        features=(Sum(name="a", field="v"), Avg(name="b", field="v")),
        start=0,
        end=10_000 // interval * interval,
        interval=interval,
        entities=entities,
    )
    with catalogue.read() as session:
        relation = IndexSet(session.cursor, session.matching(["logs"]))
        whole = read_windows(relation, query, now=0, statements=PreparedWindows())
        pieces = read_windows(
            relation, query, now=0, statements=PreparedWindows(), values_at_once=at_once
        )
    assert pieces.entities == whole.entities
    assert pieces.entity.tolist() == whole.entity.tolist()
    assert pieces.window_start.tolist() == whole.window_start.tolist()
    assert pieces.doc_count.tolist() == whole.doc_count.tolist()
    assert pieces.values.tobytes() == whole.values.tobytes()
