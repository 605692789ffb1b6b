"""What every source must do (``source.base.Source``), checked against one in plain Python."""

import math
import random
from dataclasses import replace

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.errors import IllegalArgument, IndexNotFound
from anomalyd.query.fields import FieldKind
from anomalyd.query.nodes import Bool, Exists, MatchAll, Range, Term
from anomalyd.query.nodes_aggregations import Avg, FilterAggregation, Sum, ValueCount
from anomalyd.source.base import EntityCount, Selection, TimeRange, WindowQuery
from anomalyd.source.embedded import EmbeddedIndices, EmbeddedSource
from tests.contract.source_model import PlainSource, mean, number, total

MINUTE = 60_000
MAPPING = {
    "properties": {
        "time": {"type": "date"},
        "host": {"type": "keyword"},
        "service": {"type": "keyword"},
        "value": {"type": "double"},
        "count": {"type": "long"},
    }
}


class Loaded:
    """A source with documents in index ``logs``, and how to put more in."""

    def __init__(self, indices, source):
        self.indices = indices
        self.source = source
        indices.create_index("logs", {"mappings": MAPPING})

    def add(self, documents, index="logs"):
        lines = [b'{"index":{}}\n' + orjson.dumps(document) + b"\n" for document in documents]
        if lines:
            assert not self.indices.bulk(b"".join(lines), default_index=index).errors


@pytest.fixture(params=["memory", "file"])
def loaded(request, tmp_path):
    """Every implementation of a source there is."""
    path = None if request.param == "memory" else tmp_path / "data.duckdb"
    with Database(path) as database:
        catalogue = Catalogue(database)
        indices = EmbeddedIndices(catalogue, ids=CountedIds(bytes), now=lambda: 0)
        yield Loaded(indices, EmbeddedSource(catalogue, now=lambda: 10 * MINUTE))


def select(*categories, **changes):
    chosen = {
        "indices": ("logs",),
        "time_field": "time",
        "filter": MatchAll(),
        "category_fields": categories,
    }
    return Selection(**(chosen | changes))


def windows(selection, *features, start=0, end=10 * MINUTE, interval=MINUTE, entities=None):
    features = features or (Sum(name="f", field="value"),)
    return WindowQuery(
        selection=selection,
        features=features,
        start=start,
        end=end,
        interval=interval,
        entities=entities,
    )


def as_dict(rows):
    """Return {(entity, window): (count, values)}."""
    return {
        (rows.entities[entity], start): (count, values)
        for entity, start, count, values in zip(
            rows.entity.tolist(),
            rows.window_start.tolist(),
            rows.doc_count.tolist(),
            rows.values.tolist(),
            strict=True,
        )
    }


def same(left, right):
    assert left.keys() == right.keys()
    for key, (count, values) in left.items():
        assert count == right[key][0]
        for one, other in zip(values, right[key][1], strict=True):
            assert (math.isnan(one) and math.isnan(other)) or one == pytest.approx(other, abs=1e-9)


