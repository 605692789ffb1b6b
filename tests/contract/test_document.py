"""The API document, sent request by request and compared answer by answer.

Every request of the document goes, in its order, through the real Envoy to a service that has
matching data. Every response of the document is compared with what came back: keys and their
order, types, constants. What differs must stand on the page of deliberate differences.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.document.blocks import Document, Request, Response, read_document
from tests.contract.document.compare import Difference, differences
from tests.contract.document.listed import rows
from tests.contract.document.replay import Replay
from tests.contract.document.service import running
from tests.contract.document.variants import VARIANTS, answer_to

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
SOURCE = REFERENCE / "search-guard-anomaly-detection-api.txt"
pytestmark = pytest.mark.skipif(not SOURCE.exists(), reason="the API document is not here")

SECTIONS = (
    "Create anomaly detector",
    "Validate detector",
    "Get detector",
    "Update detector",
    "Delete detector",
    "Preview detector",
    "Start detector job",
    "Stop detector job",
    "Search detector",
    "Search detector tasks",
    "Search detector result",
    "Search top anomalies",
    "Get detector stats",
    "Profile detector",
    "Delete detector results",
)
# In these sections the examples are about detectors that no request of the document creates.
OTHER_DETECTORS_FROM = 1560
# Answers that the reference reads out of an index, whose keys have no order.
STORED = frozenset({"_source"})


@pytest.fixture(scope="module")
def document() -> Document:
    return read_document(SOURCE, SECTIONS)


@pytest.fixture(scope="module")
def replay(document: Document, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """The conversation, all requests sent; the service still runs."""
    with running(tmp_path_factory.mktemp("document")) as subject:
        subject.load()
        conversation = Replay(subject)
        conversation.run(document)
        yield conversation


def test_the_document_is_read_whole(document: Document) -> None:
    """Every block is a request, a response, or one of the two fragments of a body."""
    copies = sum(line.strip() == "copy" for line in SOURCE.read_text().splitlines())
    assert copies == 74
    assert (len(document.requests), len(document.responses)) == (55, 34)
    assert len(document.fragments) == 2
    assert {request.section for request in document.requests} == set(SECTIONS)
    (profile,) = (each.body for each in document.responses if each.line == 2921)
    (entity,) = profile["ad_task"]["running_entities"]
    assert json.loads(entity)[0] == {"name": "ip", "value": "192.168.1.1"}


def test_every_request_is_answered(document: Document, replay: Replay) -> None:
    """2xx."""
    statuses = {each.name: replay.answers[each.line].status for each in document.requests}
    sys.stdout.write(_table(document, replay))
    bad = {name: each for name, each in statuses.items() if each not in (200, 201)}
    assert bad == {}


def test_every_response_has_the_documented_shape(document: Document, replay: Replay) -> None:
    """What differs is listed with its reason, and what is listed differs."""
    found: dict[str, set[Difference]] = {}
    for response in document.responses:
        for answer in answer_to(replay, document, response):
            assert answer.status in (200, 201), (response.name, answer.body)
            found.setdefault(response.name, set()).update(_differences(response, answer.json))
    listed = rows("In the shape of documented answers")
    of_profiles = rows("Profiles")
    sections = {response.name: response.section for response in document.responses}
    unlisted = {
        f"{name}: {difference}"
        for name, several in found.items()
        for difference in several
        if not any(
            row.covers(difference)
            for row in (
                *listed,
                *rows("Not every time"),
                *(of_profiles if sections[name] == "Profile detector" else ()),
            )
        )
    }
    assert sorted(unlisted) == []
    every = {difference for several in found.values() for difference in several}
    unused = [row for row in (*listed, *of_profiles) if not any(map(row.covers, every))]
    assert unused == []


def test_documented_words_are_ours(document: Document, replay: Replay) -> None:
    """Messages of validation are the document's, character by character."""
    compared = 0
    for response in document.responses:
        if response.section != "Validate detector":
            continue
        for answer in answer_to(replay, document, response):
            assert answer.json == response.body, response.name
            compared += 1
    assert compared >= 4


def test_deleted_results_are_counted(document: Document, replay: Replay) -> None:
    """The last request deletes what it matches, which is something."""
    answer = replay.answers[document.requests[-1].line].json
    assert answer["total"] == answer["deleted"] > 0
    assert answer["failures"] == []


def _differences(response: Response, answered: object) -> set[Difference]:
    return differences(
        response.body, answered, unordered=STORED, opaque=response.line > OTHER_DETECTORS_FROM
    )


def _table(document: Document, replay: Replay) -> str:
    """Draw endpoints and outcomes."""
    responses = {request.line for each in document.responses for request in each.requests}
    lines = [f"{'request':78} status  response\n"]
    for request in document.requests:
        shown = "compared" if request.line in responses else "-"
        shown = _varied(request) or shown
        lines.append(f"{request.name:78} {replay.answers[request.line].status:6}  {shown}\n")
    return "".join(lines)


def _varied(request: Request) -> str:
    """Say why a request is sent again, changed."""
    return "; ".join(variant.why for variant in VARIANTS.values() if variant.of == request.line)
