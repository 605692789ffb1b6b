"""Indices of the embedded source through the use cases."""

import pytest

from anomalyd.errors import IllegalArgument
from tests.unit.service.data import bulk


def test_documents_go_in_and_are_found(application):
    """A bulk, a search that tells how long it took, a count, one document by its id."""
    indices = application.indices
    result = indices.bulk(bulk([{"a": 1}, {"a": 2}]), default_index="logs")
    assert not result.errors
    answer = indices.search(["logs"], {"query": {"term": {"a": 2}}})
    assert next(iter(answer)) == "took"
    (hit,) = answer["hits"]["hits"]
    assert hit["_source"] == {"a": 2}
    assert indices.count(["logs"], None) == 2
    assert indices.get_document("logs", hit["_id"])["_source"] == {"a": 2}
    assert indices.delete_document("logs", hit["_id"]).result == "deleted"
    assert indices.exists(["logs"])
    assert indices.delete_index(["lo*"]) == ("logs",)


@pytest.mark.parametrize(
    "change",
    [
        lambda indices, name: indices.create_index(name, {}),
        lambda indices, name: indices.delete_index([name]),
        lambda indices, name: indices.delete_index([f"logs,{name}"]),
        lambda indices, name: indices.put_mapping([name], {}),
        lambda indices, name: indices.bulk(b"", default_index=name),
        lambda indices, name: indices.index_document(name, b"{}"),
        lambda indices, name: indices.delete_document(name, "x"),
    ],
)
def test_our_own_indices_are_not_changed_directly(application, change):
    """Detectors and tasks change by their own use cases only."""
    with pytest.raises(IllegalArgument, match="is kept by anomalyd"):
        change(application.indices, ".searchguard-ad-state")
