"""Figures for Prometheus: every one is defined here, with its name, help and labels.

A leaf like ``errors``: whoever has something to tell is given the object. There is one per
application, made in the composition root; nothing registers itself anywhere else.
docs/operations.md says what each figure is good for, and a test that it names all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
_TICK_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_SOURCE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """All figures of one application. Thread-safe."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "anomalyd_requests",
            "Requests answered, by surface (grpc, rest), operation and status.",
            ("surface", "operation", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "anomalyd_request_seconds",
            "Time to answer a request; streams are not measured.",
            ("surface", "operation"),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._tick_lag = Histogram(
            "anomalyd_tick_lag_seconds",
            "From the moment at which a window was due to its results being stored.",
            buckets=_TICK_SECONDS,
            registry=registry,
        )
        self._ticks = Counter(
            "anomalyd_ticks",
            "Ticks of running detectors, by outcome (scored, empty, failed, caught_up, dropped).",
            ("outcome",),
            registry=registry,
        )
        self._windows = Counter(
            "anomalyd_windows_scored",
            "Windows scored and stored in real time, one per series.",
            registry=registry,
        )
        self._rescored = Counter(
            "anomalyd_results_rescored",
            "Results that were replaced because documents came late.",
            registry=registry,
        )
        self._source_seconds = Histogram(
            "anomalyd_source_seconds",
            "Time of an answer of the source, by operation, also of those that fail.",
            ("operation",),
            buckets=_SOURCE_SECONDS,
            registry=registry,
        )
        self._gauges: dict[str, Gauge] = {}
        self._lock = threading.Lock()

    def render(self) -> bytes:
        """Return all figures as they are now, in Prometheus' text format."""
        return generate_latest(self.registry)

    def answered(self, surface: str, operation: str, status: str, seconds: float | None) -> None:
        """Count a request.

        Args:
            surface: ``grpc`` or ``rest``.
            operation: ``Service/Method``.
            status: name of the gRPC code, or the HTTP status.
            seconds: how long it took; None for a stream.
        """
        self._requests.labels(surface, operation, status).inc()
        if seconds is not None:
            self._request_seconds.labels(surface, operation).observe(seconds)

    def ticked(self, outcome: str, *, lag: float | None = None, rows: int = 0) -> None:
        """Count a tick.

        Args:
            outcome: one of those that the figure's help names.
            lag: seconds from the moment it was due; None where nothing was stored.
            rows: series scored.
        """
        self._ticks.labels(outcome).inc()
        self._windows.inc(rows)
        if lag is not None:
            self._tick_lag.observe(lag)

    def rescored(self, results: int) -> None:
        """Count results that were replaced because documents came late."""
        self._rescored.inc(results)

    def source_answered(self, operation: str, seconds: float) -> None:
        """Count an answer of the source; ``operation`` is the method of ``source.base.Source``."""
        self._source_seconds.labels(operation).observe(seconds)

    def gauge(self, name: str, help: str, read: Callable[[], float], **labels: str) -> None:
        """Add a figure that is read when somebody asks.

        Args:
            name: begins with ``anomalyd_``.
            help: what it is, with its unit.
            read: called for every scrape, on any thread; must be quick.
            labels: of this one value; several calls with one name differ in them.
        """
        with self._lock:
            known = self._gauges.get(name)
            if known is None:
                known = Gauge(name, help, tuple(labels), registry=self.registry)
                self._gauges[name] = known
        (known.labels(**labels) if labels else known).set_function(read)
