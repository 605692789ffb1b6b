"""Result documents that were read before."""

from anomalyd.embedded.kept_rows import KeptRows


def test_everybody_gets_documents_of_his_own():
    """What one reader does with a document, the next one does not see."""
    kept = KeptRows()
    kept.put("t", {1: {"entity": [{"value": "a"}]}, 2: {"grade": 0.1}})
    kept.get("t", [1])[1]["entity"].clear()
    assert kept.get("t", [1, 2, 3]) == {1: {"entity": [{"value": "a"}]}, 2: {"grade": 0.1}}
    assert kept.get("other", [1]) == {}


def test_no_more_is_kept_than_there_is_room_for():
    """The old ones go for new ones; what has no room at all drives nothing out."""
    kept = KeptRows(most_bytes=30)
    kept.put("t", {1: {"a": 1}, 2: {"a": 2}})
    kept.put("t", {3: {"text": "x" * 40}})
    assert kept.get("t", [1, 2, 3]) == {1: {"a": 1}, 2: {"a": 2}}
    kept.put("t", {4: {"a": "0123456789"}})
    assert kept.get("t", [1, 2, 4]) == {4: {"a": "0123456789"}}
