"""The ``terms`` and ``date_histogram`` aggregations: decoded JSON to nodes."""

from __future__ import annotations

from collections.abc import Mapping

from anomalyd.errors import ParsingError
from anomalyd.query.intervals import (
    calendar_unit,
    is_calendar_unit,
    milliseconds,
    signed_milliseconds,
)
from anomalyd.query.nodes import Scalar
from anomalyd.query.nodes_aggregations import (
    Aggregation,
    DateHistogram,
    Order,
    TermsAggregation,
)
from anomalyd.query.shape import Options, as_array, as_object, as_scalar, as_text

_IGNORED = ("collect_mode", "execution_hint")


def parse_terms(
    name: str, options: Options, below: tuple[Aggregation, ...], depth: int
) -> TermsAggregation:
    """The body of a ``terms`` aggregation.

    Raises:
        ParsingError: a value is out of range or of the wrong shape.
    """
    size = options.integer("size", 10)
    if size <= 0:
        raise ParsingError(f"[size] must be greater than 0. Found [{size}] in [{name}]")
    least = options.integer("min_doc_count", 1)
    if least < 1:
        raise ParsingError(f"[min_doc_count] must be greater than 0. Found [{least}] in [{name}]")
    shard_size = options.integer("shard_size", -1)
    for key in _IGNORED:
        options.scalar(key)
    field = options.text("field")
    if not field:
        raise ParsingError("Required one of fields [field, script], but none were specified. ")
    order = _orders(options)
    if order and order[-1].path != "_key":
        order = (*order, Order(path="_key", ascending=True))
    default = TermsAggregation.order
    return TermsAggregation(
        name=name,
        field=field,
        size=size,
        min_doc_count=least,
        order=order or default,
        missing=options.scalar("missing"),
        include=_values(options, "include"),
        exclude=_values(options, "exclude"),
        shard_size=None if shard_size < 0 else shard_size,
        shard_min_doc_count=options.integer("shard_min_doc_count", 0),
        show_term_doc_count_error=options.boolean("show_term_doc_count_error", False),
        aggregations=below,
    )


def parse_date_histogram(
    name: str, options: Options, below: tuple[Aggregation, ...], depth: int
) -> DateHistogram:
    """The body of a ``date_histogram`` aggregation.

    Raises:
        ParsingError: a value is out of range or of the wrong shape.
    """
    fixed, calendar = _interval(options)
    least = options.integer("min_doc_count", 0)
    if least < 0:
        raise ParsingError(
            f"[min_doc_count] must be greater than or equal to 0. Found [{least}] in [{name}]"
        )
    field = options.text("field")
    if not field:
        raise ParsingError("Required one of fields [field, script], but none were specified. ")
    return DateHistogram(
        name=name,
        field=field,
        fixed_interval=fixed,
        calendar_interval=calendar,
        time_zone=options.text("time_zone"),
        offset=_offset(options),
        min_doc_count=least,
        order=_orders(options) or DateHistogram.order,
        format=options.text("format"),
        keyed=options.boolean("keyed", False),
        missing=options.scalar("missing"),
        extended_bounds=_extended_bounds(options),
        aggregations=below,
    )


def _interval(options: Options) -> tuple[str | None, str | None]:
    fixed = options.text("fixed_interval")
    calendar = options.text("calendar_interval")
    either = options.text("interval")  # the old spelling leaves open which of the two it is
    given = [one for one in (fixed, calendar, either) if one is not None]
    if not given:
        raise ParsingError(
            "Invalid interval specified, must be non-null and non-empty: one of "
            "[calendar_interval] and [fixed_interval] is required"
        )
    if len(given) > 1:
        raise ParsingError("Cannot use [interval] with [fixed_interval] or [calendar_interval].")
    if either is not None:
        fixed, calendar = (None, either) if is_calendar_unit(either) else (either, None)
    if calendar is not None:
        calendar_unit(calendar)
    elif fixed is not None and milliseconds(fixed, "fixed_interval") < 1:
        raise ParsingError("[fixed_interval] must be 1 or greater")
    return fixed, calendar


def _offset(options: Options) -> int:
    value = options.scalar("offset")
    if value is None:
        return 0
    if isinstance(value, str):
        return signed_milliseconds(value, "offset")
    if isinstance(value, bool) or value != int(value) or abs(value) > 2**53:
        raise ParsingError("[offset] must be a whole number of milliseconds or a time value")
    return int(value)


def _extended_bounds(options: Options) -> tuple[Scalar | None, Scalar | None] | None:
    value = options.take("extended_bounds")
    if value is None:
        return None
    bounds = Options("extended_bounds", as_object(value, options.what("extended_bounds")))
    pair = (bounds.scalar("min"), bounds.scalar("max"))
    bounds.finish()
    return pair


def _orders(options: Options) -> tuple[Order, ...]:
    value = options.take("order")
    if value is None:
        return ()
    given = value if isinstance(value, list | tuple) else [value]
    return tuple(_order(one) for one in given)


def _order(value: object) -> Order:
    item = as_object(value, "[order] failed to parse field [order]:")
    if len(item) != 1:
        raise ParsingError("Must specify exactly one field for [order]")
    path, direction = next(iter(item.items()))
    text = as_text(direction, "[order]").lower()
    if text not in ("asc", "desc"):
        raise ParsingError(f"Unknown order direction [{text[:64]}]")
    return Order(path="_key" if path == "_term" else path, ascending=text == "asc")


def _values(options: Options, key: str) -> tuple[Scalar, ...] | None:
    """Exact values; a regular expression or a partition is refused."""
    value = options.take(key)
    if value is None:
        return None
    if isinstance(value, str | Mapping):
        raise ParsingError(f"[terms] does not support [{key}] by pattern or partition")
    what = options.what(key)
    return tuple(as_scalar(one, what) for one in as_array(value, what))
