"""Connections, transactions and what a crash leaves behind."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from anomalyd.cancellation import Cancellation, working_for
from anomalyd.embedded.database import Database, quote
from anomalyd.errors import CorruptState, SourceUnavailable


def count(database):
    with database.read() as cursor:
        return cursor.execute("SELECT count(*) FROM t").fetchone()[0]


def test_a_failed_transaction_leaves_nothing(database):
    """All of it or nothing, also when the error is not ours."""
    with database.write() as connection:
        connection.execute("CREATE TABLE t (x BIGINT)")

    def interrupted():
        with database.write() as connection:
            connection.execute("INSERT INTO t VALUES (1)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert count(database) == 0


def test_nested_writes_are_one_transaction(database):
    """The inner one's end commits nothing."""
    with database.write() as connection:
        connection.execute("CREATE TABLE t (x BIGINT)")

    def failing_after_the_inner_one():
        with database.write():
            with database.write() as connection:
                connection.execute("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_after_the_inner_one()
    assert count(database) == 0


def test_readers_keep_their_snapshot_while_others_write(database):
    """What is committed after a reader has started does not show in it."""
    with database.write() as connection:
        connection.execute("CREATE TABLE t (x BIGINT)")
    with database.read() as cursor:
        assert cursor.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with database.write() as connection:
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute("ALTER TABLE t ADD COLUMN y BIGINT")
        assert cursor.execute("SELECT * FROM t").fetchall() == []
    assert count(database) == 1


def test_writers_of_many_threads_wait_for_each_other(database):
    """No lost update and no error among eight writers."""
    with database.write() as connection:
        connection.execute("CREATE TABLE t (x BIGINT)")
        connection.execute("INSERT INTO t VALUES (0)")

    def add():
        for _ in range(10):
            with database.write() as connection:
                [(x,)] = connection.execute("SELECT x FROM t").fetchall()
                connection.execute("UPDATE t SET x = ?", [x + 1])

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as cursor:
        assert cursor.execute("SELECT x FROM t").fetchone() == (80,)


def test_object_arrays_are_text_whatever_they_hold(database):
    """Types never depend on the data: texts that look like numbers stay texts."""
    values = np.empty(3, dtype=object)
    values[:] = ["1", None, "x\x00y"]
    with database.write() as connection:
        connection.register("v", {"x": values})
        rows = connection.execute("SELECT x, typeof(x) FROM v").fetchall()
    assert rows == [("1", "VARCHAR"), (None, "VARCHAR"), ("x\x00y", "VARCHAR")]


def test_quoted_identifiers_stand_for_exactly_their_text(database):
    """Quotes in a name do not end it."""
    name = 'a"; DROP TABLE t; --'
    with database.write() as connection:
        connection.execute(f"CREATE TABLE t ({quote(name)} BIGINT)")
        [(column, *_)] = connection.execute("DESCRIBE t").fetchall()
    assert column == name


def test_closing_twice_is_fine_and_later_use_says_so():
    """A closed database is unavailable, not a crash."""
    database = Database()
    database.close()
    database.close()
    with pytest.raises(SourceUnavailable, match="closed"), database.read():
        pass
    with pytest.raises(SourceUnavailable, match="closed"), database.write():
        pass


def test_a_second_process_gets_a_clear_error(tmp_path):
    """The message names the directory."""
    path = tmp_path / "data" / "x.duckdb"
    script = (
        "import sys, pathlib\n"
        "from anomalyd.embedded.database import Database\n"
        "from anomalyd.errors import SourceUnavailable\n"
        "try:\n    Database(pathlib.Path(sys.argv[1]))\n"
        "except SourceUnavailable as error:\n    print(error.reason)\n"
    )
    with Database(path):
        answer = run(script, path)
    assert answer.stdout.strip() == (
        f"the data directory [{path.parent}] is in use by another process"
    )


def test_a_file_of_something_else_is_refused(tmp_path):
    """Not overwritten, and named."""
    path = tmp_path / "x.duckdb"
    path.write_bytes(b"something else entirely" * 1000)
    with pytest.raises(CorruptState, match=r"x\.duckdb"):
        Database(path)
    assert path.read_bytes().startswith(b"something else")


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    source = Path(__file__).parents[3] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )


KILLED = """
import os, pathlib, signal, sys
from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.source.embedded import EmbeddedIndices

indices = EmbeddedIndices(
    Catalogue(Database(pathlib.Path(sys.argv[1]))), ids=CountedIds(bytes), now=lambda: 0
)
for number in range(1000):
    # requests add fields and turn fields into lists: table and catalogue change together
    value = [number, number][: 1 + number // 20 % 2]
    body = '{"index":{"_id":"%d"}}\\n{"n":%d,"f%d":[1,2],"g%d":%s}\\n' % (
        number, number, number % 40, number % 7, value
    )
    indices.bulk(body.encode(), default_index="logs")
    print(number, flush=True)
    if number == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("last", [0, 37, 90])
def test_a_killed_process_loses_nothing_that_it_reported(tmp_path, last):
    """After kill -9 the database opens, and holds what was acknowledged, mapping included."""
    from anomalyd.embedded.catalogue import Catalogue
    from anomalyd.embedded.identifiers import CountedIds
    from anomalyd.source.embedded import EmbeddedIndices

    path = tmp_path / "x.duckdb"
    killed = run(KILLED, path, last)
    assert killed.returncode == -9, killed.stderr
    with Database(path) as database:
        indices = EmbeddedIndices(Catalogue(database), ids=CountedIds(bytes), now=lambda: 0)
        assert indices.count(["logs"], None) == last + 1
        assert indices.count(["logs"], {"term": {f"f{last % 40}": 2}}) == last // 40 + 1
        assert indices.count(["logs"], {"term": {f"g{last % 7}": last}}) == 1
        item = indices.index_document("logs", b'{"n": 5, "new": true}')
        assert item.seq_no == last + 1


def test_a_scan_ends_when_its_caller_goes(database):
    """In the middle of a statement; what would begin afterwards is refused."""
    caller = Cancellation()

    def scan():
        with working_for(caller), database.read() as cursor:
            begun.set()
            cursor.execute(
                "SELECT sum(sqrt(a.range + b.range)) FROM range(1000000) a, range(1000000) b"
            )

    begun = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        scanning = pool.submit(scan)
        assert begun.wait(10)
        while not scanning.done():
            caller.cancel()
            time.sleep(0.01)
        assert isinstance(scanning.exception(), SourceUnavailable)
    with working_for(caller), pytest.raises(SourceUnavailable), database.read():
        pass
    with database.read() as cursor:
        assert cursor.execute("SELECT 1").fetchone() == (1,)
