"""Readers and writers at the same time."""

import threading

import orjson

from anomalyd.query.nodes import MatchAll
from anomalyd.query.nodes_aggregations import Sum
from anomalyd.source.base import Selection, WindowQuery
from anomalyd.source.embedded import EmbeddedSource

QUERY = WindowQuery(
    selection=Selection(indices=("logs*",), time_field="t", filter=MatchAll()),
    features=(Sum(name="s", field="v"),),
    start=0,
    end=1000,
    interval=1000,
)
REQUESTS = 40


class Crowd:
    """Threads that run until the writer is done; what goes wrong in any of them is kept."""

    def __init__(self, indices, source):
        self.indices = indices
        self.source = source
        self.done = threading.Event()
        self.problems = []

    def run(self, *works):
        threads = [threading.Thread(target=self.guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    def guarded(self, work):
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.problems.append(error)
            self.done.set()

    def write(self):
        for number in range(REQUESTS):
            body = b"".join(self.lines(number, value) for value in (1, 2, 3))
            assert not self.indices.bulk(body, default_index="logs").errors
        self.done.set()

    @staticmethod
    def lines(number, value):
        # new fields, and fields that become lists
        many = [value] * (1 + number % 2)
        document = {"t": number, "v": value, f"f{number}": "x", f"g{number // 2}": many}
        return b'{"index":{}}\n' + orjson.dumps(document) + b"\n"

    def come_and_go(self):
        while not self.done.is_set():
            self.indices.create_index(
                "logs-2", {"mappings": {"properties": {"v": {"type": "double"}}}}
            )
            self.indices.delete_index(["logs-2"])

    def read(self):
        while not self.done.is_set():
            sums, counts = self.sums()
            assert sums == [2.0 * count for count in counts]

    def sums(self):
        rows = self.source.feature_rows(QUERY)
        return rows.values[:, 0].tolist(), rows.doc_count.tolist()


def test_readers_see_whole_requests_while_fields_and_indices_come_and_go(indices, catalogue):
    """Every request adds three documents of a sum of six; a reader never sees a part of one."""
    indices.create_index("logs", {"mappings": {"properties": {"t": {"type": "date"}}}})
    crowd = Crowd(indices, EmbeddedSource(catalogue, now=lambda: 0))
    crowd.run(crowd.write, crowd.come_and_go, crowd.read, crowd.read)
    assert crowd.problems == []
    assert crowd.sums() == ([REQUESTS * 6.0], [REQUESTS * 3])
