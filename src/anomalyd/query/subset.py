"""What a query says about every document that it matches."""

from __future__ import annotations

from anomalyd.query.nodes import Bool, Query, Range


def only_above_zero(query: Query | None, field: str) -> bool:
    """Tell whether all that a query matches has a value above zero in a field of numbers.

    False where that cannot be seen at a glance.
    """
    if isinstance(query, Range) and query.field == field:
        lower = query.lower
        if not isinstance(lower, int | float) or isinstance(lower, bool):
            return False
        return lower > 0 or (lower == 0 and not query.include_lower)
    if isinstance(query, Bool):
        return any(only_above_zero(one, field) for one in (*query.must, *query.filter))
    return False