hosts = st.sampled_from(["a", "b", "c", None, ["a", "b"]])
documents = st.lists(
    st.fixed_dictionaries(
        {"time": st.integers(min_value=-2 * MINUTE, max_value=12 * MINUTE)},
        optional={
            "host": hosts,
            "service": hosts,
            "value": st.floats(min_value=-1e6, max_value=1e6) | st.just([1.5, 2.5]),
            "count": st.integers(min_value=-1000, max_value=1000),
        },
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(documents, st.sampled_from([(), ("host",), ("host", "service"), ("service", "host")]))
def test_feature_rows_are_those_of_the_plain_source(content, categories):
    """Counts, entities of several values, missing values, half open windows."""
    with Database() as database:
        catalogue = Catalogue(database)
        indices = EmbeddedIndices(catalogue, ids=CountedIds(bytes), now=lambda: 0)
        loaded = Loaded(indices, EmbeddedSource(catalogue, now=lambda: 0))
        loaded.add(content)
        rows = loaded.source.feature_rows(
            windows(
                select(*categories),
                Sum(name="a", field="value"),
                Avg(name="b", field="count"),
                ValueCount(name="c", field="value"),
            )
        )
        plain = PlainSource(content).windows(
            start=0,
            end=10 * MINUTE,
            interval=MINUTE,
            features=[total("value"), mean("count"), number("value")],
            categories=categories,
        )
        same(as_dict(rows), plain)
        order = list(zip(rows.entity.tolist(), rows.window_start.tolist(), strict=True))
        assert order == sorted(order)
        if categories:
            assert rows.entities == tuple(sorted(rows.entities))


def test_windows_are_half_open_and_empty_ones_have_no_row(loaded):
    """A time at the end belongs to the next window."""
    loaded.add([{"time": t, "value": 1.0} for t in (0, MINUTE - 1, MINUTE, 3 * MINUTE, 4 * MINUTE)])
    rows = loaded.source.feature_rows(windows(select(), end=4 * MINUTE))
    assert rows.entities == ((),)
    assert rows.window_start.tolist() == [0, MINUTE, 3 * MINUTE]
    assert rows.doc_count.tolist() == [2, 1, 1]
    assert rows.values.tolist() == [[2.0], [1.0], [1.0]]
    assert rows.entity.dtype == rows.window_start.dtype == rows.doc_count.dtype == np.int64
    assert rows.values.dtype == np.float64


def test_a_window_without_a_value_is_nan(loaded):
    """Its documents are counted all the same; sums and counts of values are 0."""
    loaded.add([{"time": 1, "count": 3}])
    rows = loaded.source.feature_rows(
        windows(
            select(),
            Avg(name="a", field="value"),
            Sum(name="b", field="value"),
            ValueCount(name="c", field="value"),
        )
    )
    assert rows.doc_count.tolist() == [1]
    assert np.isnan(rows.values[0, 0])
    assert rows.values[0, 1:].tolist() == [0, 0]


def test_windows_without_features_are_counted(loaded):
    """Which windows have documents, for whoever needs no more than that."""
    loaded.add([{"time": t, "host": "a"} for t in (0, 1, 3 * MINUTE)])
    loaded.add([{"time": 2 * MINUTE, "host": "b"}])
    everything = WindowQuery(
        selection=select(), features=(), start=0, end=4 * MINUTE, interval=MINUTE
    )
    rows = loaded.source.feature_rows(everything)
    assert rows.window_start.tolist() == [0, 2 * MINUTE, 3 * MINUTE]
    assert rows.doc_count.tolist() == [2, 1, 1]
    assert rows.values.shape == (3, 0)
    one = replace(everything, selection=select("host"), entities=(("a",),))
    assert loaded.source.feature_rows(one).window_start.tolist() == [0, 3 * MINUTE]


def test_unknown_fields_have_no_values(loaded):
    """A feature of theirs is NaN; a category or time of theirs gives no rows."""
    loaded.add([{"time": 1, "value": 1.0}])
    rows = loaded.source.feature_rows(windows(select(), Sum(name="a", field="nope")))
    assert np.isnan(rows.values).all()
    for nothing in (select("nope"), select(time_field="nope")):
        rows = loaded.source.feature_rows(windows(nothing))
        assert len(rows) == 0
        assert rows.values.shape == (0, 1)
        assert loaded.source.top_entities(nothing, start=0, end=MINUTE, limit=9) == ()
        assert loaded.source.time_range(nothing) is None


def test_entities_come_in_the_order_in_which_they_are_asked_for(loaded):
    """Those without documents keep their place; others are left out."""
    loaded.add([{"time": 1, "host": host, "value": 1.0} for host in ("a", "b", "b", "c")])
    wanted = (("b",), ("zzz",), ("a",))
    rows = loaded.source.feature_rows(windows(select("host"), entities=wanted))
    assert rows.entities == wanted
    assert rows.entity.tolist() == [0, 2]
    assert rows.doc_count.tolist() == [2, 1]
    none = loaded.source.feature_rows(windows(select("host"), entities=()))
    assert (none.entities, len(none)) == ((), 0)


def test_the_filter_chooses_documents_and_features_filter_further(loaded):
    """Filters of the selection and of an aggregation do not get in each other's way."""
    loaded.add([{"time": n, "host": "ab"[n % 2], "value": float(n)} for n in range(6)])
    above = FilterAggregation(
        name="x",
        query=Range(field="value", lower=3),
        aggregations=(Sum(name="y", field="value"),),
    )
    rows = loaded.source.feature_rows(
        windows(select(filter=Term(field="host", value="b")), above, Sum(name="s", field="value"))
    )
    assert rows.values.tolist() == [[8.0, 9.0]]


def test_now_in_a_filter_is_the_sources_clock(loaded):
    """Date math is relative to the time that the source was given."""
    loaded.add([{"time": n * MINUTE, "value": 1.0} for n in range(10)])
    rows = loaded.source.feature_rows(windows(select(filter=Range(field="time", lower="now-3m"))))
    assert rows.window_start.tolist() == [7 * MINUTE, 8 * MINUTE, 9 * MINUTE]


def test_top_entities_have_most_documents_ties_by_value(loaded):
    """Only inside the range, at most as many as asked for."""
    loaded.add([{"time": 5, "host": host} for host in ("c", "c", "b", "a", "d", "d", "d")])
    loaded.add([{"time": 6, "host": "late"}, {"time": 4, "host": "early"}, {"time": 5}])
    top = loaded.source.top_entities(select("host"), start=5, end=6, limit=3)
    assert top == (EntityCount(("d",), 3), EntityCount(("c",), 2), EntityCount(("a",), 1))


def test_time_range_is_that_of_the_selected_documents(loaded):
    """Both ends inclusive; None without documents."""
    assert loaded.source.time_range(select()) is None
    loaded.add([{"time": t, "value": float(t)} for t in (7, 3, 9)])
    assert loaded.source.time_range(select()) == TimeRange(first=3, last=9)
    late = select(filter=Range(field="value", lower=5))
    assert loaded.source.time_range(late) == TimeRange(first=7, last=9)


def test_patterns_reach_several_indices(loaded):
    """As one; fields that an index lacks are missing there."""
    loaded.add([{"time": 1, "value": 1.0}])
    loaded.add([{"time": "1970-01-01T00:00:00.002Z", "value": 2}], index="logs-2")
    both = select(indices=("logs*",))
    rows = loaded.source.feature_rows(windows(both))
    assert rows.values.tolist() == [[3.0]]
    assert loaded.source.matching_indices(["logs*"]) == ("logs", "logs-2")
    assert loaded.source.matching_indices(["nope*"]) == ()
    assert loaded.source.has_documents(["logs-2"])
    assert len(loaded.source.feature_rows(windows(select(indices=("nope*",))))) == 0


def test_an_index_that_is_not_there_is_an_error(loaded):
    """Whatever is asked of it."""
    gone = select(indices=("logs", "nope"))
    for ask in (
        lambda: loaded.source.feature_rows(windows(gone)),
        lambda: loaded.source.time_range(gone),
        lambda: loaded.source.top_entities(gone, start=0, end=1, limit=1),
        lambda: loaded.source.field_kinds(gone.indices),
        lambda: loaded.source.has_documents(gone.indices),
        lambda: loaded.source.matching_indices(gone.indices),
    ):
        with pytest.raises(IndexNotFound, match="nope"):
            ask()


def test_a_time_field_must_hold_times(loaded):
    """Said by the documented message."""
    with pytest.raises(IllegalArgument, match=r"Timestamp field: \(host\) must be of type date"):
        loaded.source.feature_rows(windows(select(time_field="host")))


def test_a_feature_must_be_computable(loaded):
    """A sum of texts is refused, not NaN."""
    loaded.add([{"time": 1, "host": "a"}])
    with pytest.raises(IllegalArgument, match="host"):
        loaded.source.feature_rows(windows(select(), Sum(name="a", field="host")))


def test_has_documents_and_field_kinds(loaded):
    """Of what the indices hold now."""
    assert not loaded.source.has_documents(["logs"])
    loaded.add([{"time": 1, "note": "some text"}])
    assert loaded.source.has_documents(["logs"])
    kinds = loaded.source.field_kinds(["logs"])
    assert kinds["time"] is FieldKind.DATE
    assert kinds["note"] is FieldKind.TEXT
    assert kinds["note.keyword"] is FieldKind.KEYWORD


def test_equal_data_gives_equal_bits_in_any_order_of_arrival(loaded):
    """Sums do not depend on how the documents came in."""
    content = [{"time": 1, "value": 0.1 * n * 10 ** (n % 7)} for n in range(500)]
    loaded.add(content)
    loaded.add(list(reversed(content)), index="logs-2")
    one = loaded.source.feature_rows(windows(select()))
    other = loaded.source.feature_rows(windows(select(indices=("logs-2",))))
    assert one.values.tobytes() == other.values.tobytes()


def marks_of(loaded, *indices):
    """How far indices are written now."""
    return loaded.source.arrived(
        select(indices=indices), since=None, start=0, end=MINUTE, interval=MINUTE
    ).marks


def arrived(loaded, since, *categories, start=0, end=10 * MINUTE, **changes):
    """Return {(entity, window)} that documents arrived for."""
    found = loaded.source.arrived(
        select(*categories, **changes), since=since, start=start, end=end, interval=MINUTE
    )
    pairs = list(zip(found.entity.tolist(), found.window_start.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs) == len(found)
    return {(found.entities[entity], window) for entity, window in pairs}


def test_arrivals_are_what_was_written_since(loaded):
    """By entity and window, only in the range, only what the filter lets through."""
    loaded.add([{"time": 5, "host": "a", "value": 1}])
    marks = marks_of(loaded, "logs")
    assert arrived(loaded, marks, "host") == set()
    loaded.add(
        [
            {"time": MINUTE + 1, "host": "b", "value": 1},
            {"time": MINUTE + 2, "host": "b", "value": 2},
            {"time": 3 * MINUTE, "host": ["a", "c"], "value": 3},
            {"time": 4 * MINUTE, "value": 4},
            {"time": 10 * MINUTE, "host": "a"},
            {"time": -1, "host": "a"},
        ]
    )
    assert arrived(loaded, marks, "host") == {
        (("b",), MINUTE),
        (("a",), 3 * MINUTE),
        (("c",), 3 * MINUTE),
    }
    assert arrived(loaded, marks) == {((), MINUTE), ((), 3 * MINUTE), ((), 4 * MINUTE)}
    assert arrived(loaded, marks, "host", start=2 * MINUTE, end=3 * MINUTE) == set()
    few = Term(field="host", value="c")
    assert arrived(loaded, marks, "host", filter=few) == {
        (("a",), 3 * MINUTE),
        (("c",), 3 * MINUTE),
    }
    assert arrived(loaded, marks_of(loaded, "logs"), "host") == set()


def test_a_document_that_is_written_again_arrives_again(loaded):
    """A new version counts for the window it is in now; a deletion does not."""
    loaded.indices.index_document("logs", b'{"time": 5, "host": "a"}', id="1")
    loaded.indices.index_document("logs", b'{"time": 6, "host": "b"}', id="2")
    marks = marks_of(loaded, "logs")
    loaded.indices.index_document("logs", b'{"time": 60005, "host": "a"}', id="1")
    loaded.indices.delete_document("logs", "2")
    assert arrived(loaded, marks, "host") == {(("a",), MINUTE)}


def test_arrivals_of_several_indices(loaded):
    """Each index has its own mark; one that is new, or made anew, counts as a whole."""
    loaded.indices.create_index("logs2", {"mappings": MAPPING})
    loaded.add([{"time": 0, "host": "a"}] * 3, index="logs2")
    loaded.add([{"time": 0, "host": "a"}])
    marks = marks_of(loaded, "logs*")
    several = {"indices": ("logs*",)}
    assert set(marks) == {"logs", "logs2"}
    loaded.add([{"time": 2 * MINUTE, "host": "b"}])
    assert arrived(loaded, marks, "host", **several) == {(("b",), 2 * MINUTE)}
    loaded.indices.create_index("logs3", {"mappings": MAPPING})
    loaded.add([{"time": 3 * MINUTE, "host": "c"}], index="logs3")
    loaded.indices.delete_index(["logs2"])
    loaded.indices.create_index("logs2", {"mappings": MAPPING})
    loaded.add([{"time": 4 * MINUTE, "host": "d"}], index="logs2")
    assert arrived(loaded, marks, "host", **several) == {
        (("b",), 2 * MINUTE),
        (("c",), 3 * MINUTE),
        (("d",), 4 * MINUTE),
    }


def test_arrivals_where_there_is_nothing(loaded):
    """Fields that are not mapped, indices that are not there."""
    loaded.add([{"time": 0, "host": "a"}])
    assert arrived(loaded, {}, "nope") == set()
    assert arrived(loaded, {}, time_field="nope") == set()
    assert arrived(loaded, {}, indices=("nope*",)) == set()
    with pytest.raises(IndexNotFound):
        arrived(loaded, {}, indices=("nope",))
    with pytest.raises(IndexNotFound):
        marks_of(loaded, "nope")


FILTERS = st.deferred(
    lambda: st.one_of(
        st.builds(Term, field=st.just("host"), value=st.sampled_from(["a", "b", "nobody", "'"])),
        st.builds(Term, field=st.just("count"), value=st.integers(-1, 3)),
        st.builds(Term, field=st.just("hosts"), value=st.sampled_from(["a", "b"])),
        st.builds(Range, field=st.just("value"), lower=st.integers(-2, 2) | st.just(0.5)),
        st.builds(Exists, field=st.sampled_from(["value", "host", "unknown"])),
        st.builds(
            Bool,
            filter=st.lists(FILTERS, min_size=1, max_size=2).map(tuple),
            must_not=st.lists(FILTERS, max_size=1).map(tuple),
        ),
        st.just(MatchAll()),
    )
)
FEATURES = (
    (Sum(name="f", field="value"),),
    (Avg(name="f", field="value"), ValueCount(name="n", field="host")),
    (
        FilterAggregation(
            name="f",
            query=Term(field="host", value="a"),
            aggregations=(Sum(name="s", field="value"),),
        ),
    ),
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(FILTERS, st.sampled_from(FEATURES), st.integers(0, 2)), max_size=12),
    st.integers(0, 2**32),
)
def test_many_queries_at_once_are_answered_as_each_by_itself(asked, seed):
    """To the last bit, whatever the selections have in common."""
    draw = random.Random(seed)
    documents = [
        {
            "time": draw.randrange(3 * MINUTE),
            "value": draw.gauss(0, 1),
            "host": draw.choice(["a", "b", "'", ["a", "b"] if seed % 2 else "b"]),
            "hosts": draw.choice([["a"], ["a", "b"], []]),
            "count": draw.randrange(3),
        }
        for _ in range(60)
    ]
    with Database() as database:
        catalogue = Catalogue(database)
        loaded = Loaded(
            EmbeddedIndices(catalogue, ids=CountedIds(bytes), now=lambda: 0),
            EmbeddedSource(catalogue, now=lambda: 10 * MINUTE),
        )
        loaded.add(documents)
        queries = [
            windows(select(filter=filter), *features, start=at * MINUTE, end=(at + 1) * MINUTE)
            for filter, features, at in asked
        ]
        found = loaded.source.feature_rows_of_each(queries)
        for query, rows in zip(queries, found, strict=True):
            expected = loaded.source.feature_rows(query)
            assert rows.entities == expected.entities
            for column in ("entity", "window_start", "doc_count", "values"):
                one, other = getattr(rows, column), getattr(expected, column)
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other)


def test_columns_may_have_any_name(loaded):
    """Fields that are called as the source calls its own columns are told from these."""
    loaded.add(
        [
            {"time": at, "host": host, "position": at, "value0": "x"}
            for at in (1, 2)
            for host in "ab"
        ]
    )
    sums = (Sum(name="f", field="position"),)
    entities = (("b",), ("a",))
    query = windows(
        select("host", filter=Term(field="value0", value="x")), *sums, entities=entities
    )
    assert as_dict(loaded.source.feature_rows(query)) == {
        (("b",), 0): (2, [3.0]),
        (("a",), 0): (2, [3.0]),
    }
