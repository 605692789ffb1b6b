"""Result documents that were read before."""

from anomalyd.embedded.kept_rows import KeptRows


def test_what_is_kept_is_given_back_by_table_and_number():
    """What is not known is not there."""
    kept = KeptRows()
    kept.put("t", {1: b'{"a":1}', 2: b"{}"})
    assert kept.get("t", [1, 3]) == {1: b'{"a":1}'}
    assert kept.get("other", [1]) == {}


def test_no_more_is_kept_than_there_is_room_for():
    """The old ones go for new ones; what has no room at all drives nothing out."""
    kept = KeptRows(most_bytes=30)
    kept.put("t", {1: b'{"a":1}', 2: b'{"a":2}'})
    kept.put("t", {3: b"x" * 40})
    assert kept.get("t", [1, 2, 3]) == {1: b'{"a":1}', 2: b'{"a":2}'}
    kept.put("t", {4: b'{"a":"0123456789"}'})
    assert kept.get("t", [1, 2, 4]) == {4: b'{"a":"0123456789"}'}
