"""What every result store must do (``store.base``): results as columns, read as documents."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.errors import IllegalArgument, IndexExists, VersionConflict
from anomalyd.query.parse import parse_query
from anomalyd.query.parse_search import parse_search
from anomalyd.store.base import NO_TIME, DocumentWrite, ResultBatch, TopAnomaly
from tests.contract.stores import MINUTE, RESULTS, STATE, Stores


def batch(rows=3, hosts=("a", "b"), start=0, **changes):
    """Return results of every host in each of the windows, two features, grade of the last 1."""
    entity = np.repeat(np.arange(len(hosts)), rows)
    data_start = start + np.tile(np.arange(rows), len(hosts)) * MINUTE
    size = len(entity)
    grade = np.zeros(size)
    grade[-1:] = 1.0
    explained = np.where(grade[:, None] > 0, [[0.25, 0.75]], np.nan)
    values = {
        "index": RESULTS,
        "detector_id": "d1",
        "task_id": "t1",
        "feature_ids": ("f1", "f2"),
        "feature_names": ("one", "two"),
        "category_fields": ("service", "host"),
        "entities": tuple(("web", host) for host in hosts),
        "model_ids": tuple(f"d1_entity_{host}" for host in hosts),
        "entity": entity.astype(np.int64),
        "data_start": data_start.astype(np.int64),
        "data_end": (data_start + MINUTE).astype(np.int64),
        "execution_start": np.full(size, 7, dtype=np.int64),
        "execution_end": np.full(size, 9, dtype=np.int64),
        "feature_values": np.arange(2.0 * size).reshape(size, 2),
        "score": np.linspace(1.0, 2.0, size),
        "grade": grade,
        "confidence": np.full(size, 0.9),
        "threshold": np.full(size, 1.5),
        "relevant_attribution": explained,
        "expected_values": explained * 4,
        "past_values": explained * 8,
        "approx_anomaly_start": np.where(grade > 0, data_start - MINUTE, NO_TIME).astype(np.int64),
        "user": {"name": "admin", "backend_roles": ["x"]},
    }
    return ResultBatch(**(values | changes))


def test_a_result_reads_as_the_documented_document(stores):
    """Key order of the page's example; explanations of anomalies only; numbers as numbers."""
    stores.results.record(batch())
    [plain] = stores.found({"bool": {"filter": [{"term": {"data_start_time": 0}}]}}, size=1)
    assert plain["_index"] == RESULTS
    assert plain["_source"] == {
        "detector_id": "d1",
        "confidence": 0.9,
        "task_id": "t1",
        "model_id": "d1_entity_a",
        "schema_version": 5,
        "anomaly_score": 1.0,
        "execution_start_time": 7,
        "data_end_time": MINUTE,
        "data_start_time": 0,
        "feature_data": [
            {"feature_id": "f1", "feature_name": "one", "data": 0.0},
            {"feature_id": "f2", "feature_name": "two", "data": 1.0},
        ],
        "execution_end_time": 9,
        "user": {"name": "admin", "backend_roles": ["x"]},
        "anomaly_grade": 0.0,
        "entity": [{"name": "host", "value": "a"}, {"name": "service", "value": "web"}],
        "threshold": 1.5,
    }
    assert isinstance(plain["_source"]["anomaly_grade"], float)
    [anomaly] = stores.found({"range": {"anomaly_grade": {"gt": 0}}})
    assert list(anomaly["_source"]) == [
        "detector_id", "confidence", "task_id", "model_id", "schema_version", "anomaly_score",
        "execution_start_time", "data_end_time", "data_start_time", "feature_data",
        "relevant_attribution", "expected_values", "past_values", "approx_anomaly_start_time",
        "execution_end_time", "user", "anomaly_grade", "entity", "threshold",
    ]  # fmt: skip
    assert anomaly["_source"]["relevant_attribution"] == [
        {"feature_id": "f1", "data": 0.25},
        {"feature_id": "f2", "data": 0.75},
    ]
    assert anomaly["_source"]["expected_values"] == [
        {
            "likelihood": 1.0,
            "value_list": [{"feature_id": "f1", "data": 1.0}, {"feature_id": "f2", "data": 3.0}],
        }
    ]
    assert anomaly["_source"]["past_values"] == [
        {"feature_id": "f1", "data": 2.0},
        {"feature_id": "f2", "data": 6.0},
    ]
    assert anomaly["_source"]["approx_anomaly_start_time"] == MINUTE


