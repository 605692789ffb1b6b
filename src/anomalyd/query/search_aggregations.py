"""Runs the aggregations of a search and shapes their results as Elasticsearch does.

One statement per level and aggregation, whatever the number of buckets: a level is the matching
documents with one key column per bucket aggregation around, and results are grouped by the keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from anomalyd.query.bucket_keys import (
    MAX_BUCKETS,
    DateKeys,
    TermKeys,
    bad_order,
    too_many_buckets,
)
from anomalyd.query.fields import FieldResolver
from anomalyd.query.metric_results import empty_metric, render_metric
from anomalyd.query.nodes_aggregations import (
    Aggregation,
    BucketAggregation,
    DateHistogram,
    FilterAggregation,
    FiltersAggregation,
    Metric,
    Order,
    Percentiles,
    TermsAggregation,
)
from anomalyd.query.sql import Parameters, call, compare, either, negated
from anomalyd.query.statement import (
    DOCUMENTS,
    Documents,
    alias,
    identifier,
    limited,
    select,
)
from anomalyd.query.to_sql import QueryCompiler
from anomalyd.query.to_sql_aggregations import MetricCompiler

Keys = tuple[Any, ...]
Results = dict[Keys, dict[str, Any]]
"""Results by the keys of the buckets around; ``()`` outside all buckets."""


@dataclass(frozen=True)
class Level:
    """Documents inside some buckets.

    Attributes:
        rows: a query for the documents, with the key columns.
        keys: names of the key columns, outermost first.
    """

    rows: exp.Select
    keys: tuple[str, ...]

    def key_columns(self) -> list[exp.Expression]:
        """The key columns as expressions."""
        return [identifier(name) for name in self.keys]


class Aggregations:
    """The aggregations of one search.

    Args:
        documents: those that match the query.
        resolver: their fields.
        parameters: receive the values.
        now_ms: what ``now`` is in dates.
    """

    def __init__(
        self,
        documents: Documents,
        resolver: FieldResolver,
        parameters: Parameters,
        now_ms: int,
    ) -> None:
        self._documents = documents
        self._resolver = resolver
        self._parameters = parameters
        self._now_ms = now_ms
        self._queries = QueryCompiler(resolver, parameters, now_ms)
        self._metrics = MetricCompiler(resolver, parameters, now_ms, repeatable=False)
        self._made_up = 0
        self._buckets = 0

    def compute(self, aggregations: Sequence[Aggregation]) -> dict[str, Any]:
        """The results by name.

        Raises:
            InvalidRequest: a field is of the wrong kind, or there are too many buckets.
        """
        outermost = Level(select([exp.Star()], DOCUMENTS), ())
        results = self._results(outermost, aggregations)
        return self._complete(aggregations, results.get((), {}))

    def _results(self, level: Level, aggregations: Sequence[Aggregation]) -> Results:
        """What each aggregation gives in each bucket; buckets without documents are left out."""
        results: Results = {}
        metrics = [one for one in aggregations if isinstance(one, Metric)]
        if metrics:
            _merge(results, self._metric_results(level, metrics))
        for one in aggregations:
            if isinstance(one, FilterAggregation):
                _merge(results, self._filter(level, one))
            elif isinstance(one, FiltersAggregation):
                _merge(results, self._filters(level, one))
            elif isinstance(one, TermsAggregation):
                _merge(results, self._terms(level, one))
            elif isinstance(one, DateHistogram):
                _merge(results, self._date_histogram(level, one))
        return results

    def _complete(
        self, aggregations: Iterable[Aggregation], found: Mapping[str, Any]
    ) -> dict[str, Any]:
        """All results of a bucket in the order of the request, empty ones where there are none."""
        return {one.name: found.get(one.name, self._empty(one)) for one in aggregations}

    def _empty(self, aggregation: Aggregation) -> Any:
        """The result over no documents."""
        if isinstance(aggregation, Metric):
            return empty_metric(aggregation)
        assert isinstance(aggregation, BucketAggregation)
        if isinstance(aggregation, FilterAggregation):
            return {"doc_count": 0, **self._complete(aggregation.aggregations, {})}
        if isinstance(aggregation, FiltersAggregation):
            return self._filter_buckets(aggregation, {})
        if isinstance(aggregation, TermsAggregation):
            return _terms_result([], 0)
        assert isinstance(aggregation, DateHistogram)
        return self._date_keys(aggregation).render({}, lambda key: self._bucket(aggregation, 0, {}))

    def _bucket(
        self, aggregation: BucketAggregation, count: int, found: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The part of a bucket that follows its key."""
        self._buckets += 1
        if self._buckets > MAX_BUCKETS:
            raise too_many_buckets(self._buckets)
        return {"doc_count": count, **self._complete(aggregation.aggregations, found)}

    def _metric_results(self, level: Level, metrics: Sequence[Metric]) -> Results:
        compiled = [self._metrics.compile(metric) for metric in metrics]
        values = [one for several in compiled for one in several]
        statement = select([*level.key_columns(), *values], level.rows, group_by=level.keys)
        results: Results = {}
        for row in self._documents.rows(statement):
            keys, numbers = row[: len(level.keys)], iter(row[len(level.keys) :])
            results[keys] = {
                metric.name: render_metric(metric, self._resolver, [next(numbers) for _ in several])
                for metric, several in zip(metrics, compiled, strict=True)
            }
        return results

    def _counts(self, level: Level) -> dict[Keys, int]:
        """Documents per bucket."""
        statement = select([*level.key_columns(), call("count")], level.rows, group_by=level.keys)
        rows = self._documents.rows(limited(statement, MAX_BUCKETS + 1))
        return {row[:-1]: int(str(row[-1])) for row in rows}

    def _filtered(
        self, level: Level, aggregation: BucketAggregation, condition: exp.Expression
    ) -> dict[Keys, dict[str, Any]]:
        """One bucket per bucket around: the documents that meet the condition."""
        inner = Level(level.rows.where(condition), level.keys)
        counts = self._counts(inner)
        below = self._results(inner, aggregation.aggregations)
        return {
            keys: self._bucket(aggregation, count, below.get(keys, {}))
            for keys, count in counts.items()
            if count
        }

    def _filter(self, level: Level, aggregation: FilterAggregation) -> Results:
        condition = self._queries.compile(aggregation.query)
        found = self._filtered(level, aggregation, condition)
        return {keys: {aggregation.name: bucket} for keys, bucket in found.items()}

    def _filters(self, level: Level, aggregation: FiltersAggregation) -> Results:
        conditions = [self._queries.compile(query) for _, query in aggregation.filters]
        if aggregation.other_bucket:
            conditions.append(negated(either([one.copy() for one in conditions])))
        by_keys: dict[Keys, dict[int, Any]] = {}
        for position, condition in enumerate(conditions):
            for keys, bucket in self._filtered(level, aggregation, condition).items():
                by_keys.setdefault(keys, {})[position] = bucket
        return {
            keys: {aggregation.name: self._filter_buckets(aggregation, found)}
            for keys, found in by_keys.items()
        }

    def _filter_buckets(
        self, aggregation: FiltersAggregation, found: Mapping[int, Any]
    ) -> dict[str, Any]:
        names: list[str | None] = [key for key, _ in aggregation.filters]
        keyed = names[0] is not None
        if aggregation.other_bucket:
            names.append(aggregation.other_bucket_key)
        buckets = [
            found[position] if position in found else self._bucket(aggregation, 0, {})
            for position in range(len(names))
        ]
        if keyed:
            return {"buckets": dict(zip(names, buckets, strict=True))}
        return {"buckets": buckets}

    def _keyed(self, level: Level, key: exp.Expression) -> Level:
        """The level with one more key column; documents without a key are left out."""
        self._made_up += 1
        name = f"__key_{self._made_up}__"
        inner = select([exp.Star(), alias(key, name)], level.rows)
        has_key = negated(exp.Is(this=identifier(name), expression=exp.Null()))
        return Level(select([exp.Star()], inner).where(has_key, copy=False), (*level.keys, name))

    def _terms(self, level: Level, aggregation: TermsAggregation) -> Results:
        keys = TermKeys(aggregation, self._resolver, self._parameters, self._now_ms)
        expression = keys.expression()
        if expression is None:
            return {}
        inner = self._keyed(level, expression)
        kept = keys.kept(identifier(inner.keys[-1]))
        if kept is not None:
            inner = Level(inner.rows.where(kept, copy=False), inner.keys)
        ranked = self._ranked(level, inner, aggregation)
        columns = [*inner.key_columns(), identifier("__count__"), identifier("__total__")]
        statement = select(columns, ranked)
        statement = statement.order_by(identifier("__rank__"), copy=False)
        rows = self._documents.rows(limited(statement, MAX_BUCKETS + 1))
        below: Results = {}
        if rows and aggregation.aggregations:
            chosen = Level(_in_buckets(inner, ranked), inner.keys)
            below = self._results(chosen, aggregation.aggregations)
        found: dict[Keys, tuple[list[dict[str, Any]], int]] = {}
        for *around, key, count, total in rows:
            buckets, _ = found.setdefault(tuple(around), ([], int(str(total))))
            inside = below.get((*around, key), {})
            bucket = self._bucket(aggregation, int(str(count)), inside)
            buckets.append({**keys.render(key), **bucket})
        return {
            around: {aggregation.name: _terms_result(buckets, total)}
            for around, (buckets, total) in found.items()
        }

    def _ranked(self, level: Level, inner: Level, aggregation: TermsAggregation) -> exp.Select:
        """Keys, count, rank and total of the largest buckets inside each bucket around."""
        orders = [self._order(one, aggregation) for one in aggregation.order]
        metrics = [
            alias(metric, f"__order_{position}__")
            for position, metric in enumerate(orders)
            if metric is not None
        ]
        count = alias(call("count"), "__count__")
        counted = select([*inner.key_columns(), count, *metrics], inner.rows, group_by=inner.keys)
        names = {"_count": "__count__", "_key": inner.keys[-1]}
        order = [
            exp.Ordered(
                this=identifier(names.get(one.path, f"__order_{position}__")),
                desc=not one.ascending,
                nulls_first=False,
            )
            for position, one in enumerate(aggregation.order)
        ]
        partition = level.key_columns()
        rank = exp.Window(
            this=call("row_number"), partition_by=partition, order=exp.Order(expressions=order)
        )
        total = exp.Window(
            this=call("sum", identifier("__count__")),
            partition_by=[one.copy() for one in partition],
        )
        large = compare(
            exp.GTE, identifier("__count__"), self._parameters.bind(aggregation.min_doc_count)
        )
        windowed = select(
            [exp.Star(), alias(rank, "__rank__"), alias(total, "__total__")], counted
        ).where(large, copy=False)
        size = compare(exp.LTE, identifier("__rank__"), self._parameters.bind(aggregation.size))
        return select([exp.Star()], windowed).where(size, copy=False)

    def _order(self, order: Order, aggregation: BucketAggregation) -> exp.Expression | None:
        """The metric to sort buckets by, None for the key and the count."""
        if order.path in ("_count", "_key"):
            return None
        name, _, part = order.path.partition(".")
        for one in aggregation.aggregations:
            if one.name == name and isinstance(one, Metric):
                values = self._metrics.compile(one)
                if isinstance(one, Percentiles):
                    parts = [str(percent) for percent in one.percents]
                    wanted = part if "." in part else f"{part}.0"
                    if wanted in parts:
                        return values[parts.index(wanted)]
                elif part in ("", "value"):
                    return values[0]
        raise bad_order(order)

    def _date_keys(self, aggregation: DateHistogram) -> DateKeys:
        return DateKeys(aggregation, self._resolver, self._parameters, self._now_ms)

    def _date_histogram(self, level: Level, aggregation: DateHistogram) -> Results:
        keys = self._date_keys(aggregation)
        expression = keys.expression()
        if expression is None:
            return {}
        inner = self._keyed(level, expression)
        counts = self._counts(inner)
        below: Results = {}
        if counts and aggregation.aggregations:
            below = self._results(inner, aggregation.aggregations)
        by_level: dict[Keys, dict[int, int]] = {}
        for (*around, key), count in counts.items():
            by_level.setdefault(tuple(around), {})[key] = count
        results: Results = {}
        for around_keys, found in by_level.items():

            def bucket(
                key: int, around: Keys = around_keys, counted: Mapping[int, int] = found
            ) -> dict[str, Any]:
                inside = below.get((*around, key), {})
                return self._bucket(aggregation, counted.get(key, 0), inside)

            results[around_keys] = {aggregation.name: keys.render(found, bucket)}
        return results


def _merge(results: Results, more: Results) -> None:
    for keys, found in more.items():
        results.setdefault(keys, {}).update(found)


def _in_buckets(inner: Level, ranked: exp.Select) -> exp.Select:
    """The documents of the chosen buckets only."""
    chosen = exp.Subquery(
        this=select(inner.key_columns(), ranked),
        alias=exp.TableAlias(this=exp.to_identifier("chosen")),
    )
    names = [exp.to_identifier(name) for name in inner.keys]
    join = exp.Join(this=chosen, kind="SEMI", using=names)
    statement = select([exp.Star()], inner.rows)
    statement.append("joins", join)
    return statement


def _terms_result(buckets: list[dict[str, Any]], total: int) -> dict[str, Any]:
    shown = sum(bucket["doc_count"] for bucket in buckets)
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": max(0, total - shown),
        "buckets": buckets,
    }
