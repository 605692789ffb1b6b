"""Jobs and states of running detectors in the document store, with their leases.

Whoever works on a detector holds its *lease*: the state names the owner and until when nobody else
may take over. The lease is renewed by every write of a tick, which is conditional on the state as
it was read, so that of two nodes that believe to be the owner only one can write results.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from anomalyd.model.index_names import IndexNames
from anomalyd.model.job import Job
from anomalyd.model.realtime import RealtimeState, state_id
from anomalyd.query.parse_search import parse_search
from anomalyd.schedule.clock import Clock
from anomalyd.store.base import DocumentStore, DocumentWrite

MOST_JOBS = 10_000


@dataclass(frozen=True)
class HeldState:
    """A state as it was read, and the sequence number that guards its next write."""

    state: RealtimeState
    seq_no: int


class RealtimeLog:
    """Reads and writes jobs and states. Thread-safe.

    Args:
        documents: the store.
        names: the indices of jobs and states.
        clock: for searches.
    """

    def __init__(self, documents: DocumentStore, *, names: IndexNames, clock: Clock) -> None:
        self._documents = documents
        self._jobs = names.jobs
        self._states = names.checkpoints
        self._clock = clock

    def job(self, detector_id: str) -> Job | None:
        """Return a detector's job, or None when it was never started."""
        stored = self._documents.get(self._jobs, detector_id)
        return None if stored is None else Job.restore(stored.source)

    def job_write(self, job: Job) -> DocumentWrite:
        """Return the write of a job."""
        return DocumentWrite(index=self._jobs, id=job.name, source=job.render())

    def enabled(self) -> tuple[Job, ...]:
        """Return the jobs of all running detectors."""
        hits = self._hits(self._jobs, {"term": {"enabled": True}})
        return tuple(Job.restore(hit) for hit in hits)

    def state(self, detector_id: str) -> HeldState | None:
        """Return where a running detector stands; None when it does not run."""
        stored = self._documents.get(self._states, state_id(detector_id))
        if stored is None:
            return None
        return HeldState(RealtimeState.restore(stored.source), stored.seq_no)

    def states(self) -> tuple[RealtimeState, ...]:
        """Return the states of all running detectors."""
        hits = self._hits(self._states, {"term": {"kind": "realtime"}})
        return tuple(RealtimeState.restore(hit) for hit in hits)

    def state_write(self, state: RealtimeState, *, after: HeldState | None) -> DocumentWrite:
        """Return the write of a state, for a transaction that somebody else makes.

        Args:
            state: the new one.
            after: what was read before; the write fails when somebody wrote since. None = whatever.
        """
        return DocumentWrite(
            index=self._states,
            id=state.id,
            source=state.render(),
            if_seq_no=None if after is None else after.seq_no,
        )

    def take_over(self, held: HeldState, owner: str, *, until: int) -> HeldState:
        """Become the owner of a state whose lease is free.

        Raises: VersionConflict when somebody else was faster.
        """
        now = self._clock.now()
        state = dataclasses.replace(held.state, owner=owner, lease_expires=until, timestamp=now)
        (stored,) = self._documents.put([self.state_write(state, after=held)])
        return HeldState(state, stored.seq_no)

    def forget(self, detector_id: str) -> None:
        """Delete a state, and the lease with it."""
        self._documents.delete(self._states, state_id(detector_id))

    def _hits(self, index: str, query: dict[str, object]) -> list[dict[str, object]]:
        request = parse_search({"query": query, "size": MOST_JOBS})
        answer = self._documents.search(index, request, now=self._clock.now())
        return [hit["_source"] for hit in answer["hits"]["hits"]]
