"""An empty database in memory, and the indices in it."""

import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.source.embedded import EmbeddedIndices


@pytest.fixture
def database():
    with Database() as opened:
        yield opened


@pytest.fixture
def catalogue(database):
    return Catalogue(database)


@pytest.fixture
def indices(catalogue):
    return EmbeddedIndices(catalogue, ids=CountedIds(bytes), now=lambda: 0)
