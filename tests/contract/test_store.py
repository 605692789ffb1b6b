"""What every document store must do (``store.base``): documents with versions."""

import threading

import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.errors import MappingConflict, VersionConflict
from anomalyd.query.parse import parse_query
from anomalyd.query.parse_search import parse_search
from anomalyd.store.base import DocumentWrite
from tests.contract.stores import DETECTORS, STATE, Stores


def test_a_document_comes_back_as_it_was_put(stores):
    """Key order included; versions and sequence numbers count from 1 and 0."""
    source = {"name": "n", "b": [1, {"x": None}], "a": 1.0, "filter_query": {"z": {}, "a": []}}
    stored = stores.put("one", source, DETECTORS)
    assert (stored.version, stored.seq_no, stored.primary_term) == (1, 0, 1)
    found = stores.documents.get(DETECTORS, "one")
    assert found == stored
    assert list(found.source) == ["name", "b", "a", "filter_query"]
    assert isinstance(found.source["a"], float)
    assert stores.documents.get(DETECTORS, "two") is None
    assert stores.documents.get("nowhere", "one") is None


def test_each_write_raises_version_and_sequence_number(stores):
    """The sequence number is the index's, the version the document's."""
    stores.put("a", {"state": "INIT"})
    assert stores.put("b", {"state": "INIT"}).seq_no == 1
    again = stores.put("a", {"state": "RUNNING"})
    assert (again.version, again.seq_no) == (2, 2)
    assert stores.documents.get(STATE, "a").source == {"state": "RUNNING"}


def test_reading_often_never_shows_what_is_gone(stores):
    """Many documents, long ones among them, read over and over while some change and go."""
    ids = [f"d{number}" for number in range(60)]
    long = "x" * 20_000
    for id in ids:
        stores.put(id, {"state": "INIT", "text": long if id == "d7" else id})

    def states():
        found = [stores.documents.get(STATE, id) for id in [*ids, "nobody"]]
        return [None if one is None else one.source["state"] for one in found]

    assert states() == states() == ["INIT"] * 60 + [None]
    assert stores.documents.get(STATE, "d7").source["text"] == long
    stores.put("d3", {"state": "RUNNING"})
    stores.put("d7", {"state": "RUNNING"})
    stores.documents.delete(STATE, "d5")
    expected = ["INIT"] * 60 + [None]
    expected[3] = expected[7] = "RUNNING"
    expected[5] = None
    assert states() == states() == expected
    stores.put("nobody", {"state": "CREATED"})
    assert states()[-1] == "CREATED"


@pytest.mark.parametrize(
    "options",
    [{"create_only": True}, {"if_seq_no": 1, "if_primary_term": 1}, {"if_primary_term": 2}],
)
def test_a_write_with_a_condition_that_does_not_hold_is_a_conflict(stores, options):
    """And changes nothing."""
    stores.put("a", {"state": "INIT"})
    with pytest.raises(VersionConflict, match=r"\[a\]: version conflict"):
        stores.put("a", {"state": "RUNNING"}, **options)
    assert stores.documents.get(STATE, "a").source == {"state": "INIT"}


def test_a_condition_on_a_document_that_is_not_there_is_a_conflict(stores):
    """Also when the index is not there."""
    with pytest.raises(VersionConflict, match="no document was found"):
        stores.put("a", {"state": "INIT"}, if_seq_no=0, if_primary_term=1)


def test_conditions_that_hold_let_the_write_through(stores):
    """Compare and set."""
    first = stores.put("a", {"state": "INIT"}, create_only=True)
    second = stores.put("a", {"state": "RUNNING"}, if_seq_no=first.seq_no, if_primary_term=1)
    assert second.version == 2


def test_writes_happen_all_or_none(stores):
    """One conflict undoes the others, and their sequence numbers."""
    stores.put("a", {"state": "INIT"})
    writes = [
        DocumentWrite(index=STATE, id="b", source={"state": "INIT"}),
        DocumentWrite(index=STATE, id="a", source={}, create_only=True),
    ]
    with pytest.raises(VersionConflict):
        stores.documents.put(writes)
    assert stores.documents.get(STATE, "b") is None
    assert stores.put("c", {}).seq_no == 1


def test_the_later_of_two_writes_to_one_document_stays(stores):
    """In the order in which they are given."""
    writes = [DocumentWrite(index=STATE, id="a", source={"state": s}) for s in ("INIT", "RUNNING")]
    assert [stored.version for stored in stores.documents.put(writes)] == [1, 2]
    assert stores.documents.get(STATE, "a").source == {"state": "RUNNING"}


def test_only_one_of_many_threads_wins_a_version(stores):
    """The others get a conflict."""
    stores.put("a", {"state": "INIT"})
    outcomes = []

    def write():
        try:
            stores.put("a", {"state": "RUNNING"}, if_seq_no=0, if_primary_term=1)
            outcomes.append("won")
        except VersionConflict:
            outcomes.append("lost")

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["lost"] * 5 + ["won"]


def test_deleting_gives_the_version_of_the_deletion(stores):
    """None when there is nothing to delete."""
    stores.put("a", {"state": "INIT"})
    gone = stores.documents.delete(STATE, "a")
    assert (gone.version, gone.seq_no, gone.source) == (2, 1, {"state": "INIT"})
    assert stores.documents.get(STATE, "a") is None
    assert stores.documents.delete(STATE, "a") is None
    assert stores.documents.delete("nowhere", "a") is None
    assert stores.put("a", {}).seq_no == 2


