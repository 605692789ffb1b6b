"""Fixtures of the contract tests."""

import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from tests.contract.stores import Stores


@pytest.fixture(params=["memory", "file"])
def stores(request, tmp_path):
    """Every implementation of the stores there is."""
    path = None if request.param == "memory" else tmp_path / "data.duckdb"
    with Database(path) as database:
        yield Stores(Catalogue(database))
