"""Jobs: detectors under the name that Elastic's machine learning gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC

from anomalyd.auth.identity import Identity
from anomalyd.auth.policy import Action, Policy
from anomalyd.errors import (
    DateUnreadable,
    FieldUnmapped,
    IllegalArgument,
    JobNotFound,
    ParsingError,
    SearchFailed,
)
from anomalyd.model.detector import Detector
from anomalyd.model.index_names import IndexNames
from anomalyd.model.influencer import LARGEST_WINDOW, SORTABLE, ResultsRequest
from anomalyd.query.date_formats import DEFAULT_FORMAT, date_format
from anomalyd.query.date_math import parse_date
from anomalyd.query.parse_search import parse_search
from anomalyd.schedule.clock import Clock
from anomalyd.store.base import DocumentStore
from anomalyd.store.influencers import ResultFilter, ResultPage

UNSET = ("", "-1")
"""Times that mean none; the second because the documentation shows it as the default."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A detector as a job.

    Attributes:
        name: what the caller calls it: the detector's id or its name.
        detector_id: its id.
    """

    name: str
    detector_id: str
    detector: Detector

    @property
    def influencer_fields(self) -> tuple[str, ...]:
        """The fields whose values can be influencers."""
        return (*self.detector.categories, *self.detector.options.influencers)


class Jobs:
    """Finds jobs and reads requests about them. Thread-safe.

    Args:
        documents: where detectors are.
        names: their index.
        clock: for date math.
        policy: who may read results.
    """

    def __init__(
        self, *, documents: DocumentStore, names: IndexNames, clock: Clock, policy: Policy
    ) -> None:
        self._documents = documents
        self._names = names
        self._clock = clock
        self._policy = policy

    def open(self, name: str, identity: Identity, action: Action) -> Job:
        """Return the job of a detector's id or name. Raises: Forbidden, JobNotFound."""
        self._policy.check_results(identity, action, name)
        stored = self._documents.get(self._names.detectors, name)
        if stored is not None:
            return Job(name=name, detector_id=name, detector=Detector.restore(stored.source))
        found = self._search({"term": {"name.keyword": name}})
        if not found:
            raise JobNotFound(name)
        return found[0]

    def matching(self, expression: str, identity: Identity, action: Action) -> tuple[Job, ...]:
        """Return the jobs of comma-separated names and patterns, ``_all`` included.

        Raises: Forbidden, JobNotFound for a plain name that is none.
        """
        self._policy.check_results(identity, action, expression)
        jobs: dict[str, Job] = {}
        for name in expression.split(","):
            if name in ("_all", "*"):
                found = self._search({"match_all": {}})
            elif "*" in name:
                found = self._search({"wildcard": {"name.keyword": {"value": name}}})
            else:
                found = (self.open(name, identity, action),)
            jobs |= {job.detector_id: job for job in found}
        return tuple(jobs.values())

    def filter_of(self, request: ResultsRequest) -> ResultFilter:
        """Return what a request's conditions mean now. Raises: SearchFailed for a bad date."""
        return ResultFilter(
            start=self.time(request.start),
            end=self.time(request.end),
            exclude_interim=request.exclude_interim,
            score=request.score,
        )

    def time(self, text: str | None) -> int | None:
        """Return the epoch milliseconds that a text means; both ends of a range round down.

        Raises: SearchFailed.
        """
        if text is None or text in UNSET:
            return None
        how, now = date_format(None), self._clock.now()
        try:
            return parse_date(text, "timestamp", how, UTC, now, round_up=False)
        except ParsingError as error:
            reason = f"failed to parse date field [{text[:64]}] with format [{DEFAULT_FORMAT}]"
            raise SearchFailed(DateUnreadable(reason, field="start")) from error

    def _search(self, query: Mapping[str, object]) -> tuple[Job, ...]:
        request = parse_search({"query": query, "size": LARGEST_WINDOW})
        answer = self._documents.search(self._names.detectors, request, now=self._clock.now())
        found = [(hit["_id"], Detector.restore(hit["_source"])) for hit in answer["hits"]["hits"]]
        return tuple(
            Job(name=detector.name, detector_id=id, detector=detector) for id, detector in found
        )


def page_of(request: ResultsRequest, job: Job, *, default_sort: str) -> ResultPage:
    """Return the page that a request asks for.

    Raises: SearchFailed when it reaches too far, or sorts by a field that no result can have.
    """
    reach = request.offset + request.size
    if reach > LARGEST_WINDOW:
        raise SearchFailed(
            IllegalArgument(
                f"Result window is too large, from + size must be less than or equal to: "
                f"[{LARGEST_WINDOW}] but was [{reach}]. See the scroll api for a more efficient "
                f"way to request large data sets. This limit can be set by changing the "
                f"[index.max_result_window] index level setting.",
                field="size",
            )
        )
    sort = request.sort or default_sort
    if sort not in SORTABLE and sort not in job.influencer_fields:
        raise SearchFailed(
            FieldUnmapped(f"No mapping found for [{sort}] in order to sort on", field="sort")
        )
    return ResultPage(
        sort=sort, descending=request.descending, offset=request.offset, size=request.size
    )
