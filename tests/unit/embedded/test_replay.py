"""What a killed process left in the write-ahead log is there again at the next start."""

import signal
import subprocess
import sys

import pytest

from anomalyd.embedded.database import FILE_NAME, Database

KILLED = """
import os, signal, sys
from pathlib import Path
from anomalyd.embedded.database import Database
database = Database(Path(sys.argv[1]))
for statements in sys.argv[2:]:
    with database.write() as connection:
        for statement in statements.split(";"):
            connection.execute(statement)
os.kill(os.getpid(), signal.SIGKILL)
"""
TABLE = "CREATE TABLE t (a VARCHAR PRIMARY KEY, b BIGINT); INSERT INTO t VALUES ('x', 1)"


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        (["INSERT INTO t VALUES ('y', 2)"], [("x", 1), ("y", 2)]),
        (["ALTER TABLE t ADD COLUMN c DOUBLE"], [("x", 1, None)]),
        (["ALTER TABLE t ALTER b TYPE BIGINT[] USING [b]"], [("x", [1])]),
        (
            ["CREATE TABLE other (c VARCHAR[]); UPDATE t SET b = 3; INSERT INTO other VALUES ([])"],
            [("x", 3)],
        ),
        (["DELETE FROM t; INSERT INTO t VALUES ('x', 4)", "UPDATE t SET b = 5"], [("x", 5)]),
    ],
    ids=["insert", "new column", "column becomes a list", "table and update", "replace"],
)
def test_committed_changes_survive_a_kill(tmp_path, changes, rows):
    """Whatever kind of change was the last: the database opens, twice, and has it."""
    path = tmp_path / "it's here" / FILE_NAME
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), TABLE, *changes])
    assert killed.returncode == -signal.SIGKILL
    for _ in range(2):
        with Database(path) as database, database.read() as cursor:
            assert cursor.execute("SELECT * FROM t ORDER BY a").fetchall() == rows
