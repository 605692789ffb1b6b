"""More models than memory holds: those that matter least are packed, then spilled to disk.

A model is *resident* (ready to score), *packed* (its checkpoint's bytes in memory, a fraction of
the size) or *spilled* (those bytes in a file). Whatever is asked of a model brings it back first;
packing loses not a bit, so scores do not depend on the budget. All running detectors share one
budget; who is used least, by a count that fades with time (behaviour §7), goes first.

Entities come in the same order each tick, and a cache that keeps the newest would then always let
go of what is needed next. So the resident models of a batch go first, and a model that was brought
for its turn is judged by its uses *before* this one: among equals it gives way at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from anomalyd.executor.base import (
    Float64s,
    Int64s,
    Models,
    ModelShape,
    PackableModels,
    Scores,
    UInt64s,
)
from anomalyd.executor.parts import Joined, groups
from anomalyd.executor.spill import SpillFile

STATES = ("resident", "packed", "spilled")
RESIDENT, PACKED, SPILLED = range(3)
RESIDENT_SHARE = 0.7
"""Of the budget, for resident models; the rest is for packed ones."""
SLACK = 0.9
"""What is made room for, so that not every batch has to."""
MODELS_AT_ONCE = 2_000
"""Models that a batch holds resident at the same time."""
FADING = 0.125
"""By how much a use counts more than one a batch before (behaviour §7)."""


@dataclass(frozen=True)
class Usage:
    """What models of one state take: how many there are, and their bytes."""

    models: int
    held: int


class ModelBudget:
    """The memory that all models of running detectors share. Thread-safe.

    Args:
        limit: bytes.
        dedicated: models of each detector that stay resident whatever happens.
        spill: where models go that have no room packed either.
    """

    def __init__(self, limit: int, *, dedicated: int, spill: SpillFile) -> None:
        self.limit = limit
        self.dedicated = dedicated
        self.spill = spill
        self._members: list[BudgetedModels] = []
        # What the members held when they were last asked, and its sum: asking all of them for each
        # batch would cost more than the batch where there are very many.
        self._told: dict[BudgetedModels, Int64s] = {}
        self._total = np.zeros(3, dtype=np.int64)
        self._lock = threading.Lock()

    def usage(self) -> Mapping[str, Usage]:
        """Return what all models take now, by ``resident``, ``packed`` and ``spilled``."""
        with self._lock:
            members = list(self._members)
        return {
            name: Usage(
                sum(int(member.counts[state]) for member in members),
                sum(int(member.held[state]) for member in members),
            )
            for state, name in enumerate(STATES)
        }

    def join(self, member: BudgetedModels) -> None:
        """Count a detector's models in."""
        with self._lock:
            self._members.append(member)
            self._told[member] = np.zeros(3, dtype=np.int64)

    def leave(self, member: BudgetedModels) -> None:
        """Count a detector's models no more; one that never joined is fine."""
        with self._lock:
            self._members = [one for one in self._members if one is not member]
            self._total -= self._told.pop(member, 0)

    def settle(self, asking: BudgetedModels, *, guests: bool = False) -> None:
        """Bring what is held below the limit; called by a member that holds its own lock.

        Members that are being worked on keep what they have; their next batch settles it.

        Args:
            asking: the caller.
            guests: models were brought for their turn: they give back what they took, and no more
                is made room for, which would drive out models that are ready for theirs.
        """
        limits = {RESIDENT: self.limit * RESIDENT_SHARE, PACKED: self.limit * (1 - RESIDENT_SHARE)}
        for state, limit in limits.items():
            with self._lock:
                self._hear(asking)
                over = float(self._total[state] - limit)
                members = list(self._members) if over > 0 else []
            if over <= 0:
                continue
            if not guests:
                over += limit * (1 - SLACK)
            with _free(members, asking) as free:
                _demote(free, state, over)
                with self._lock:
                    for member in free:
                        self._hear(member)

    def _hear(self, member: BudgetedModels) -> None:
        """Take over what a member holds; one that has left counts no more."""
        told = self._told.get(member)
        if told is not None:
            self._total += member.held - told
            self._told[member] = member.held.copy()


@contextmanager
def _free(
    members: Sequence[BudgetedModels], asking: BudgetedModels
) -> Iterator[Sequence[BudgetedModels]]:
    """Give the members whose models nobody uses now, held for the block."""
    others = [
        member for member in members if member is not asking and member.lock.acquire(blocking=False)
    ]
    try:
        yield [asking, *others]
    finally:
        for member in others:
            member.lock.release()


