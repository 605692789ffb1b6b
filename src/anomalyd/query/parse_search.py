"""The body of ``_search``: decoded JSON to a ``SearchRequest``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anomalyd.errors import IllegalArgument, ParsingError
from anomalyd.query.nodes import Scalar
from anomalyd.query.nodes_aggregations import (
    Missing,
    SearchRequest,
    Sort,
    SourceFilter,
)
from anomalyd.query.parse import parse_query
from anomalyd.query.parse_aggregations import parse_aggregations
from anomalyd.query.shape import (
    Options,
    as_array,
    as_boolean,
    as_integer,
    as_scalar,
    as_text,
    token,
)

MAX_SORTS = 32


def parse_search(value: object) -> SearchRequest:
    """The search that a request body asks for; None and ``{}`` ask for the first ten documents.

    Raises:
        ParsingError: a key or a value is unknown or of the wrong shape.
        IllegalArgument: a number is out of range.
    """
    if value is None:
        return SearchRequest()
    if not isinstance(value, Mapping):
        raise ParsingError(f"Expected [START_OBJECT] but found [{token(value)}]")
    arguments: dict[str, Any] = {}
    for key, item in value.items():
        reader = _READERS.get(key)
        if reader is None or token(item) not in reader[1]:
            raise ParsingError(f"Unknown key for a {token(item)} in [{key[:256]}].")
        if item is not None:
            name, _, read = reader
            arguments[name] = read(item)
    arguments.pop("ignored", None)
    return SearchRequest(**arguments)


def _page(key: str) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = as_integer(value, f"[{key}]")
        if number < 0:
            raise IllegalArgument(f"[{key}] parameter cannot be negative, found [{number}]")
        return number

    return read


def _flag(key: str) -> Callable[[object], bool]:
    return lambda value: as_boolean(value, f"[{key}]")


def _never(key: str) -> Callable[[object], None]:
    """Reads a flag that only changes something when it is set, which is not supported."""

    def read(value: object) -> None:
        if as_boolean(value, f"[{key}]"):
            raise ParsingError(f"[{key}] is not supported")

    return read


def _track_total_hits(value: object) -> int | None:
    if value in ("true", "false") or isinstance(value, bool):
        return None if as_boolean(value, "[track_total_hits]") else -1
    number = as_integer(value, "[track_total_hits]")
    if number < -1:
        raise IllegalArgument(
            f"[track_total_hits] parameter must be positive or equals to -1, got {number}"
        )
    return number


def _source(value: object) -> SourceFilter:
    if isinstance(value, Mapping):
        options = Options("_source", value, unknown="Unknown key for a VALUE in [{}].")
        found = SourceFilter(
            includes=_patterns(options.take("includes", "include")),
            excludes=_patterns(options.take("excludes", "exclude")),
        )
        options.finish()
        return found
    if value in ("true", "false") or isinstance(value, bool):
        return SourceFilter(enabled=as_boolean(value, "[_source]"))
    return SourceFilter(includes=_patterns(value))


def _patterns(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    given = [value] if isinstance(value, str) else as_array(value, "[_source]")
    return tuple(as_text(one, "[_source]") for one in given)


def _sorts(value: object) -> tuple[Sort, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    if len(given) > MAX_SORTS:
        raise ParsingError(f"[sort] has more than [{MAX_SORTS}] criteria")
    return tuple(sort for one in given for sort in _sort(one))


def _sort(value: object) -> list[Sort]:
    if isinstance(value, str):
        return [Sort(field=as_text(value, "[sort]"), ascending=value != "_score")]
    if not isinstance(value, Mapping):
        raise ParsingError(
            f"malformed sort format, expected a field name or an object but found [{token(value)}]"
        )
    return [_field_sort(field, body) for field, body in value.items()]


def _field_sort(field: str, body: object) -> Sort:
    if field in ("_script", "_geo_distance"):
        raise ParsingError(f"[sort] does not support [{field}]")
    if not isinstance(body, Mapping):
        body = {"order": body}
    options = Options("field_sort", body, unknown="[field_sort] unknown field [{}]")
    order = options.text("order")
    if order is None:
        order = "desc" if field == "_score" else "asc"
    if order.lower() not in ("asc", "desc"):
        raise ParsingError(f"[field_sort] failed to parse field [order]: [{order[:64]}]")
    mode = options.text("mode")
    if mode not in (None, "min", "max"):
        raise ParsingError(f"[field_sort] does not support [mode] [{mode[:64]}]")
    missing = options.scalar("missing")
    sort = Sort(
        field=field,
        ascending=order.lower() == "asc",
        missing=_MISSING.get(missing, missing) if missing is not None else Missing.LAST,
        mode=mode,
        unmapped_type=options.text("unmapped_type"),
    )
    options.only("format", ("epoch_millis",))
    options.finish()
    return sort


_MISSING: Mapping[Scalar, Missing] = {one.value: one for one in Missing}


def _search_after(value: object) -> tuple[Scalar | None, ...]:
    given = as_array(value, "[search_after]")
    if not given:
        raise ParsingError("Values must contains at least one value.")
    return tuple(None if one is None else as_scalar(one, "[search_after]") for one in given)


_SCALAR = ("VALUE_NUMBER", "VALUE_STRING", "VALUE_BOOLEAN", "VALUE_NULL")
_NUMBER = ("VALUE_NUMBER", "VALUE_STRING", "VALUE_NULL")
_OBJECT = ("START_OBJECT", "VALUE_NULL")
_ANY = (*_SCALAR, "START_OBJECT", "START_ARRAY")

_READERS: Mapping[str, tuple[str, tuple[str, ...], Callable[[object], object]]] = {
    "query": ("query", _OBJECT, parse_query),
    "post_filter": ("post_filter", _OBJECT, parse_query),
    "aggs": ("aggregations", _OBJECT, parse_aggregations),
    "aggregations": ("aggregations", _OBJECT, parse_aggregations),
    "from": ("start", _NUMBER, _page("from")),
    "size": ("size", _NUMBER, _page("size")),
    "sort": ("sort", _ANY, _sorts),
    "search_after": ("search_after", ("START_ARRAY",), _search_after),
    "_source": ("source", _ANY, _source),
    "track_total_hits": ("track_total_hits", _SCALAR, _track_total_hits),
    "track_scores": ("track_scores", _SCALAR, _flag("track_scores")),
    "version": ("version", _SCALAR, _flag("version")),
    "seq_no_primary_term": ("seq_no_primary_term", _SCALAR, _flag("seq_no_primary_term")),
    "explain": ("ignored", _SCALAR, _never("explain")),
    "profile": ("ignored", _SCALAR, _never("profile")),
    # searches end by themselves; how long one may take is the caller's deadline
    "timeout": ("ignored", _SCALAR, lambda value: as_text(value, "[timeout]")),
}
