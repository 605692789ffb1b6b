"""Documents that are asked for one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.store.base import DocumentWrite
from anomalyd.store.embedded import EmbeddedDocumentStore, kept

INDEX = ".kept"
COUNT = 300
READERS = 16


def test_many_readers_read_all_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However they come together, one of them reads all others; a change makes it happen again."""
    read_all, reads = kept.find_documents, []

    def counted(*arguments: object, **options: object) -> object:
        reads.append(None)
        return read_all(*arguments, **options)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(kept, "find_documents", counted)
    with Database() as database:
        store = EmbeddedDocumentStore(Catalogue(database))
        ids = [f"d{number}" for number in range(COUNT)]
        store.put([DocumentWrite(index=INDEX, id=id, source={"id": id}) for id in ids])
        with ThreadPoolExecutor(READERS) as readers:
            for round_ in (1, 2):
                found = list(readers.map(lambda id: store.get(INDEX, id), ids))
                assert [one and one.source for one in found] == [{"id": id} for id in ids]
                assert len(reads) == round_
                store.put([DocumentWrite(index=INDEX, id="d0", source={"id": "d0"})])
