"""Reading without a snapshot where nothing was written meanwhile: the same answers as with one."""

import threading
from contextlib import contextmanager

import pytest

from anomalyd.embedded.catalogue import Catalogue
from anomalyd.embedded.database import Database
from anomalyd.embedded.identifiers import CountedIds
from anomalyd.errors import IndexNotFound, SourceUnavailable
from anomalyd.source.embedded import EmbeddedIndices


class Counting:
    """Work that counts the documents of indices, one statement each, and notes how often.

    Args:
        between: called after the first statement of the first time.
    """

    def __init__(self, *names, between=lambda: None):
        self.names = names
        self.between = between
        self.times = 0

    def __call__(self, session):
        self.times += 1
        counts = []
        for state in session.matching(self.names):
            [(count,)] = session.cursor.execute(f"SELECT count(*) FROM {state.table}").fetchall()
            counts.append(count)
            if self.times == 1 and len(counts) == 1:
                self.between()
        return counts


def add(indices, *names):
    for name in names:
        indices.index_document(name, b'{"x":1}')


def test_what_was_written_before_is_seen_at_once(catalogue, indices):
    """Documents, and indices that are new or gone."""
    for number in range(1, 4):
        add(indices, "a")
        work = Counting("a")
        assert catalogue.reading(work) == [number]
        assert work.times == 1
    indices.delete_index(["a"])
    with pytest.raises(IndexNotFound):
        catalogue.reading(Counting("a"))


def test_what_is_read_in_several_statements_belongs_together(catalogue, indices):
    """A commit between two of them: the work is done again."""
    add(indices, "a", "b")
    work = Counting("a", "b", between=lambda: add(indices, "b", "a"))
    assert catalogue.reading(work) == [2, 2]
    assert work.times == 2


def test_the_second_time_nothing_disturbs(catalogue, indices):
    """It has a snapshot, whatever is written."""
    add(indices, "a", "b")

    def work(session):
        return Counting("a", "b", between=lambda: add(indices, "b"))(session)

    assert catalogue.reading(work) == [1, 2]


def test_a_commit_below_the_catalogue_counts_too(catalogue, database):
    """Tables of others lie in the same database."""
    with database.write() as connection:
        connection.execute("CREATE TABLE t (x BIGINT)")
    seen = []

    def work(session):
        seen.append(session.cursor.execute("SELECT count(*) FROM t").fetchone()[0])
        if len(seen) == 1:
            with database.write() as connection:
                connection.execute("INSERT INTO t VALUES (1)")
        return seen[-1]

    assert catalogue.reading(work) == 1
    assert seen == [0, 1]


def test_while_somebody_writes_there_is_a_snapshot_at_once(catalogue, indices):
    """What is not committed yet is not seen, and the work is done once."""
    add(indices, "a")
    work = Counting("a")
    with catalogue.write() as session:
        session.connection.execute(f"DELETE FROM {session.get('a').table}")
        thread = threading.Thread(target=lambda: found.append(catalogue.reading(work)))
        found = []
        thread.start()
        thread.join(30)
    assert found == [[1]]
    assert work.times == 1
    assert catalogue.reading(work) == [0]


def test_a_commit_that_memory_does_not_know_of_yet_is_seen(catalogue, indices, database):
    """Between the commit and the new catalogue in memory, readers read the one on disk."""
    found = []
    write = database.write

    @contextmanager
    def slowly():
        with write() as connection:
            yield connection
        found.append(catalogue.reading(Counting("new")))

    database.write = slowly
    add(indices, "new")
    assert found[-1] == [1]


def test_an_error_counts_unless_something_was_written(catalogue, indices):
    """An index that goes while it is read is not there; any other error is the work's own."""
    add(indices, "a", "b")
    work = Counting("a", "b", between=lambda: indices.delete_index(["b"]))
    with pytest.raises(IndexNotFound):
        catalogue.reading(work)
    assert work.times == 2

    def failing(session):
        failed.append(session)
        raise ZeroDivisionError

    failed = []
    with pytest.raises(ZeroDivisionError):
        catalogue.reading(failing)
    assert len(failed) == 1


def test_many_readers_beside_a_writer_never_see_half_of_a_transaction(catalogue):
    """Two tables that each transaction changes alike always look alike."""
    with catalogue.write() as session:
        session.connection.execute("CREATE TABLE one (x BIGINT)")
        session.connection.execute("CREATE TABLE two (x BIGINT)")
    done, problems = threading.Event(), []

    def look(session):
        return [
            session.cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("one", "two")
        ]

    def read():
        last = 0
        while not done.is_set():
            first, second = catalogue.reading(look)
            if first != second or first < last:
                problems.append((last, first, second))
            last = first

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 101):
        with catalogue.write() as session:
            session.connection.execute("INSERT INTO one VALUES (1)")
            session.connection.execute("INSERT INTO two VALUES (1)")
        if catalogue.reading(look) != [number, number]:
            problems.append(number)
    done.set()
    for reader in readers:
        reader.join(30)
    assert problems == []


def test_a_closed_database_says_so(catalogue, database):
    """As with a snapshot."""
    database.close()
    with pytest.raises(SourceUnavailable, match="closed"):
        catalogue.reading(Counting())


def test_a_file_that_is_only_read_is_read_the_same_way(tmp_path):
    """The catalogue is that of the file."""
    path = tmp_path / "d.duckdb"
    with Database(path) as database:
        add(EmbeddedIndices(Catalogue(database), ids=CountedIds(bytes), now=lambda: 0), "a")
    with Database(path, read_only=True) as database:
        assert Catalogue(database).reading(Counting("a")) == [1]
