"""Export of traces with OpenTelemetry. Imported only when an endpoint is configured and the extra is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from jurymast.telemetry import Trace

CLOSE_S = 2.0


class OtelTracer:
    def __init__(self, service: str, endpoint: str) -> None:
        resource = Resource.create({"service.name": f"jurymast-{service}"})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("jurymast")

    @contextmanager
    def span(self, name: str, parent: Trace | None) -> Iterator[Trace]:
        with self._tracer.start_as_current_span(name, context=_context(parent)) as span:
            ids = span.get_span_context()
            yield Trace(f"{ids.trace_id:032x}", f"{ids.span_id:016x}")

    def close(self) -> None:
        """Send what is left, but do not wait for a collector that does not answer: traces are worth no late end."""
        closing = Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_S)


def _context(parent: Trace | None) -> Context | None:
    if parent is None:
        return None
    remote = api.SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=api.TraceFlags(1))
    return api.set_span_in_context(api.NonRecordingSpan(remote))
