"""Page tokens of typed searches: where a page ended, so that the next one begins there.

A token holds the sort values of the page's last hit, its index and its sequence number. The next
page is the search that comes after them, so a page costs the same however deep it lies, and what
is written meanwhile makes no hit appear twice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from anomalyd.errors import IllegalArgument

Document = dict[str, Any]

_DEFAULT_SIZE = 10
_TIES = ("_index", "_seq_no")
"""The order of hits that the sort leaves open, as every search without a token has it."""
_MAY_CHANGE = frozenset({"size", "aggs", "_source", "track_total_hits"})


def paged(
    body: Document,
    token: str,
    search: Callable[[Document], Document],
    *,
    scope: tuple[object, ...] = (),
) -> Document:
    """Search one page and put ``next_page_token`` into the answer when there may be more.

    Args:
        body: the search as the caller gave it.
        token: of the page before; empty for the first page.
        search: runs a search; its hits have ``_index`` and ``_seq_no``.
        scope: what else the search was asked with; a token holds for the same only.

    Returns: the answer; without a token for the last page, which may be empty.

    Raises: IllegalArgument for a token that no such search returned, or that comes with ``from``
        or ``search_after``; whatever ``search`` raises.
    """
    mark = _mark(body, scope)
    answer = search(_after(body, _read(token, mark)) if token else body)
    hits = answer["hits"]["hits"]
    if token:
        given = len(body.get("sort") or ())
        for hit in hits:
            _hide_ties(hit, given)
    if hits and len(hits) == body.get("size", _DEFAULT_SIZE):
        last = hits[-1]
        after = [*last.get("sort", ()), last["_index"], last["_seq_no"]]
        answer["next_page_token"] = _write(after, mark)
    return answer


def _after(body: Document, values: list[Any]) -> Document:
    """Return the search of what comes after the hit with these sort values."""
    for key in ("from", "search_after"):
        if key in body:
            raise IllegalArgument(
                f"[{key}] cannot be given with [page_token], which says where to go on",
                field="page_token",
            )
    sort = body.get("sort") or []
    if not sort:
        # as a sort of its own, so that hits still show their score
        sort, values = ["_score"], [None, *values]
    return body | {"sort": [*sort, *_TIES], "search_after": values}


def _hide_ties(hit: Document, given: int) -> None:
    if given:
        hit["sort"] = hit["sort"][:given]
    else:
        del hit["sort"]


def _mark(body: Mapping[str, Any], scope: tuple[object, ...]) -> str:
    """Name what has to stay the same from page to page."""
    same = {key: body[key] for key in body if key not in _MAY_CHANGE}
    text = json.dumps([same, scope], sort_keys=True)
    return hashlib.blake2s(text.encode(), digest_size=6).hexdigest()


def _write(values: list[Any], mark: str) -> str:
    text = json.dumps([mark, values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def _read(token: str, mark: str) -> list[Any]:
    try:
        padded = token + "=" * (-len(token) % 4)
        made_for, values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise _refused("is not one that a search returned") from None
    if not isinstance(values, list):
        raise _refused("is not one that a search returned")
    if made_for != mark:
        raise _refused("belongs to another search: query, sort and indices must stay the same")
    return values


def _refused(why: str) -> IllegalArgument:
    return IllegalArgument(f"[page_token] {why}", field="page_token")
