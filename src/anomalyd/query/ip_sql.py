"""Addresses in SQL: the sort key of ``values.address_key`` for a VARCHAR expression."""

from __future__ import annotations

from sqlglot import exp

from anomalyd.query.sql import call, compare, number, text


def address_key_sql(address: exp.Expression) -> exp.Expression:
    """32 hexadecimal digits that sort like addresses, NULL for what is none.

    IPv6 addresses may be shortened with ``::``; a dotted IPv4 part at their end is not understood.
    """
    is_v6 = call("contains", address.copy(), text(":"))
    return exp.Case(ifs=[exp.If(this=is_v6, true=_v6(address))], default=_v4(address))


def _v4(address: exp.Expression) -> exp.Expression:
    parts = [
        call("lpad", call("lower", call("to_hex", _octet(address, index))), number(2), text("0"))
        for index in range(1, 5)
    ]
    joined: exp.Expression = text("00000000000000000000ffff")
    for part in parts:
        # || gives NULL as soon as one part is no number, concat() would skip it
        joined = exp.DPipe(this=joined, expression=part)
    return exp.Paren(this=joined)


def _octet(address: exp.Expression, index: int) -> exp.Expression:
    part = call("split_part", address.copy(), text("."), number(index))
    return exp.TryCast(this=part, to=exp.DataType(this=exp.DType.UTINYINT))


def _v6(address: exp.Expression) -> exp.Expression:
    lower = call("lower", address.copy())
    left = _groups(call("split_part", lower, text("::"), number(1)))
    right = _groups(call("split_part", lower.copy(), text("::"), number(2)))
    there = compare(exp.Add, call("len", left.copy()), call("len", right.copy()))
    zeros = call("repeat", text("0000"), compare(exp.Sub, number(8), there))
    return call("concat", _digits(left), zeros, _digits(right))


def _groups(part: exp.Expression) -> exp.Expression:
    """The groups of one side of ``::``; an empty side has none."""
    return call(
        "list_filter",
        call("string_split", part, text(":")),
        _lambda(compare(exp.NEQ, _group(), text(""))),
    )


def _digits(groups: exp.Expression) -> exp.Expression:
    """All groups with four digits each, joined."""
    padded = _lambda(call("lpad", _group(), number(4), text("0")))
    return call("array_to_string", call("list_transform", groups, padded), text(""))


def _group() -> exp.Expression:
    return exp.column(exp.to_identifier("__group__"))


def _lambda(body: exp.Expression) -> exp.Expression:
    return exp.Lambda(this=body, expressions=[exp.to_identifier("__group__")])
