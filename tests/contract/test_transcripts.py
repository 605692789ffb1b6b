"""Requests recorded from a node of the reference, sent to ours, and the answers compared.

Status, shape, and type and words of errors must be the recorded ones, after ids, index names and
times have been translated. What must differ stands with its reason on the page of deliberate
differences, and so does every request that cannot be replayed yet.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.document.compare import Difference
from tests.contract.document.listed import rows
from tests.contract.document.service import Subject, running
from tests.contract.transcripts.outcome import outcome
from tests.contract.transcripts.recording import Recording, read_recordings
from tests.contract.transcripts.scenario import Scenario

FOLDER = Path(__file__).parents[3] / "shared" / "reference" / "transcripts"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the recordings are not here")

# Recorded before there was any document or detector; the log is loaded after them.
FIRST_WITH_DATA = "015"
# A valid definition of a detector, which others change.
TEMPLATE = "016"
# Recorded with a setting of three detectors at most.
FEW_DETECTORS = frozenset({"551", "552"})
LEAST_SHARE = 0.95

Found = frozenset[str | Difference]


@dataclass(frozen=True)
class Page:
    """What the page of differences says of recordings, by their numbers."""

    must_differ: dict[str, set[str]]
    to_be_met: dict[str, set[str]]
    not_replayed: set[str]

    @staticmethod
    def read() -> Page:
        """Read the page."""
        return Page(
            _by_number("Recorded answers that must differ"),
            _by_number("Recorded answers still to be met"),
            set(_by_number("Recorded requests that cannot be replayed")),
        )


@pytest.fixture(scope="module")
def page() -> Page:
    return Page.read()


@pytest.fixture(scope="module")
def recordings() -> tuple[Recording, ...]:
    return read_recordings(FOLDER)


@pytest.fixture(scope="module")
def outcomes(
    recordings: tuple[Recording, ...], page: Page, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Found]:
    """What differed, by number, for everything that was replayed."""
    replayed = [each for each in recordings if each.number not in page.not_replayed]
    found: dict[str, Found] = {}
    with running(tmp_path_factory.mktemp("transcripts")) as subject:
        usual = [each for each in replayed if each.number not in FEW_DETECTORS]
        found |= _replay(subject, usual, recordings)
    with running(tmp_path_factory.mktemp("few"), max_anomaly_detectors=3) as subject:
        subject.load()
        few = [each for each in replayed if each.number in FEW_DETECTORS]
        found |= _replay(subject, few, recordings)
    return found


def test_every_recording_is_replayed_or_says_why_not(
    recordings: tuple[Recording, ...], outcomes: dict[str, Found], page: Page
) -> None:
    """No number is lost, and the page names no number that does not exist."""
    numbers = {each.number for each in recordings}
    assert set(outcomes) | page.not_replayed == numbers
    assert set(page.must_differ) | set(page.to_be_met) <= set(outcomes)


def test_answers_are_the_recorded_ones(
    recordings: tuple[Recording, ...], outcomes: dict[str, Found], page: Page
) -> None:
    """Each differs exactly as the page says; at least 95 % of those that apply do not."""
    shapes = rows("In the shape of recorded answers")
    shapes += (*rows("In the shape of documented answers"), *rows("Not every time"))
    names = {each.number: f"{each.number} {each.name}" for each in recordings}
    left: dict[str, set[str]] = {}
    for number, found in outcomes.items():
        told = {
            str(each)
            for each in found
            if isinstance(each, str) or not any(row.covers(each) for row in shapes)
        }
        left[number] = told
    expected = {
        number: page.must_differ.get(number, set()) | page.to_be_met.get(number, set())
        for number in outcomes
    }
    applying = [number for number in outcomes if number not in page.must_differ]
    equal = [number for number in applying if not left[number]]
    share = len(equal) / len(applying)
    sys.stdout.write(
        f"{len(outcomes)} of {len(recordings)} recordings replayed, {len(page.must_differ)} must "
        f"differ; of the other {len(applying)}, {len(equal)} match: {share:.1%}\n"
    )
    differing = {names[number]: left[number] for number in outcomes if left[number]}
    for number in outcomes:
        if left[number] != expected[number]:
            sys.stdout.write(f"{names[number]}: {sorted(left[number] ^ expected[number])}\n")
    assert differing == {names[number]: expected[number] for number in outcomes if expected[number]}
    assert share >= LEAST_SHARE


def test_shapes_that_are_listed_differ(outcomes: dict[str, Found]) -> None:
    """A row that no recorded answer bears out any more must go."""
    every = {each for found in outcomes.values() for each in found if isinstance(each, Difference)}
    listed = rows("In the shape of recorded answers")
    assert [row for row in listed if not any(row.covers(each) for each in every)] == []


def _replay(
    subject: Subject, replayed: list[Recording], recordings: tuple[Recording, ...]
) -> dict[str, Found]:
    """Send recordings in their order; the first that needs documents finds them."""
    (template,) = (each.body for each in recordings if each.number == TEMPLATE)
    scenario = Scenario(subject)
    found: dict[str, Found] = {}
    for recording in replayed:
        if recording.number == FIRST_WITH_DATA:
            subject.load()
        answer = scenario.ask(recording, template)
        found[recording.number] = outcome(recording, answer, scenario.translation)
    return found


def _by_number(heading: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in rows(heading):
        for number in row.where.split(", "):
            found.setdefault(number, set()).add(row.what)
    return found