def test_what_a_result_does_not_have_is_absent(stores):
    """Real time, single series, an interval that could not be read."""
    nothing = np.array([np.nan])
    stores.results.record(
        batch(
            rows=1,
            hosts=("only",),
            task_id=None,
            category_fields=(),
            entities=((),),
            model_ids=(None,),
            feature_values=np.full((1, 2), np.nan),
            score=nothing,
            grade=nothing,
            confidence=nothing,
            threshold=nothing,
            relevant_attribution=None,
            expected_values=None,
            past_values=None,
            approx_anomaly_start=None,
            error=["No data in current detection window"],
            user=None,
        )
    )
    [found] = stores.found({"bool": {"must_not": {"exists": {"field": "task_id"}}}})
    assert found["_source"] == {
        "detector_id": "d1",
        "schema_version": 5,
        "execution_start_time": 7,
        "data_end_time": MINUTE,
        "data_start_time": 0,
        "feature_data": [],
        "execution_end_time": 9,
        "error": "No data in current detection window",
    }


def test_a_missing_feature_is_left_out_of_the_feature_data(stores):
    """The others are there."""
    values = np.array([[np.nan, 5.0]])
    stores.results.record(batch(rows=1, hosts=("a",), feature_values=values))
    [found] = stores.found()
    assert found["_source"]["feature_data"] == [
        {"feature_id": "f2", "feature_name": "two", "data": 5.0}
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"term": {"detector_id": "d1"}}, 6),
        ({"term": {"detector_id": {"value": "d2"}}}, 0),
        ({"exists": {"field": "task_id"}}, 6),
        ({"range": {"anomaly_grade": {"gt": 0}}}, 1),
        ({"range": {"data_start_time": {"lte": MINUTE}}}, 4),
        ({"nested": {"path": "entity", "query": {"term": {"entity.value": "b"}}}}, 3),
        (
            {
                "nested": {
                    "path": "feature_data",
                    "query": {
                        "bool": {
                            "filter": [
                                {"term": {"feature_data.feature_id": "f2"}},
                                {"range": {"feature_data.data": {"gte": 9}}},
                            ]
                        }
                    },
                }
            },
            2,
        ),
        ({"term": {"user.name.keyword": "admin"}}, 6),
        ({"exists": {"field": "error"}}, 0),
        ({"exists": {"field": "approx_anomaly_start_time"}}, 1),
        (
            {
                "nested": {
                    "path": "past_values",
                    "query": {"range": {"past_values.data": {"gt": 5}}},
                }
            },
            1,
        ),
    ],
)
def test_results_are_found_by_the_documented_fields(stores, query, count):
    """Whatever columns hold them."""
    stores.results.record(batch())
    assert len(stores.found(query)) == count


def test_results_are_sorted_and_aggregated(stores):
    """By the documented names."""
    stores.results.record(batch())
    hits = stores.found(sort=[{"anomaly_score": "desc"}], size=2)
    assert [hit["sort"][0] for hit in hits] == [2.0, 1.8]
    answer = stores.results.search(
        [RESULTS],
        parse_search({"size": 0, "aggs": {"m": {"terms": {"field": "model_id"}}}}),
        now=0,
    )
    buckets = answer["aggregations"]["m"]["buckets"]
    assert [(bucket["key"], bucket["doc_count"]) for bucket in buckets] == [
        ("d1_entity_a", 3),
        ("d1_entity_b", 3),
    ]


def test_recording_a_step_twice_leaves_one_row_each(stores):
    """As after a crash; the later values stay, and ids are those from before."""
    stores.results.record(batch())
    before = {hit["_id"] for hit in stores.found()}
    stores.results.record(batch(confidence=np.full(6, 0.5)))
    hits = stores.found()
    assert {hit["_id"] for hit in hits} == before
    assert len(before) == 6
    assert {hit["_source"]["confidence"] for hit in hits} == {0.5}


def test_the_order_of_category_fields_and_entities_makes_no_other_row(stores):
    """An entity is its values by name."""
    stores.results.record(batch())
    stores.results.record(
        batch(
            hosts=("b", "a"),
            category_fields=("host", "service"),
            entities=(("b", "web"), ("a", "web")),
        )
    )
    assert len(stores.found()) == 6


