"""Page tokens of typed searches."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anomalyd.client import Client
from anomalyd.errors import IllegalArgument
from anomalyd.running import RunningService

DOCUMENTS = 23
PAGE = 5


@pytest.fixture
def client(service: RunningService) -> Iterator[Client]:
    """A client of the session's service."""
    with Client(service.grpc_address) as connected:
        yield connected


@pytest.fixture
def indices(client: Client) -> Iterator[tuple[str, str]]:
    """Two indices whose documents share values, so that the sort leaves ties open; one has none."""
    names = (f"paged-{uuid.uuid4().hex}", f"paged-{uuid.uuid4().hex}")
    for name in names:
        documents = [{"number": i // 4, "name": f"n{i % 3}"} for i in range(DOCUMENTS)]
        fields = {"number": {"type": "long"}, "name": {"type": "keyword"}}
        client.indices.create(name, mappings={"properties": fields})
        client.indices.append_lines(name, lines([*documents, {"name": "none"}]))
    yield names
    client.indices.delete(names)


def lines(documents: list[dict[str, Any]]) -> bytes:
    """Documents as NDJSON."""
    return "\n".join(json.dumps(one) for one in documents).encode()


def pages(ask: Callable[[str], Any]) -> Iterator[Any]:
    """Every page of a search, first to last."""
    token = ""
    while True:
        answer = ask(token)
        yield answer
        token = answer.next_page_token
        if not token:
            return


@pytest.mark.parametrize(
    "sort",
    [
        [],
        ["number"],
        [{"number": {"order": "desc"}}, "name"],
        [{"number": {"order": "desc", "missing": "_first"}}],
        ["_score"],
        [{"_index": "desc"}],
    ],
    ids=str,
)
def test_pages_are_the_search_in_pieces(
    client: Client, indices: tuple[str, str], sort: list[Any]
) -> None:
    """Every hit once, in the order and with the values of one search for all."""
    body = {"sort": sort, "query": {"exists": {"field": "name"}}}
    whole = client.indices.search(indices, {**body, "size": 100})
    found = list(
        pages(
            lambda token: client.indices.search(indices, {**body, "size": PAGE}, page_token=token)
        )
    )
    assert len(whole.hits.hits) == 2 * (DOCUMENTS + 1)
    assert [hit for page in found for hit in page.hits.hits] == list(whole.hits.hits)
    assert [len(page.hits.hits) for page in found] == [PAGE] * 9 + [3]
    assert not whole.next_page_token


def test_what_is_written_meanwhile_moves_nothing(client: Client, indices: tuple[str, str]) -> None:
    """A document that sorts in front of the next page does not push a seen one onto it."""
    index = indices[0]
    body = {"sort": [{"number": "desc"}], "size": PAGE}
    first = client.indices.search([index], body)
    client.indices.append_lines(index, lines([{"number": 1_000, "name": "late"}] * 7))
    second = client.indices.search([index], body, page_token=first.next_page_token)
    seen = {hit.id for hit in first.hits.hits}
    assert len(second.hits.hits) == PAGE
    assert not seen & {hit.id for hit in second.hits.hits}


def test_every_typed_list_has_pages(client: Client) -> None:
    """Detectors, tasks and results of an empty answer have no next page."""
    nothing = {"query": {"match_none": {}}}
    assert not client.detectors.search(nothing).next_page_token
    assert not client.tasks.search(nothing).next_page_token
    assert not client.results.search(nothing).next_page_token


@pytest.mark.parametrize("token", ["x", "!!", "e30", "W10", "WyJhIiwxXQ", "WyJhIixbXV0"])
def test_a_token_that_no_search_returned(
    client: Client, indices: tuple[str, str], token: str
) -> None:
    """Named as the field at fault."""
    with pytest.raises(IllegalArgument, match=r"\[page_token\]") as refused:
        client.indices.search(indices, {}, page_token=token)
    assert refused.value.field == "page_token"


def test_a_token_belongs_to_its_search(client: Client, indices: tuple[str, str]) -> None:
    """Another query, sort or index refuses it; so do from and search_after beside it."""
    token = client.indices.search(indices, {"size": PAGE}).next_page_token
    other = r"belongs to another search"
    for names, body in [
        (indices[:1], {}),
        (indices, {"sort": ["number"]}),
        (indices, {"query": {"match_all": {}}}),
    ]:
        with pytest.raises(IllegalArgument, match=other):
            client.indices.search(names, body, page_token=token)
    beside = {"from": 5}
    first = client.indices.search(indices, beside)
    with pytest.raises(IllegalArgument, match=r"\[from\] cannot be given with \[page_token\]"):
        client.indices.search(indices, beside, page_token=first.next_page_token)
    assert len(client.indices.search(indices, {"size": 2}, page_token=token).hits.hits) == 2
