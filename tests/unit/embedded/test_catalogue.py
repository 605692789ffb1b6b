"""Indices and their mappings, in one transaction with their data."""

import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.embedded.mapping import IndexMapping
from anomalyd.embedded.mapping_json import parse_mapping
from anomalyd.errors import IllegalArgument, IndexExists, IndexNotFound, ParsingError
from anomalyd.source.embedded import EmbeddedIndices


def names(catalogue):
    with catalogue.read() as session:
        return sorted(session.states)


def test_a_failed_transaction_leaves_catalogue_and_tables_as_they_were(catalogue):
    """In memory too: the next writer does not see what was rolled back."""
    with catalogue.write() as session:
        session.create("kept", IndexMapping())

    def failing():
        with catalogue.write() as session:
            session.drop("kept")
            session.create("new", IndexMapping())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert names(catalogue) == ["kept"]
    with catalogue.write() as session:
        assert sorted(session.states) == ["kept"]
        session.create("new", IndexMapping())
    assert names(catalogue) == ["kept", "new"]


def test_a_reader_keeps_mapping_and_data_that_belong_together(catalogue, indices):
    """Also when the index changes, or goes, while it reads."""
    indices.index_document("a", b'{"x":1}', id="1")
    with catalogue.read() as session:
        state = session.states["a"]
        indices.index_document("a", b'{"x":[1,2],"y":1}', id="2")
        indices.delete_index(["a"])
        rows = session.cursor.execute(f"SELECT x FROM {state.table}").fetchall()
    assert rows == [(1,)]
    assert list(state.mapping.leaves) == ["x"]
    assert names(catalogue) == []


def test_everything_is_there_after_a_restart(tmp_path):
    """Mapping, columns in their order, lists, settings, sequence numbers."""
    body = {
        "mappings": {"properties": {"z": {"type": "keyword"}, "a": {"type": "date"}}},
        "settings": {"number_of_shards": 1},
    }
    with Database(tmp_path / "d.duckdb") as database:
        catalogue = Catalogue(database)
        indices = EmbeddedIndices(catalogue, ids=CountedIds(bytes), now=lambda: 0)
        indices.create_index("x", body)
        indices.index_document("x", b'{"z":["a","b"],"a":5,"Z":1}', id="1")
        with catalogue.read() as session:
            before = session.states["x"]
    with Database(tmp_path / "d.duckdb") as database, Catalogue(database).read() as session:
        assert session.states["x"] == before
        assert list(session.states["x"].mapping.leaves) == ["z", "a", "Z"]
        assert session.states["x"].mapping.leaves["z"].multi


def test_indices_are_made_and_deleted(indices):
    """With Elasticsearch's errors."""
    indices.create_index("a", {"mappings": {"properties": {"x": {"type": "long"}}}})
    with pytest.raises(IndexExists, match=r"index \[a\] already exists"):
        indices.create_index("a", {})
    with pytest.raises(ParsingError, match="unknown key"):
        indices.create_index("b", {"mapping": {}})
    with pytest.raises(IllegalArgument, match="aliases"):
        indices.create_index("b", {"aliases": {"c": {}}})
    with pytest.raises(ParsingError, match="must be an object"):
        indices.create_index("b", {"mappings": []})
    with pytest.raises(IndexNotFound):
        indices.delete_index(["a", "b"])
    assert indices.exists(["a"])
    assert indices.delete_index(["*"]) == ("a",)
    assert not indices.exists(["a"])
    assert not indices.exists(["*"])


def test_put_mapping_adds_columns(indices):
    """And documents from before have none of the new fields."""
    indices.index_document("a", b'{"x":1}', id="1")
    indices.put_mapping(["a"], {"properties": {"y": {"type": "date"}}})
    indices.index_document("a", b'{"y":"2020-01-01"}', id="2")
    assert indices.count(["a"], {"exists": {"field": "y"}}) == 1
    assert indices.get_mapping(["a"])["a"].mapping == {
        "properties": {"x": {"type": "long"}, "y": {"type": "date"}}
    }
    with pytest.raises(IllegalArgument, match="cannot be changed"):
        indices.put_mapping(["a"], {"properties": {"y": {"type": "long"}}})


def test_mappings_with_the_same_name_again_are_not_mixed_up(catalogue):
    """A revision is never used twice, so a cached mapping is never another index's."""
    for type_ in ("long", "keyword"):
        with catalogue.write() as session:
            session.create("a", parse_mapping({"properties": {"x": {"type": type_}}}))
        with catalogue.read() as session:
            assert session.states["a"].mapping.leaves["x"].type == type_
        with catalogue.write() as session:
            session.drop("a")
