"""Results are read fast; that must not show in what is read."""

import dataclasses

import numpy as np
import orjson

from anomalyd.query.parse import parse_query
from anomalyd.query.parse_search import parse_search
from tests.contract.stores import RESULTS
from tests.contract.test_result_store import batch, top


def test_anomalies_are_found_whatever_became_of_results(stores):
    """A search for grades above zero gives what a search for all gives, after every change."""

    def check(expected):
        everything = stores.found(sort=[{"_seq_no": "asc"}], size=100)
        wanted = [hit for hit in everything if hit["_source"]["anomaly_grade"] > 0]
        above = {"range": {"anomaly_grade": {"gt": 0}}}
        found = stores.found({"bool": {"filter": [above]}}, sort=[{"_seq_no": "asc"}], size=100)
        assert found == wanted
        assert [hit["_source"]["anomaly_grade"] for hit in found] == expected
        grades = sorted(one.max_anomaly_grade for one in top(stores, task_id=None))
        assert grades == sorted(expected)

    def rows(*grades):
        hosts = tuple("abcdef"[: len(grades)])
        return batch(rows=1, hosts=hosts, grade=np.array(grades), task_id=None)

    stores.results.record(rows(0.0, 0.5, 0.0, 0.25))
    check([0.5, 0.25])
    stores.results.record(rows(0.75, 0.0, 0.0, 0.125))
    check([0.75, 0.125])
    late = rows(0.75, 1.0, 0.0, 0.0)
    values = late.feature_values + 1
    stores.results.revise(dataclasses.replace(late, feature_values=values), [RESULTS])
    check([0.75, 1.0])
    host = {"path": "entity", "query": {"term": {"entity.value": "a"}}}
    query = parse_query({"nested": host})
    assert stores.results.delete_matching([RESULTS], query, now=0) == 1
    check([1.0])
    stores.results.delete_matching([RESULTS], parse_query({"match_all": {}}), now=0)
    check([])


def test_documents_that_come_as_json_say_the_same(stores):
    """Read for the first time and again, whole and in parts, numbers of all sizes."""
    values = np.array([[0.1, 1e300], [5e-324, -0.0], [1 / 3, 123456789.123]])
    stores.results.record(batch(hosts=('\u00e9"\\',), feature_values=values))
    for wanted in (True, ["entity*"], False):
        request = parse_search({"query": {"match_all": {}}, "_source": wanted})
        encoded = dataclasses.replace(request, encoded=True)
        asked = (encoded, request, encoded)
        answers = [stores.results.search([RESULTS], one, now=0) for one in asked]
        assert len({orjson.dumps(answer) for answer in answers}) == 1
        assert len(orjson.loads(orjson.dumps(answers[0]))["hits"]["hits"]) == 3