def test_detectors_tasks_entities_and_windows_have_rows_of_their_own(stores):
    """The same window of another of them is another row."""
    stores.results.record(batch())
    stores.results.record(batch(detector_id="d2"))
    stores.results.record(batch(task_id="t2"))
    stores.results.record(batch(task_id=None))
    stores.results.record(batch(start=3 * MINUTE))
    stores.results.record(batch(hosts=("c",)))
    assert len({hit["_id"] for hit in stores.found(size=100)}) == 33


def test_rows_and_documents_are_recorded_together_or_not_at_all(stores):
    """Progress never runs ahead of the results, nor behind."""
    stores.put("t1", {"task_progress": 0.0})
    good = DocumentWrite(index=STATE, id="t1", source={"task_progress": 0.5})
    stores.results.record(batch(), [good])
    assert stores.documents.get(STATE, "t1").source == {"task_progress": 0.5}
    stale = dataclasses.replace(good, source={"task_progress": 1.0}, if_seq_no=0)
    with pytest.raises(VersionConflict):
        stores.results.record(batch(start=100 * MINUTE), [stale])
    assert len(stores.found()) == 6
    assert stores.documents.get(STATE, "t1").source == {"task_progress": 0.5}


def test_an_empty_step_records_its_documents(stores):
    """And makes the index."""
    stores.results.record(
        batch(rows=0), [DocumentWrite(index=STATE, id="t1", source={"task_progress": 1.0})]
    )
    assert stores.found() == []
    assert stores.results.indices(RESULTS) == (RESULTS,)
    assert stores.documents.get(STATE, "t1") is not None


def test_result_indices_are_found_by_pattern_and_missing_ones_are_empty(stores):
    """Only result indices: others of the same pattern are none."""
    custom = "searchguard-ad-result-mine"
    stores.put("x", {}, index=".searchguard-ad-results-notes")
    stores.results.create_index(custom)
    stores.results.create_index(custom)
    stores.results.record(batch())
    assert stores.results.indices(".searchguard-ad-results*") == (RESULTS,)
    assert stores.results.indices("searchguard-ad-result*") == (custom,)
    assert stores.results.indices("nope") == ()
    assert len(stores.found(indices=[".searchguard-ad-results-history*", custom])) == 6
    assert stores.found(indices=["nope"]) == []
    with pytest.raises(IndexExists):
        stores.results.create_index(".searchguard-ad-results-notes")


def test_a_result_that_was_read_is_read_as_it_is_now(stores):
    """Recorded anew under the same id, and in an index that was deleted and made again."""
    scores = {}
    for grade in (0.25, 0.5):
        stores.results.record(batch(rows=1, hosts=("a",), grade=np.array([grade])))
        [hit] = stores.found()
        scores[hit["_id"]] = hit["_source"]["anomaly_grade"]
    with stores.catalogue.write() as session:
        session.drop(RESULTS)
    assert stores.found() == []
    stores.results.record(batch(rows=1, hosts=("a",), grade=np.array([0.75])))
    [hit] = stores.found()
    assert scores == {hit["_id"]: 0.5}
    assert hit["_source"]["anomaly_grade"] == 0.75


def test_delete_matching_deletes_results(stores):
    """In the indices that are named, and nowhere else."""
    other = "searchguard-ad-result-mine"
    stores.results.record(batch())
    stores.results.record(batch(index=other))
    query = parse_query({"range": {"data_start_time": {"lte": 0}}})
    assert stores.results.delete_matching([RESULTS], query, now=0) == 2
    assert len(stores.found()) == 4
    assert len(stores.found(indices=[other])) == 6
    assert stores.results.delete_matching(["nope"], query, now=0) == 0


def top(stores, **changes):
    arguments = {
        "detector_id": "d1",
        "task_id": "t1",
        "category_fields": ["service", "host"],
        "start": 0,
        "end": 100 * MINUTE,
        "order": "severity",
        "size": 10,
    }
    return stores.results.top_anomalies([".searchguard*", "nope"], **(arguments | changes))


@pytest.fixture
def anomalies(stores):
    """Host a has two anomalies of 0.5, host b one of 0.9; in real time c has one."""
    grade = np.array([0.5, 0.5, 0.0, 0.0, 0.0, 0.9])
    stores.results.record(batch(grade=grade))
    stores.results.record(batch(hosts=("c",), rows=1, grade=np.array([0.7]), task_id=None))
    return stores


