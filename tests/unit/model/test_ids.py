"""Ids of documents."""

import random
import re

from anomalyd.model.ids import ByteIds


def test_ids_are_twenty_url_safe_characters_and_follow_the_seed():
    """The same seed gives the same ids; no two are alike."""
    ids = ByteIds(random.Random(1).randbytes)
    made = [ids.next_id() for _ in range(100)]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", one) for one in made)
    assert len(set(made)) == 100
    again = ByteIds(random.Random(1).randbytes)
    assert made == [again.next_id() for _ in range(100)]


def test_no_id_begins_like_an_option_of_a_command_line():
    """Bytes that would begin with a dash are drawn again."""
    draws = iter([b"\xf8" + bytes(14), b"\xfb" + bytes(14), b"\xfc" + bytes(14)])
    assert ByteIds(lambda count: next(draws)).next_id() == "_AAAAAAAAAAAAAAAAAAA"
