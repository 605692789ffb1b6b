"""What every checkpoint store must do (``store.models.CheckpointStore``)."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalyd.store.embedded import EmbeddedCheckpointStore
from anomalyd.store.models import CHECKPOINTS_AT_ONCE, ModelCheckpoint
from tests.contract.plain_stores import PlainCheckpointStore

MAKERS = {
    "plain": lambda _: PlainCheckpointStore(),
    "memory": lambda _: EmbeddedCheckpointStore(None),
    "file": EmbeddedCheckpointStore,
}


@pytest.fixture(params=MAKERS)
def store(request, tmp_path):
    """Every implementation there is, and the memory twin."""
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


def checkpoint(*entity, position=0, data=b"model"):
    return ModelCheckpoint(entity=entity, position=position, data=data)


def loaded(store, detector_id="d1", fingerprint="f"):
    return [one for batch in store.load(detector_id, fingerprint) for one in batch]


def test_what_was_saved_is_loaded_in_the_order_of_first_writing(store):
    """Values of entities, positions and bytes, whatever they are."""
    kept = [
        checkpoint("web", "host-2", position=7, data=bytes(range(256))),
        checkpoint('we"b', "host,1\n", position=-(2**62), data=b""),
        checkpoint("", "\u00e9\U0001f600", position=2**62),
    ]
    store.save("d1", "f", kept)
    assert loaded(store) == kept
    newer = checkpoint("web", "host-2", position=9, data=b"newer")
    store.save("d1", "f", [newer])
    assert loaded(store) == [newer, *kept[1:]]


def test_a_single_series_has_one(store):
    """Its entity has no values."""
    store.save("d1", "f", [checkpoint()])
    store.save("d1", "f", [checkpoint(position=5)])
    assert loaded(store) == [checkpoint(position=5)]


def test_another_definition_finds_nothing(store):
    """Stale models are never gone on with; each entity has one, by the newest definition."""
    store.save("d1", "f", [checkpoint("a"), checkpoint("b")])
    store.save("d1", "g", [checkpoint("a", position=1)])
    assert loaded(store, fingerprint="f") == [checkpoint("b")]
    assert loaded(store, fingerprint="g") == [checkpoint("a", position=1)]
    assert loaded(store, fingerprint="h") == []


def test_detectors_do_not_see_each_other(store):
    """Counted and forgotten each for itself, whatever the definition."""
    store.save("d1", "f", [checkpoint("a"), checkpoint("b")])
    store.save("d1", "g", [checkpoint("c")])
    store.save("d2", "f", [checkpoint("a", position=2)])
    assert store.detectors() == {"d1": 3, "d2": 1}
    assert store.fingerprints() == {"d1": {"f", "g"}, "d2": {"f"}}
    store.forget("d1")
    store.forget("nobody")
    assert loaded(store) == []
    assert loaded(store, "d2") == [checkpoint("a", position=2)]
    assert store.detectors() == {"d2": 1}


def test_many_come_in_batches(store):
    """None is empty or larger than agreed; what is written meanwhile harms nobody."""
    count = 2 * CHECKPOINTS_AT_ONCE + 3
    for first in range(0, count, 400):
        some = range(first, min(first + 400, count))
        store.save("d2", "f", [checkpoint(str(number)) for number in some])
        store.save("d1", "f", [checkpoint(str(number), position=number) for number in some])
    batches = store.load("d1", "f")
    first = next(batches)
    store.save("d3", "f", [checkpoint("x")])
    sizes = [len(first)]
    seen = list(first)
    for batch in batches:
        sizes.append(len(batch))
        seen += batch
    assert sizes == [CHECKPOINTS_AT_ONCE, CHECKPOINTS_AT_ONCE, 3]
    assert [one.position for one in seen] == list(range(count))


def test_a_file_keeps_them(tmp_path):
    """Opened again, it has what was saved."""
    before = EmbeddedCheckpointStore(tmp_path)
    before.save("d1", "f", [checkpoint("a", data=b"\0model")])
    before.close()
    before.close()
    after = EmbeddedCheckpointStore(tmp_path)
    assert loaded(after) == [checkpoint("a", data=b"\0model")]
    after.close()
    only_read = EmbeddedCheckpointStore(tmp_path, read_only=True)
    assert loaded(only_read) == [checkpoint("a", data=b"\0model")]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        only_read.forget("d1")
    only_read.close()


NAMES = st.sampled_from(["d1", "d2"])
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("save"),
            NAMES,
            st.sampled_from(["f", "g"]),
            st.lists(st.sampled_from("abc"), max_size=3, unique=True),
        ),
        st.tuples(st.just("forget"), NAMES),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=50)
@given(STEPS)
def test_any_order_of_steps_gives_what_the_plain_store_gives(steps):
    """Whatever is saved and forgotten."""
    plain, store = PlainCheckpointStore(), EmbeddedCheckpointStore(None)
    for number, (what, *rest) in enumerate(steps):
        if what == "forget":
            plain.forget(*rest)
            store.forget(*rest)
            continue
        id, fingerprint, entities = rest
        kept = [checkpoint(one, position=number) for one in entities]
        plain.save(id, fingerprint, kept)
        store.save(id, fingerprint, kept)
    assert store.detectors() == plain.detectors()
    assert store.fingerprints() == plain.fingerprints()
    for id in ("d1", "d2"):
        for fingerprint in "fg":
            mine, other = (loaded(one, id, fingerprint) for one in (store, plain))
            assert mine == other
    store.close()
