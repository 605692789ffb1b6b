"""What all searches share: the body that must be there, the time it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from anomalyd.errors import MissingBody
from anomalyd.query.nodes_aggregations import SearchRequest
from anomalyd.query.parse_search import parse_search
from anomalyd.schedule.clock import Clock


def required_search(body: Mapping[str, Any] | None, *, encoded: bool = False) -> SearchRequest:
    """Parse a search body; for ``encoded`` see ``SearchRequest``.

    Raises: MissingBody for None, ParsingError and IllegalArgument for what is no search.
    """
    if body is None:
        raise MissingBody("request body or source parameter is required")
    # the documented hits always show these, whatever the body asks for
    return replace(parse_search(body), version=True, seq_no_primary_term=True, encoded=encoded)


def timed(clock: Clock, search: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Run a search and put in front of its answer how long it took, in milliseconds."""
    begun = clock.monotonic()
    answer = search()
    return {"took": round((clock.monotonic() - begun) * 1_000), **answer}
