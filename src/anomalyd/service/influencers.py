"""Influencers of a job: who or what is to blame."""

from __future__ import annotations

from typing import Any, Protocol

from anomalyd.auth.identity import Identity
from anomalyd.auth.policy import Action
from anomalyd.errors import StateConflict
from anomalyd.model.influencer import (
    ResultsRequest,
    own_property,
    probability_of,
    timestamp_text,
)
from anomalyd.service.jobs import Jobs, page_of
from anomalyd.store.influencers import InfluencerRow, InfluencerStore

Document = dict[str, Any]

DEFAULT_SORT = "influencer_score"


class OpenWindows(Protocol):
    """Judges what is not complete yet. Thread-safe."""

    def interim(self, detector_id: str, *, write: bool) -> int | None:
        """Write interim results of a running detector's open windows.

        Args:
            detector_id: whose.
            write: False only tells how far the detector is.

        Returns: the end of the last window that is final, epoch ms; None when it does not run.
        Raises: the source's errors.
        """
        ...


class InfluencerService:
    """Use case of influencers. Thread-safe.

    Args:
        jobs: finds the job.
        influencers: what was computed.
        open_windows: computes what is asked for before its time.
    """

    def __init__(
        self, *, jobs: Jobs, influencers: InfluencerStore, open_windows: OpenWindows
    ) -> None:
        self._jobs = jobs
        self._influencers = influencers
        self._open_windows = open_windows

    def flush(self, job_id: str, identity: Identity, *, calc_interim: bool) -> Document:
        """Judge the windows of a job that are not complete yet.

        Args:
            job_id: a detector's id or name.
            identity: who asks.
            calc_interim: whether to; else nothing happens.

        Raises: Forbidden; JobNotFound; StateConflict when it does not run in real time.
        """
        job = self._jobs.open(job_id, identity, Action.FLUSH_JOB)
        end = self._open_windows.interim(job.detector_id, write=calc_interim)
        if end is None:
            raise StateConflict(f"Cannot flush because job [{job.name}] is not open")
        return {"flushed": True, "last_finalized_bucket_end": end}

    def get(
        self, job_id: str, request: ResultsRequest, identity: Identity, *, human: bool = False
    ) -> Document:
        """Return ``{"count", "influencers"}``: how many there are, and a page of them.

        Args:
            job_id: a detector's id or name.
            request: which ones.
            identity: who asks.
            human: show the time as a text as well.

        Raises: Forbidden; JobNotFound; SearchFailed for a bad date, page or sort.
        """
        job = self._jobs.open(job_id, identity, Action.GET_INFLUENCERS)
        which = self._jobs.filter_of(request)
        page = page_of(request, job, default_sort=DEFAULT_SORT)
        count, rows = self._influencers.influencers(job.detector_id, which, page)
        return {
            "count": count,
            "influencers": [render_influencer(row, job.name, human=human) for row in rows],
        }


def render_influencer(row: InfluencerRow, job_id: str, *, human: bool = False) -> Document:
    """Return the document of an influencer, keys in the documented order."""
    document: Document = {
        "job_id": job_id,
        "result_type": "influencer",
        "influencer_field_name": row.field,
        "influencer_field_value": row.value,
        **own_property(row.field, row.value),
        "influencer_score": row.score,
        "initial_influencer_score": row.initial_score,
        "probability": probability_of(row.ln_probability),
        "bucket_span": row.bucket_span,
        "is_interim": row.interim,
        "timestamp": row.timestamp,
    }
    if human:
        document["timestamp_string"] = timestamp_text(row.timestamp)
    return document
