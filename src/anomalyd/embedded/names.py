"""Names of indices, and the patterns that stand for several of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from anomalyd.errors import IndexNameInvalid, IndexNotFound

_FORBIDDEN = frozenset('\\/*?"<>| ,#:')
_LONGEST = 255


def check_name(name: str) -> None:
    """Make sure that a name can name an index. Raises: IndexNameInvalid."""
    problem = None
    if not name or name in (".", ".."):
        problem = "must not be empty, '.' or '..'"
    elif name != name.lower():
        problem = "must be lowercase"
    elif not _FORBIDDEN.isdisjoint(name) or not name.isprintable():
        problem = 'must not contain the following characters [ , ", *, \\, <, |, ,, >, /, ?, #, :]'
    elif name[0] in "-_+":
        problem = "must not start with '_', '-', or '+'"
    elif len(name.encode()) > _LONGEST:
        problem = f"index name is too long, ({len(name.encode())} > {_LONGEST})"
    if problem is not None:
        raise IndexNameInvalid(f"Invalid index name [{name}], {problem}", details={"index": name})


def is_pattern(text: str) -> bool:
    """Tell whether the text stands for any number of indices rather than for one."""
    return "*" in text or text == "_all"


def split_patterns(patterns: Sequence[str]) -> list[str]:
    """Open comma lists."""
    return [part for pattern in patterns for part in pattern.split(",") if part]


def expand(patterns: Sequence[str], names: Collection[str]) -> tuple[str, ...]:
    """Return the names that the patterns mean, sorted.

    ``*`` stands for any text, ``_all`` for everything, a leading ``-`` takes names out again.
    Names that start with a dot are only meant by their own name or by a pattern with the dot.

    Raises: IndexNotFound for a name without ``*`` that is not there.
    """
    meant: set[str] = set()
    for part in split_patterns(patterns):
        if part.startswith("-") and len(part) > 1:
            meant -= _matching(part[1:], names) if is_pattern(part) else {part[1:]}
        elif is_pattern(part):
            meant |= _matching(part, names)
        elif part in names:
            meant.add(part)
        else:
            raise IndexNotFound(part)
    return tuple(sorted(meant))


def _matching(pattern: str, names: Collection[str]) -> set[str]:
    if pattern == "_all":
        pattern = "*"
    regex = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    hidden_too = pattern.startswith(".")
    return {
        name for name in names if (hidden_too or not name.startswith(".")) and regex.fullmatch(name)
    }
