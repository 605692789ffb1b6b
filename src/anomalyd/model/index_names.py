"""Names of the indices that hold our own documents; one setting changes the prefix of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class IndexNames:
    """The names, as the architecture lists them.

    Attributes:
        prefix: of all internal indices; begins with a period, so that they are hidden.
    """

    prefix: str = ".searchguard-ad-"

    @property
    def detectors(self) -> str:
        """Index of the detectors."""
        return f"{self.prefix}anomaly-detectors"

    @property
    def jobs(self) -> str:
        """Index of the real-time jobs."""
        return f"{self.prefix}anomaly-detector-jobs"

    @property
    def state(self) -> str:
        """Index of the tasks."""
        return f"{self.prefix}state"

    @property
    def checkpoints(self) -> str:
        """Index of what a run needs to go on after an interruption."""
        return f"{self.prefix}checkpoints"

    @property
    def settings(self) -> str:
        """Index of the settings that were changed while the service ran."""
        return f"{self.prefix}settings"

    @property
    def results(self) -> str:
        """Pattern of all default result indices."""
        return f"{self.prefix}results-history-*"

    @property
    def custom_results(self) -> str:
        """How names of custom result indices begin."""
        return f"{self.prefix.lstrip('.')}result-"

    def results_from(self, own: str | None) -> str:
        """Return where a detector's results are: its own result index, or the default ones."""
        return own or self.results

    def results_into(self, own: str | None, now: int) -> str:
        """Return where a detector's results of a time, epoch ms, go: as ``results_from``."""
        return own or self.results_of(now)

    def results_of(self, now: int) -> str:
        """Return the default result index of the day (UTC) that a time, epoch ms, falls on."""
        day = datetime.fromtimestamp(now / 1_000, tz=UTC)
        return f"{self.prefix}results-history-{day:%Y.%m.%d}-1"