def _demote(members: Sequence[BudgetedModels], state: int, bytes_: float) -> None:
    """Move the least used models of some members one step down until so much is freed."""
    owners, numbers, priorities, sizes = [], [], [], []
    for at, member in enumerate(members):
        chosen = member.expendable(state)
        owners.append(np.full(len(chosen), at))
        numbers.append(chosen)
        priorities.append(member.priority(chosen))
        sizes.append(member.size_of(state, chosen))
    order = np.argsort(np.concatenate(priorities), kind="stable")
    size = np.concatenate(sizes)[order]
    count = int(np.searchsorted(np.cumsum(size), bytes_)) + 1
    owner, number = np.concatenate(owners)[order][:count], np.concatenate(numbers)[order][:count]
    for at, member in enumerate(members):
        member.demote(state, number[owner == at])


class PackableExecutor(Protocol):
    """Makes models that can be packed. Thread-safe."""

    def open(self, shape: ModelShape, seeds: UInt64s) -> PackableModels:
        """Return new, untrained models, one per seed."""
        ...


class BudgetedExecutor:
    """Opens models that share a budget (implements ``executor.base.Executor``).

    Args:
        executor: makes the models themselves.
        budget: what they share.
    """

    def __init__(self, executor: PackableExecutor, budget: ModelBudget) -> None:
        self._executor = executor
        self._budget = budget

    def open(self, shape: ModelShape, seeds: UInt64s) -> Models:
        """Return new, untrained models, one per seed."""
        return BudgetedModels(self._executor.open(shape, seeds), self._budget, len(seeds))


