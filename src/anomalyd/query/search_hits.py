"""The hits of a search: sorted, paged, with the parts of the documents that were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from anomalyd.errors import IllegalArgument
from anomalyd.query.fields import FieldKind, FieldResolver
from anomalyd.query.nodes import Bool, MatchAll, Query, Scalar
from anomalyd.query.nodes_aggregations import Missing, SearchRequest, Sort, SourceFilter
from anomalyd.query.source_filter import SourceSelector
from anomalyd.query.sql import (
    Parameters,
    Reached,
    both,
    call,
    compare,
    either,
    false,
    negated,
    number,
    own_column,
    reach,
    text,
    true,
)
from anomalyd.query.statement import (
    DOCUMENTS,
    Documents,
    alias,
    identifier,
    limited,
    select,
)
from anomalyd.query.to_sql_aggregations import field_value, text_refused

MAX_RESULT_WINDOW = 10_000
BEYOND = 200
"""Rows read beyond a page: a scan that counts costs as much as the search of a few hits."""
LONG_PAGE = 500
"""Rows from which on a page is cut out by its first sort value before it is sorted."""
_PRIMARY_TERM = 1
_WHOLE_NUMBERS = (FieldKind.LONG, FieldKind.DATE, FieldKind.BOOLEAN)
FIXED = ("_index", "_id", "_version", "_seq_no")
_EXTREMES: Mapping[FieldKind, tuple[object, object]] = {
    FieldKind.LONG: (-(2**63), 2**63 - 1),
    FieldKind.DATE: (-(2**63), 2**63 - 1),
    FieldKind.BOOLEAN: (-(2**63), 2**63 - 1),
    FieldKind.DOUBLE: ("-Infinity", "Infinity"),
}
"""What Elasticsearch shows as sort value of a document without one: lowest and highest."""


def check_window(request: SearchRequest) -> None:
    """Refuses pages that lie too deep.

    Raises:
        IllegalArgument: the page ends beyond ``MAX_RESULT_WINDOW``, or search_after is misused.
    """
    end = request.start + request.size
    if end > MAX_RESULT_WINDOW:
        raise IllegalArgument(
            "Result window is too large, from + size must be less than or equal to: "
            f"[{MAX_RESULT_WINDOW}] but was [{end}]. See the scroll api for a more efficient way "
            "to request large data sets. This limit can be set by changing the "
            "[index.max_result_window] index level setting."
        )
    if request.search_after is None:
        return
    if not request.sort:
        raise IllegalArgument("Sort must contain at least one field.")
    if request.start > 0:
        raise IllegalArgument("`from` parameter must be set to 0 when `search_after` is used.")
    if len(request.search_after) != len(request.sort):
        raise IllegalArgument(
            f"search_after has {len(request.search_after)} value(s) but sort has "
            f"{len(request.sort)}."
        )


def base_score(query: Query | None) -> float:
    """The score of every hit: constant, since anomalyd does not rank.

    A query that only filters gives 0.0, everything else its boost (the API document's examples).
    """
    if query is None or isinstance(query, MatchAll):
        return 1.0 if query is None else query.boost
    if isinstance(query, Bool):
        if not (query.must or query.filter or query.must_not or query.should):
            return query.boost
        inner = [base_score(one) for one in (*query.must, *query.should)]
        return query.boost * max(inner, default=0.0)
    return query.boost


@dataclass(frozen=True)
class _Key:
    """One sort criterion as an expression over the documents.

    Attributes:
        sort: what the request says.
        kind: of the values; None for what every document has the same (``_score``, unknown).
        expression: the value to sort by.
        constant: the value shown, where ``kind`` is None.
    """

    sort: Sort
    kind: FieldKind | None
    expression: exp.Expression
    constant: object = None

    @property
    def nulls_first(self) -> bool:
        """Where documents without a value go."""
        return self.sort.missing is Missing.FIRST

    @property
    def may_bound(self) -> bool:
        """Whether a bound leaves documents out: whole numbers, and no missing ones in front."""
        return self.kind in _WHOLE_NUMBERS and not self.nulls_first

    def extreme(self) -> object:
        """The sort value shown for a document without one."""
        if self.kind is None or self.kind not in _EXTREMES:
            return None
        lowest, highest = _EXTREMES[self.kind]
        return highest if self.sort.ascending != self.nulls_first else lowest

    def shown(self, value: object) -> object:
        """The sort value of a hit."""
        if self.kind is None:
            return self.constant
        return self.extreme() if value is None else value


class Hits:
    """Reads pages of hits.

    Args:
        documents: those that match.
        resolver: their fields.
        parameters: receive the values.
        now_ms: what ``now`` is in dates.
        one_index: all documents are of one index, so that their sequence numbers differ.
    """

    def __init__(
        self,
        documents: Documents,
        resolver: FieldResolver,
        parameters: Parameters,
        now_ms: int,
        *,
        one_index: bool,
    ) -> None:
        self._documents = documents
        self._resolver = resolver
        self._one_index = one_index
        self._parameters = parameters
        self._now_ms = now_ms

    def page(
        self, request: SearchRequest, score: float, also: exp.Expression | None
    ) -> tuple[list[dict[str, Any]], int | None]:
        """The hits of the request's page, and the number of all hits where the page tells it.

        Args:
            request: sort, page and what to show.
            score: of every hit.
            also: a further condition (``post_filter``).

        Raises:
            InvalidRequest: a sort field is unknown or cannot be sorted by.
        """
        keys = [self._key(sort, score) for sort in request.sort]
        rows, count = self._found(request, keys, also)
        sources = self._sources(rows, request)
        shows_score = not keys or request.track_scores or _by_score(keys)
        hits = []
        for index, document_id, version, seq_no, *values in rows:
            hit: dict[str, Any] = {"_index": index, "_id": document_id}
            if request.version:
                hit["_version"] = version
            if request.seq_no_primary_term:
                hit |= {"_seq_no": seq_no, "_primary_term": _PRIMARY_TERM}
            hit["_score"] = score if shows_score else None
            if request.source.enabled:
                hit["_source"] = sources[index, seq_no]
            if keys:
                hit["sort"] = [key.shown(value) for key, value in zip(keys, values, strict=True)]
            hits.append(hit)
        return hits, count

    def _found(
        self, request: SearchRequest, keys: Sequence[_Key], also: exp.Expression | None
    ) -> tuple[list[tuple[Any, ...]], int | None]:
        """The fixed columns and the sort values of the page's documents; the count if known.

        Reads some rows beyond the page: where they are the last ones, nobody has to count.
        """
        wants_count = request.track_total_hits != -1 and request.search_after is None
        most = request.size + (BEYOND if wants_count else 0)
        beyond, count = None, None
        if request.search_after is not None:
            beyond = self._after(keys, request.search_after)
        elif request.start + most >= LONG_PAGE and keys and keys[0].may_bound:
            end = request.start + request.size
            guess, count = self._guessed_end(keys[0], end, also)
            if guess is not None:
                found = self._documents.rows(self._within(keys, guess, 2 * end + 1), also)
                if min(end, count) <= len(found) <= 2 * end:
                    return found[request.start : end], count
            beyond, most = self._end(keys[0], end, also), request.size
        inner = self._sortable(keys)
        if beyond is not None:
            inner = inner.where(beyond, copy=False)
        statement = self._ordered(inner, keys)
        # As literals, which parsing has checked to be whole numbers: with a parameter here DuckDB
        # sorts everything instead of keeping the page.
        statement = statement.limit(number(most), copy=False)
        statement = statement.offset(number(request.start), copy=False)
        found = self._documents.rows(statement, also)
        ended = wants_count and len(found) < most and (found or request.start == 0)
        if ended:
            count = request.start + len(found)
        return found[: request.size], count

    def _sortable(self, keys: Sequence[_Key]) -> exp.Select:
        """The fixed columns and the sort values of all documents."""
        fixed = [own_column(name) for name in FIXED]
        made = [alias(key.expression.copy(), f"__sort_{i}__") for i, key in enumerate(keys)]
        return select([*fixed, *made], DOCUMENTS)

    def _ordered(self, statement: exp.Select, keys: Sequence[_Key]) -> exp.Select:
        """The same, sorted."""
        order = [
            exp.Ordered(
                this=identifier(f"__sort_{i}__"),
                desc=not key.sort.ascending,
                nulls_first=key.nulls_first,
            )
            for i, key in enumerate(keys)
            if key.kind is not None
        ]
        # whatever the sort leaves open: the order in which documents came in
        came_in = ("_seq_no",) if self._one_index else ("_index", "_seq_no")
        order += [exp.Ordered(this=own_column(name)) for name in came_in]
        return statement.order_by(*order, copy=False)

    def _guessed_end(
        self, first: _Key, rows: int, also: exp.Expression | None
    ) -> tuple[exp.Expression | None, int]:
        """A condition that more than so many of the first documents meet, and the number of all.

        As if the first sort value were spread evenly, which times of results and documents nearly
        are. None where no document has such a value.
        """
        value = first.expression
        seen = [call("min", value.copy()), call("max", value.copy()), call("count")]
        [(lowest, highest, counted)] = self._documents.rows(select(seen, DOCUMENTS), also)
        count = int(str(counted))
        if count <= 2 * rows:
            return true(), count
        if not isinstance(lowest, int) or not isinstance(highest, int):
            return None, count
        reach_of_page = (highest - lowest) * rows * 5 // (count * 4)
        last = lowest + reach_of_page if first.sort.ascending else highest - reach_of_page
        return self._up_to(first, last), count

    def _within(self, keys: Sequence[_Key], condition: exp.Expression, most: int) -> exp.Select:
        """Documents that meet a condition, sorted; any so many of them where there are more.

        Cut before they are sorted, so that a poor guess costs little. And sorted as a whole: DuckDB
        would take twice as long to keep a page in a heap that takes in nearly everything.
        """
        inner = self._sortable(keys).where(condition, copy=False)
        return self._ordered(select([exp.Star()], limited(inner, most)), keys)

    def _end(self, first: _Key, rows: int, also: exp.Expression | None) -> exp.Expression | None:
        """A condition that the first so many documents meet, and those that tie with the last.

        DuckDB keeps a long page in a heap and moves whole rows in it; documents lie in order of
        time, so that a page of the newest ones would take in each of them for a while. Numbers
        alone are moved much faster: a third of the time for 1,200 of 50,000 rows.
        """
        best = "min" if first.sort.ascending else "max"
        seen = select([call(best, first.expression.copy(), number(rows))], DOCUMENTS)
        [(found,)] = self._documents.rows(seen, also)
        if not isinstance(found, list) or len(found) < rows:
            return None
        return self._up_to(first, found[-1])

    def _up_to(self, first: _Key, last: object) -> exp.Expression:
        operator = exp.LTE if first.sort.ascending else exp.GTE
        return compare(operator, first.expression.copy(), self._parameters.bind(last))

    def _sources(
        self, rows: Sequence[tuple[Any, ...]], request: SearchRequest
    ) -> Mapping[tuple[str, int], Any]:
        """The documents of a page by their places.

        Read in a second statement: sorting would drag the text of every document along.
        """
        if not rows or not request.source.enabled:
            return {}
        places = [(index, seq_no) for index, _, _, seq_no, *_ in rows]
        if request.source == SourceFilter():
            read = self._documents.read(places, encoded=request.encoded)
            return {(index, seq_no): document for index, seq_no, document in read}
        cut = SourceSelector(request.source).cut
        read = self._documents.read(places, encoded=False)
        return {(index, seq_no): cut(document) for index, seq_no, document in read}

    def _key(self, sort: Sort, score: float) -> _Key:
        if sort.field == "_score":
            return _Key(sort, None, exp.Null(), score)
        if sort.field in ("_doc", "_seq_no"):
            return _Key(sort, FieldKind.LONG, own_column("_seq_no"))
        if sort.field == "_index":
            return _Key(sort, FieldKind.KEYWORD, own_column("_index"))
        field = self._resolver.resolve(sort.field)
        if field is None and sort.unmapped_type is None:
            raise IllegalArgument(f"No mapping found for [{sort.field[:256]}] in order to sort on")
        if field is None or field.nested_path is not None:
            return _Key(sort, None, exp.Null())
        if field.kind is FieldKind.TEXT:
            raise text_refused(sort.field)
        expression = _single(reach(field), sort)
        if field.kind is FieldKind.BOOLEAN:
            expression = exp.Cast(this=expression, to=exp.DataType(this=exp.DType.BIGINT))
        if not isinstance(sort.missing, Missing):
            missing = field_value(sort.missing, field.kind, sort.field, self._now_ms)
            expression = call("coalesce", expression, self._parameters.bind(missing))
        return _Key(sort, field.kind, expression)

    def _after(self, keys: Sequence[_Key], values: Sequence[Scalar | None]) -> exp.Expression:
        """Documents that come after the one with these sort values."""
        ties: list[exp.Expression] = []
        alternatives = []
        for key, value in zip(keys, values, strict=True):
            if key.kind is None:
                continue
            beyond, tie = self._beyond(key, value)
            alternatives.append(both([*(one.copy() for one in ties), beyond]))
            ties.append(tie)
        return either(alternatives)

    def _beyond(self, key: _Key, value: Scalar | None) -> tuple[exp.Expression, exp.Expression]:
        """Conditions: the document's value comes after this one, and it is the same."""
        has_none = exp.Paren(this=exp.Is(this=key.expression.copy(), expression=exp.Null()))
        if value is None or value == key.extreme():
            after = negated(has_none.copy()) if key.nulls_first else false()
            return after, has_none
        assert key.kind is not None
        kind = FieldKind.LONG if key.kind is FieldKind.BOOLEAN else key.kind
        bound = self._parameters.bind(field_value(value, kind, key.sort.field, self._now_ms))
        operator = exp.GT if key.sort.ascending else exp.LT
        after = compare(operator, key.expression.copy(), bound)
        if not key.nulls_first:
            after = either([after, has_none])
        return after, compare(exp.EQ, key.expression.copy(), bound.copy())


def _single(values: Reached, sort: Sort) -> exp.Expression:
    """One value per document: of an array the smallest or the largest."""
    if not values.multi:
        return values.expression
    mode = sort.mode or ("min" if sort.ascending else "max")
    return call("list_aggregate", values.expression, text(mode))


def _by_score(keys: Sequence[_Key]) -> bool:
    return any(key.sort.field == "_score" for key in keys)
