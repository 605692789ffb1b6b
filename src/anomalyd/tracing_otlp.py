"""Spans sent to an OpenTelemetry collector. Imported only by ``tracing.open_tracer``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter


class OtlpTracer:
    """Makes spans of the service ``anomalyd`` (implements ``tracing.Tracer``).

    Args:
        exporter: where they go; batches are sent on a thread of OpenTelemetry's.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": "anomalyd"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("anomalyd")

    @classmethod
    def to(cls, endpoint: str) -> OtlpTracer:
        """Return a tracer that sends to a collector's gRPC port, such as ``localhost:4317``."""
        return cls(OTLPSpanExporter(endpoint=endpoint, insecure=True))

    @contextmanager
    def span(self, name: str, **attributes: str | int | float) -> Iterator[None]:
        """Measure a block under a name; an exception that leaves it marks the span as failed."""
        with self._tracer.start_as_current_span(name, attributes=attributes):
            yield

    def close(self) -> None:
        """Send what is still waiting."""
        self._provider.shutdown()
