"""Spans, with OpenTelemetry and without."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from anomalyd.errors import IllegalArgument
from anomalyd.tracing import NoTracer, open_tracer
from anomalyd.tracing_otlp import OtlpTracer


def test_spans_carry_name_attributes_and_failure() -> None:
    """Nested blocks are nested spans; an exception that leaves a block marks its span."""
    exporter = InMemorySpanExporter()
    tracer = OtlpTracer(exporter)

    def work() -> None:
        with tracer.span("outer", detector_id="d"):
            with tracer.span("inner"):
                pass
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        work()
    tracer.close()
    inner, outer = exporter.get_finished_spans()
    assert (inner.name, outer.name) == ("inner", "outer")
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert dict(outer.attributes or {}) == {"detector_id": "d"}
    assert not outer.status.is_ok
    assert inner.status.is_ok or inner.status.is_unset


def test_without_an_endpoint_nothing_is_traced() -> None:
    """The tracer that does nothing lets exceptions through."""
    tracer = open_tracer("")
    assert isinstance(tracer, NoTracer)
    with pytest.raises(ValueError, match="boom"), tracer.span("any"):
        raise ValueError("boom")
    tracer.close()


def test_an_endpoint_without_the_extra_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the setting and the extra."""
    monkeypatch.setitem(sys.modules, "anomalyd.tracing_otlp", None)
    with pytest.raises(IllegalArgument, match=r"anomalyd\[otel\]") as caught:
        open_tracer("localhost:4317")
    assert caught.value.field == "trace_endpoint"
