"""Spans for OpenTelemetry, where it is installed (``pip install 'anomalyd[otel]'``); else nothing.

A leaf like ``metrics``. The tracer is made in the composition root; nothing of OpenTelemetry is
imported unless somebody asks for it, and no span is made globally.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from anomalyd.errors import IllegalArgument

Close = Callable[[], None]


class Tracer(Protocol):
    """Makes spans. Thread-safe."""

    def span(self, name: str, **attributes: str | int | float) -> AbstractContextManager[None]:
        """Measure a block under a name; an exception that leaves it marks the span as failed."""
        ...

    def close(self) -> None:
        """Send what is still waiting."""
        ...


class NoTracer:
    """Measures nothing."""

    @contextmanager
    def span(self, name: str, **attributes: str | int | float) -> Iterator[None]:
        """Run the block."""
        del name, attributes
        yield

    def close(self) -> None:
        """Nothing waits."""


def open_tracer(endpoint: str) -> Tracer:
    """Return a tracer that sends spans to a collector (OTLP over gRPC); empty = no tracing.

    Raises: IllegalArgument when an endpoint is given and OpenTelemetry is not installed.
    """
    if not endpoint:
        return NoTracer()
    try:
        from anomalyd.tracing_otlp import OtlpTracer
    except ImportError as error:
        raise IllegalArgument(
            "setting [trace_endpoint] needs OpenTelemetry: pip install 'anomalyd[otel]'",
            field="trace_endpoint",
        ) from error
    return OtlpTracer.to(endpoint)