class BudgetedModels:
    """One detector's models (implements ``executor.base.Models``).

    Args:
        models: the models themselves.
        budget: what they share with others.
        count: how many there are already.
    """

    def __init__(self, models: PackableModels, budget: ModelBudget, count: int) -> None:
        self.lock = threading.RLock()
        self.counts = np.zeros(3, dtype=np.int64)
        self.held = np.zeros(3, dtype=np.int64)
        self._models = models
        self._budget = budget
        self._state = np.zeros(0, dtype=np.int8)
        self._size = np.zeros(0, dtype=np.int64)
        self._packed_size = np.zeros(0, dtype=np.int64)
        self._updates = np.zeros(0, dtype=np.int64)
        self._uses = np.zeros(0)
        self._packed: dict[int, bytes] = {}
        self._spilled = budget.spill.area()
        self._batches = 0
        self._grow(count)
        budget.join(self)

    def process(self, models: Int64s, timestamps: Int64s, values: Float64s) -> Scores:
        """Score rows and learn them, in the given order within each model."""
        with self.lock:
            parts = [
                (rows, self._process(models[rows], timestamps[rows], values[rows]))
                for rows in self._turns(models)
            ]
            self._batches += 1
            if len(parts) == 1:
                return parts[0][1]
            return Joined.of(parts)

    def rescore(self, models: Int64s, values: Float64s) -> Scores:
        """Judge rows by the models as they are now; nothing is learned."""
        with self.lock:
            parts = []
            for rows in self._turns(models):
                guests = self._bring(np.unique(models[rows]))
                parts.append((rows, self._models.rescore(models[rows], values[rows])))
                self._budget.settle(self, guests=guests)
            return parts[0][1] if len(parts) == 1 else Joined.of(parts)

    def add(self, seeds: UInt64s) -> None:
        """Append new, untrained models; they get the next numbers."""
        with self.lock:
            self._models.add(seeds)
            self._grow(len(seeds))
            self._budget.settle(self)

    def save(self, models: Int64s) -> list[bytes]:
        """Write models down as bytes; those that are packed or spilled are that already."""
        with self.lock:
            states = self._state[models]
            saved: dict[int, bytes] = {}
            resident = models[states == RESIDENT]
            if len(resident):
                saved.update(zip(resident.tolist(), self._models.save(resident), strict=True))
            for number in models[states == PACKED].tolist():
                saved[number] = self._packed[number]
            spilled = models[states == SPILLED].tolist()
            saved.update(zip(spilled, self._spilled.read(spilled), strict=True))
            return [saved[number] for number in models.tolist()]

    def restore(self, saved: Sequence[bytes]) -> None:
        """Append models that ``save`` wrote down; they get the next numbers.

        Raises: CorruptState when one cannot be trusted.
        """
        with self.lock:
            for first in range(0, len(saved), MODELS_AT_ONCE):
                some = saved[first : first + MODELS_AT_ONCE]
                self._models.restore(some)
                self._grow(len(some))
                self._budget.settle(self)

    def updates(self) -> Int64s:
        """Return how many rows each model has learned."""
        with self.lock:
            return self._updates.copy()

    def sizes(self) -> Int64s:
        """Return the bytes that each model takes in memory when it is resident."""
        with self.lock:
            return self._size.copy()

    def resident(self) -> int:
        """Return how many models are ready to score, neither packed nor spilled. Thread-safe."""
        return int(self.counts[RESIDENT])

    def close(self) -> None:
        """Let go of everything; the models must not be used any more."""
        with self.lock:
            self._budget.leave(self)
            self._spilled.close()
            self._packed.clear()
            self._models.close()

    def expendable(self, state: int) -> Int64s:
        """Return the models of a state but for the detector's dedicated ones."""
        chosen = np.flatnonzero(self._state == state)
        if state != RESIDENT:
            return chosen
        keep = min(self._budget.dedicated, len(chosen))
        if not keep:
            return chosen
        order = np.argsort(self._uses[chosen], kind="stable")
        return chosen[order[: len(chosen) - keep]]

    def priority(self, models: Int64s) -> Float64s:
        """Return how much models are used: comparable between detectors, higher is more."""
        return self._uses[models] - self._batches * FADING

    def size_of(self, state: int, models: Int64s) -> Int64s:
        """Return the bytes that models take in a state."""
        return (self._size if state == RESIDENT else self._packed_size)[models]

    def demote(self, state: int, models: Int64s) -> None:
        """Pack resident models, or spill packed ones."""
        for first in range(0, len(models), MODELS_AT_ONCE):
            some = models[first : first + MODELS_AT_ONCE]
            if state == RESIDENT:
                data = self._models.pack(some)
                self._packed.update(zip(some.tolist(), data, strict=True))
                self._packed_size[some] = [len(one) for one in data]
            else:
                self._spilled.write(
                    [(number, self._packed.pop(number)) for number in some.tolist()]
                )
            self._move(some, state + 1)

    def _process(self, models: Int64s, timestamps: Int64s, values: Float64s) -> Scores:
        used = np.unique(models)
        guests = self._bring(used)
        scores = self._models.process(models, timestamps, values)
        self._measure(used)
        self._budget.settle(self, guests=guests)
        # only now: who stays is decided by the uses before this one
        self._uses[used] = np.logaddexp(self._uses[used], self._batches * FADING)
        return scores

    def _turns(self, models: Int64s) -> Iterator[Int64s]:
        """Cut rows into groups of few models, those of resident models first; at least one."""
        ready = self._state[models] == RESIDENT
        for rows in (np.flatnonzero(ready), np.flatnonzero(~ready)):
            if len(rows) or not len(models):
                for group in groups(models[rows], MODELS_AT_ONCE):
                    yield rows[group]

    def _bring(self, models: Int64s) -> bool:
        """Make models resident; return whether any was not."""
        packed = models[self._state[models] == PACKED]
        if len(packed):
            self._models.unpack(packed, [self._packed.pop(number) for number in packed.tolist()])
            self._move(packed, RESIDENT)
        spilled = models[self._state[models] == SPILLED]
        if len(spilled):
            self._models.unpack(spilled, self._spilled.take(spilled.tolist()))
            self._move(spilled, RESIDENT)
        return bool(len(packed) or len(spilled))

    def _move(self, models: Int64s, state: int) -> None:
        before = self._state[models]
        for old in range(3):
            some = models[before == old]
            self.held[old] -= int(self.size_of(old, some).sum())
            self.counts[old] -= len(some)
        self._state[models] = state
        self.held[state] += int(self.size_of(state, models).sum())
        self.counts[state] += len(models)

    def _measure(self, models: Int64s) -> None:
        """Look at the sizes and updates of resident models again."""
        self.held[RESIDENT] -= int(self._size[models].sum())
        self._size[models] = self._models.sizes_of(models)
        self._updates[models] = self._models.updates_of(models)
        self.held[RESIDENT] += int(self._size[models].sum())

    def _grow(self, count: int) -> None:
        first = len(self._state)
        new = np.arange(first, first + count)
        self._state = np.concatenate([self._state, np.zeros(count, dtype=np.int8)])
        self._size = np.concatenate([self._size, np.zeros(count, dtype=np.int64)])
        self._packed_size = np.concatenate([self._packed_size, np.zeros(count, dtype=np.int64)])
        self._updates = np.concatenate([self._updates, np.zeros(count, dtype=np.int64)])
        self._uses = np.concatenate([self._uses, np.full(count, self._batches * FADING)])
        self.counts[RESIDENT] += count
        self._measure(new)
