"""Runs a search over a relation and shapes the answer as Elasticsearch does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from anomalyd.query.nodes import MatchNone
from anomalyd.query.nodes_aggregations import SearchRequest
from anomalyd.query.relation import Relation
from anomalyd.query.search_aggregations import Aggregations
from anomalyd.query.search_hits import Hits, base_score, check_window
from anomalyd.query.sql import Parameters, call, number, true
from anomalyd.query.statement import DOCUMENTS, Documents, limited, select
from anomalyd.query.to_sql import QueryCompiler


def search(relation: Relation, request: SearchRequest, *, now_ms: int) -> dict[str, Any]:
    """The answer to a search, but for ``took``, which the caller knows.

    Scores are constant: 0.0 for queries that only filter, else the boost. All documents are
    read, none is left out, so ``timed_out`` is false.

    Args:
        relation: the documents.
        request: what is asked for.
        now_ms: what ``now`` is in dates, in milliseconds since the epoch.

    Raises:
        InvalidRequest: the page lies too deep, a value does not fit its field, a field cannot be
            sorted or aggregated by.
    """
    check_window(request)
    if relation.shard_count == 0:
        request = _over_nothing(request)
    parameters = Parameters("p")
    compiler = QueryCompiler(relation.resolver, parameters, now_ms)
    condition = true() if request.query is None else compiler.compile(request.query)
    also = None if request.post_filter is None else compiler.compile(request.post_filter)
    documents = Documents(relation, parameters, condition)
    score = base_score(request.query)
    hits: list[dict[str, Any]] = []
    count: int | None = None
    if request.size > 0:
        one_index = relation.shard_count == 1
        reader = Hits(documents, relation.resolver, parameters, now_ms, one_index=one_index)
        hits, count = reader.page(request, score, also)
    found: dict[str, Any] = {}
    if request.track_total_hits != -1:
        if count is None:
            counted = documents.rows(_counting(request.track_total_hits), also)
            count = int(str(counted[0][0]))
        found["total"] = _total(count, request.track_total_hits)
    # the score as the hits show it; null without hits and where sorting made it needless
    found["max_score"] = hits[0]["_score"] if hits else None
    found["hits"] = hits
    shards = relation.shard_count
    answer: dict[str, Any] = {
        "timed_out": False,
        "_shards": {"total": shards, "successful": shards, "skipped": 0, "failed": 0},
        "hits": found,
    }
    if request.aggregations:
        run = Aggregations(documents, relation.resolver, parameters, now_ms)
        answer["aggregations"] = run.compute(request.aggregations)
    return answer


def _counting(most: int | None) -> exp.Select:
    """Return the statement that counts; where only so many are asked for, it stops beyond them."""
    if most is None:
        return select([call("count")], DOCUMENTS)
    return select([call("count")], limited(select([number(1)], DOCUMENTS), most + 1))


def _over_nothing(request: SearchRequest) -> SearchRequest:
    """The same search where there is no index: no field is known, and none is missed."""
    return replace(request, query=MatchNone(), post_filter=None, sort=(), search_after=None)


def _total(count: int, tracked: int | None) -> dict[str, Any]:
    """The number of hits, exact up to the limit that the request sets."""
    if tracked is None or count <= tracked:
        return {"value": count, "relation": "eq"}
    return {"value": tracked, "relation": "gte"}