TASK = {
    "detector_id": "d1",
    "state": "RUNNING",
    "is_latest": True,
    "task_progress": 0.5,
    "last_update_time": 1000,
    "detection_date_range": {"start_time": 0, "end_time": 5},
    "detector": {
        "name": "my detector",
        "filter_query": {"a": {"b": [1, "x"]}},
        "feature_attributes": [{"feature_id": "f", "aggregation_query": {"q": {"sum": {}}}}],
    },
    "entity": [{"name": "host", "value": "a"}, {"name": "service", "value": "b"}],
    "user": {"name": "admin", "backend_roles": ["x", "y"]},
    "something": {"else": True},
}


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ({"term": {"detector_id": "d1"}}, True),
        ({"terms": {"state": ["INIT", "RUNNING"]}}, True),
        ({"term": {"is_latest": "true"}}, True),
        ({"range": {"task_progress": {"gte": 0.5}}}, True),
        ({"range": {"last_update_time": {"lt": 1000}}}, False),
        ({"range": {"detection_date_range.end_time": {"gte": 5}}}, True),
        ({"match": {"detector.name": "DETECTOR"}}, True),
        ({"term": {"detector.name.keyword": "my detector"}}, True),
        ({"term": {"user.backend_roles.keyword": "y"}}, True),
        ({"nested": {"path": "entity", "query": {"term": {"entity.value": "b"}}}}, True),
        (
            {
                "nested": {
                    "path": "entity",
                    "query": {
                        "bool": {
                            "filter": [
                                {"term": {"entity.name": "host"}},
                                {"term": {"entity.value": "b"}},
                            ]
                        }
                    },
                }
            },
            False,
        ),
        ({"exists": {"field": "parent_task_id"}}, False),
        ({"exists": {"field": "something.else"}}, False),
    ],
)
def test_tasks_are_found_by_their_documented_fields(stores, query, matches):
    """Free-form parts are stored, not searched."""
    stores.put("t", TASK)
    stores.put("other", {"state": "CREATED"})
    assert stores.ids(query) == (["t"] if matches else [])
    assert stores.documents.get(STATE, "t").source == TASK


def test_a_field_with_a_wrong_value_is_refused(stores):
    """A bug in a document shows at once."""
    with pytest.raises(MappingConflict, match="last_update_time"):
        stores.put("t", {"last_update_time": "soon"})


def test_an_index_exists_from_its_first_write_on(stores):
    """Also after its last document is gone."""
    assert not stores.documents.exists(STATE)
    stores.put("a", {"state": "INIT"})
    stores.documents.delete(STATE, "a")
    assert stores.documents.exists(STATE)
    assert not stores.documents.exists(DETECTORS)


def test_an_index_without_any_write_reads_as_empty(stores):
    """No index_not_found for the system's own."""
    answer = stores.documents.search(STATE, parse_search({"sort": [{"state": "asc"}]}), now=0)
    assert answer["hits"]["total"] == {"value": 0, "relation": "eq"}
    assert answer["hits"]["hits"] == []
    assert stores.documents.delete_matching(STATE, parse_query({"match_all": {}}), now=0) == 0


def test_delete_matching_deletes_what_the_query_finds(stores):
    """And tells how many."""
    for id in "abc":
        stores.put(id, {"state": "INIT" if id == "b" else "RUNNING"})
    query = parse_query({"term": {"state": "RUNNING"}})
    assert stores.documents.delete_matching(STATE, query, now=0) == 2
    assert stores.ids({"match_all": {}}) == ["b"]


def test_stored_documents_survive_a_restart(tmp_path):
    """With their versions; the next sequence number goes on, after deletions too."""
    for run in range(3):
        with Database(tmp_path / "d.duckdb") as database:
            stores = Stores(Catalogue(database))
            assert (stores.documents.get(STATE, "a") is None) == (run == 0)
            assert stores.put("a", {"state": "INIT"}).version == run + 1
            assert stores.put("b", {}).seq_no == run * 3 + 1
            assert stores.documents.delete(STATE, "b").seq_no == run * 3 + 2


def test_what_is_read_again_is_what_was_written_last(stores):
    """Whatever was read before: a put, a deletion, a deletion by query are seen by the next get."""
    stores.put("a", {"state": "INIT"})
    assert stores.documents.get(STATE, "a").source == {"state": "INIT"}
    stores.documents.get(STATE, "a").source["state"] = "changed by the reader"
    assert stores.documents.get(STATE, "a").source == {"state": "INIT"}
    stores.put("a", {"state": "RUNNING"})
    assert stores.documents.get(STATE, "a").source == {"state": "RUNNING"}
    stores.documents.delete(STATE, "a")
    assert stores.documents.get(STATE, "a") is None
    stores.put("a", {"state": "FINISHED"})
    assert stores.documents.get(STATE, "a").source == {"state": "FINISHED"}
    stores.documents.delete_matching(STATE, parse_query({"match_all": {}}), now=0)
    assert stores.documents.get(STATE, "a") is None