def test_top_anomalies_are_grouped_by_category(anomalies):
    """By severity or by how many there are."""
    a = TopAnomaly(key={"service": "web", "host": "a"}, doc_count=2, max_anomaly_grade=0.5)
    b = TopAnomaly(key={"service": "web", "host": "b"}, doc_count=1, max_anomaly_grade=0.9)
    assert top(anomalies) == (b, a)
    assert top(anomalies, order="occurrence") == (a, b)
    assert top(anomalies, size=1) == (b,)
    [web] = top(anomalies, category_fields=["service"])
    assert web == TopAnomaly(key={"service": "web"}, doc_count=3, max_anomaly_grade=0.9)
    with pytest.raises(IllegalArgument, match="Ordering by x is not a valid option"):
        top(anomalies, order="x")


def test_top_anomalies_are_of_one_task_or_of_real_time(anomalies):
    """And of the time that is asked for, both ends inclusive, by the window's end."""
    assert [each.key["host"] for each in top(anomalies, task_id=None)] == ["c"]
    assert top(anomalies, task_id="t9") == ()
    assert top(anomalies, detector_id="d9") == ()
    within = top(anomalies, start=2 * MINUTE, end=3 * MINUTE)
    assert [(each.key["host"], each.doc_count) for each in within] == [("b", 1), ("a", 1)]
    assert top(anomalies, start=3 * MINUTE + 1) == ()


texts = st.text(min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(texts, min_size=1, max_size=4, unique=True),
    texts,
    st.one_of(st.none(), texts),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_any_text_and_number_comes_back(hosts, detector, user, score):
    """Quotes, control characters, any script; what is no finite number is absent."""
    with Database() as database:
        stores = Stores(Catalogue(database))
        stores.results.record(
            batch(
                rows=1,
                hosts=hosts,
                detector_id=detector,
                grade=np.zeros(len(hosts)),
                score=np.full(len(hosts), score),
                user=None if user is None else {"name": user},
            )
        )
        found = stores.found({"term": {"detector_id": detector}})
        assert sorted(hit["_source"]["entity"][0]["value"] for hit in found) == sorted(hosts)
        for hit in found:
            assert hit["_source"].get("anomaly_score", "absent") == (
                score if np.isfinite(score) else "absent"
            )
            assert hit["_source"].get("user") == (None if user is None else {"name": user})


def test_results_of_all_indices_share_one_sequence(stores):
    """Who has read up to a position finds everything newer above it, whatever its index."""
    assert stores.results.position() == -1
    seen = []
    for index in (RESULTS, "searchguard-ad-result-other", RESULTS):
        stores.results.record(batch(index=index, start=len(seen)))
        found = stores.found(indices=[index], sort=[{"_seq_no": "desc"}], seq_no_primary_term=True)
        seen.append(found[0]["_seq_no"])
        assert stores.results.position() == found[0]["_seq_no"]
    assert seen == sorted(set(seen))


def test_a_revised_result_is_marked_and_seen(stores):
    """Same id, next version, newest position; the mark says when, and only it changes."""
    rows = batch(task_id=None)
    stores.results.record(rows)
    before = {hit["_id"]: hit for hit in stores.found(version=True, seq_no_primary_term=True)}
    values = rows.feature_values.copy()
    values[4] = [7.0, 7.0]
    revised = dataclasses.replace(
        rows, feature_values=values, execution_end=np.full(len(rows), 77, dtype=np.int64)
    )
    position = stores.results.position()
    written = stores.results.revise(revised, [RESULTS])
    assert written.tolist() == [row == 4 for row in range(len(rows))]
    assert stores.results.position() > position
    after = {hit["_id"]: hit for hit in stores.found(version=True, seq_no_primary_term=True)}
    assert after.keys() == before.keys()
    [changed] = [hit for id, hit in after.items() if hit != before[id]]
    assert (changed["_version"], changed["_seq_no"]) == (2, position + 1)
    assert changed["_source"]["rescored_time"] == changed["_source"]["execution_end_time"] == 77
    assert [one["data"] for one in changed["_source"]["feature_data"]] == [7.0, 7.0]
    assert len(stores.found({"exists": {"field": "rescored_time"}})) == 1
    values[4] = [8.0, 8.0]
    stores.results.revise(dataclasses.replace(revised, feature_values=values), [RESULTS])
    [again] = stores.found({"exists": {"field": "rescored_time"}}, version=True)
    assert again["_version"] == 3
