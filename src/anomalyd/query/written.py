"""The text of a statement's tree, remembered by the tree's shape.

Writing a tree as text takes sqlglot a millisecond, as long as DuckDB takes to answer from a small
index. Requests of one kind differ in their values, and values are no part of a tree: they stand
beside it under the names of placeholders. So the second request of a kind finds its text here.
"""

from __future__ import annotations

from functools import lru_cache

from sqlglot import exp

_LONGEST = 4_000
"""Parts of a tree that is remembered: beyond it hardly anything is asked twice."""
_MOST = 256
"""Texts that are remembered."""


class _Tree:
    """A tree that equals another one of the same shape.

    Attributes:
        tree: the tree.
        shape: everything that its text depends on, in one row.
    """

    __slots__ = ("_hash", "shape", "tree")

    def __init__(self, tree: exp.Expression, shape: tuple[object, ...]) -> None:
        self.tree = tree
        self.shape = shape
        self._hash = hash(shape)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Tree) and self.shape == other.shape


def written(tree: exp.Expression) -> tuple[str, frozenset[str]]:
    """Return a statement in DuckDB's dialect, and the names of its placeholders."""
    parts: list[object] = []
    _flatten(tree, parts)
    if len(parts) > _LONGEST:
        return _write(tree)
    return _remembered(_Tree(tree, tuple(parts)))


def _flatten(node: exp.Expr, parts: list[object]) -> None:
    parts.append(node.__class__)
    for name, value in node.args.items():
        if value is None:
            continue
        parts.append(name)
        if isinstance(value, exp.Expr):
            _flatten(value, parts)
        elif isinstance(value, list):
            parts.append(len(value))
            for each in value:
                if isinstance(each, exp.Expr):
                    _flatten(each, parts)
                else:
                    parts.append(each)
        else:
            parts.append(value)


def _write(tree: exp.Expression) -> tuple[str, frozenset[str]]:
    names = frozenset(placeholder.name for placeholder in tree.find_all(exp.Placeholder))
    return tree.sql(dialect="duckdb"), names


@lru_cache(maxsize=_MOST)
def _remembered(key: _Tree) -> tuple[str, frozenset[str]]:
    return _write(key.tree)
