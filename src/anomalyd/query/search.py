"""Runs a search over a relation and shapes the answer as Elasticsearch does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from anomalyd.query.nodes import MatchNone
from anomalyd.query.nodes_aggregations import SearchRequest
from anomalyd.query.relation import Relation
from anomalyd.query.search_aggregations import Aggregations
from anomalyd.query.search_hits import Hits, base_score, check_window
from anomalyd.query.sql import Parameters, call, true
from anomalyd.query.statement import DOCUMENTS, Documents, select
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
    if request.size > 0:
        one_index = relation.shard_count == 1
        reader = Hits(documents, relation.resolver, parameters, now_ms, one_index=one_index)
        hits = reader.page(request, score, also)
    found: dict[str, Any] = {}
    if request.track_total_hits != -1:
        count = _known_count(request, len(hits))
        if count is None:
            counted = documents.rows(select([call("count")], DOCUMENTS), also)
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


def _known_count(request: SearchRequest, hits: int) -> int | None:
    """The number of all hits where a page that is not full has shown the last of them."""
    first_pages = request.search_after is None and (hits > 0 or request.start == 0)
    return request.start + hits if first_pages and hits < request.size else None


def _over_nothing(request: SearchRequest) -> SearchRequest:
    """The same search where there is no index: no field is known, and none is missed."""
    return replace(request, query=MatchNone(), post_filter=None, sort=(), search_after=None)


def _total(count: int, tracked: int | None) -> dict[str, Any]:
    """The number of hits, exact up to the limit that the request sets."""
    if tracked is None or count <= tracked:
        return {"value": count, "relation": "eq"}
    return {"value": tracked, "relation": "gte"}
