"""Queries of detectors in the form that documents show: parsed once, rendered with defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anomalyd.errors import ParsingError
from anomalyd.query.nodes_aggregations import Aggregation, FilterAggregation, Metric
from anomalyd.query.parse import parse_filter
from anomalyd.query.parse_aggregations import parse_feature
from anomalyd.query.render import render_query
from anomalyd.query.render_aggregations import render_aggregations


class ParsedQueries:
    """Normalises queries by parsing and rendering them; the detector parser's ``queries``."""

    def filter_query(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        """Normalise a filter query. Raises: ParsingError, IllegalArgument."""
        return render_query(parse_filter(query))

    def aggregation_query(self, aggregation: Mapping[str, Any]) -> Mapping[str, Any]:
        """Normalise a feature's aggregation: the first one, as the reference runs it.

        Raises: ParsingError when it does not give one number (behaviour §4), IllegalArgument.
        """
        parsed = parse_feature(aggregation)
        if not _gives_one_number(parsed):
            raise ParsingError(f"Failed to parse aggregation [{parsed.name}]: not a single number")
        return render_aggregations([parsed])


def _gives_one_number(aggregation: Aggregation) -> bool:
    if isinstance(aggregation, FilterAggregation):
        below = aggregation.aggregations
        return len(below) == 1 and _gives_one_number(below[0])
    return isinstance(aggregation, Metric)
