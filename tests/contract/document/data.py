"""The documents behind the examples: a log of five machines, with planted anomalies.

Deterministic for a given end; numbers are made in columns, then written as lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MINUTE = 60_000
MACHINES = 5
PER_MINUTE = 2 * MACHINES
SEED = 20_261_122
PROPERTIES = {
    "timestamp": {"type": "date"},
    "value": {"type": "double"},
    "latency": {"type": "double"},
    "host": {"type": "keyword"},
    "service": {"type": "keyword"},
    "ip": {"type": "ip"},
    "error_type": {"type": "keyword"},
    "message": {"type": "text"},
}
# (minutes before the end, minutes long, machine or None for all, factor)
ANOMALIES = (
    (200, 3, None, 4.0),
    (431, 5, 1, 6.0),
    (700, 2, None, 0.1),
    (905, 4, 3, 5.0),
    (1300, 6, 0, 3.5),
    (1900, 4, 2, 5.0),
    (2400, 4, 4, 5.0),
)


@dataclass(frozen=True)
class Log:
    """A span of log documents.

    Attributes:
        end: exclusive, epoch milliseconds at a full minute.
        minutes: length.
    """

    end: int
    minutes: int

    @property
    def start(self) -> int:
        """Epoch milliseconds of the first minute."""
        return self.end - self.minutes * MINUTE

    def dense(self) -> Iterator[str]:
        """Return ten lines a minute: five machines, two services."""
        random = np.random.default_rng(SEED)
        minute = np.repeat(np.arange(self.minutes), PER_MINUTE)
        machine = np.tile(np.repeat(np.arange(MACHINES), 2), self.minutes)
        service = np.tile(np.arange(2), self.minutes * MACHINES)
        factor = np.ones(len(minute))
        for before, length, only, strength in ANOMALIES:
            start = self.minutes - before
            hit = (minute >= start) & (minute < start + length)
            factor[hit & ((machine == only) if only is not None else True)] *= strength
        season = 100.0 + 30.0 * np.sin(2.0 * np.pi * minute / 1440.0)
        noise = random.normal(0.0, 3.0, len(minute))
        value = np.round((season + 10.0 * machine + 5.0 * service + noise) * factor, 3)
        latency = np.round(np.maximum(0.1, 20.0 + random.normal(0.0, 1.5, len(minute))), 3)
        error = random.integers(1, 5, len(minute))
        time = self.start + minute * MINUTE + random.integers(0, 59_000, len(minute))
        for row in range(len(minute)):
            name = ("web", "db")[service[row]]
            yield (
                f'{{"timestamp":{time[row]},"value":{value[row]},"latency":{latency[row]},'
                f'"host":"host-{machine[row] + 1}","service":"{name}",'
                f'"ip":"192.168.1.{machine[row] + 1}","error_type":"error{error[row]}",'
                f'"message":"request on {name}"}}'
            )

    def sparse(self) -> Iterator[str]:
        """Return one line every five minutes, of one machine after the other.

        Twice as long: advice on an interval looks back as many windows of that interval.
        """
        for position in range(-self.minutes, self.minutes, 5):
            host = f"host-{position // 5 % MACHINES + 1}"
            document = {
                "timestamp": self.start + position * MINUTE + 1000,
                "value": 100.0 + position % 7,
                "host": host,
                "service": "web",
            }
            yield json.dumps(document)
