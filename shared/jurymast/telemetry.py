"""Logs, metrics and traces, the same in every service."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from jurymast.errors import Misconfigured

TRACE_HEADER = "traceparent"


# -- traces (W3C Trace Context) ----------------------------------------------------------------------------------------


class Trace(NamedTuple):
    """The place of the current work in a trace that may span services."""

    trace_id: str
    span_id: str

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_current: ContextVar[Trace | None] = ContextVar("jurymast_trace", default=None)


def current_trace() -> Trace | None:
    return _current.get()


def parse_traceparent(header: str | None) -> Trace | None:
    """A malformed header starts a new trace: tracing never fails a message."""
    match = _TRACEPARENT.fullmatch(header) if header else None
    return Trace(match[1], match[2]) if match else None


class Tracer:
    """Follows work from message to message. Exports spans only when an OTLP endpoint is configured."""

    def __init__(self, service: str, otlp_endpoint: str = "") -> None:
        self._otel = _otel_tracer(service, otlp_endpoint) if otlp_endpoint else None

    @contextmanager
    def span(self, name: str, parent: Trace | None = None) -> Iterator[Trace]:
        parent = parent or _current.get()
        if self._otel is not None:
            with self._otel.span(name, parent) as trace, _entered(trace):
                yield trace
            return
        trace = Trace(parent.trace_id if parent else os.urandom(16).hex(), os.urandom(8).hex())
        with _entered(trace):
            yield trace

    def close(self) -> None:
        if self._otel is not None:
            self._otel.close()


@contextmanager
def _entered(trace: Trace) -> Iterator[None]:
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


def _otel_tracer(service: str, endpoint: str) -> Any:
    try:
        from jurymast.otel import OtelTracer  # noqa: PLC0415  An optional extra: imported only when asked for.
    except ImportError:
        raise Misconfigured("JURYMAST_OTLP_ENDPOINT is set but OpenTelemetry is missing: pip install 'jurymast[otel]'") from None
    return OtelTracer(service, endpoint)


# -- metrics -----------------------------------------------------------------------------------------------------------


class Metrics:
    """The frame's own metrics; a service adds its own to the same registry. Labels never hold keys from subjects."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        outcome = ["consumer", "outcome"]
        self.handled = self._counter("messages_handled", "Messages by outcome: ok, retried, dead.", outcome)
        self.published = self._counter("messages_published", "Messages by outcome: ok, failed.", ["channel", "outcome"])
        self.bus_errors = self._counter("bus_errors", "Errors that the NATS client reported by itself.")
        self.violations = self._counter("bus_permission_violations", "What the NATS server did not let this service do.")
        self.handle_seconds = Histogram(
            "jurymast_handle_seconds",
            "Time in the handler, of a message or a batch.",
            ["consumer"],
            registry=self.registry,
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.backlog = self._gauge("consumer_backlog", "Messages waiting for this consumer.", ["consumer"])
        self.unsettled = self._gauge(
            "consumer_unsettled_ratio", "Unsettled messages by how many may be: at 1, nothing new is delivered.", ["consumer"]
        )
        self.outbox = self._gauge(
            "outbox_messages", "Committed messages that are not on the bus: pending, or refused.", ["state"]
        )
        self.ready = self._gauge("ready", "1 when every readiness check passes.")
        self.round_trip = self._gauge("nats_round_trip_seconds", "The last application-level round trip.")
        self.leading = self._gauge("lease_held", "1 while this instance leads.", ["lease"])

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(f"jurymast_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"jurymast_{name}", text, labels, registry=self.registry)


# -- logs --------------------------------------------------------------------------------------------------------------

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object per line; what is passed as `extra` becomes fields."""

    def __init__(self, service: str, instance: str) -> None:
        super().__init__()
        self._fixed = {"service": service, "instance": instance}

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {"ts": moment, "level": record.levelname.lower(), **self._fixed}
        line["message"] = record.getMessage()
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}
        line |= {name: value for name, value in extra.items() if name not in line}
        if trace := _current.get():
            line["trace_id"] = trace.trace_id
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        try:
            return msgspec.json.encode(line, enc_hook=str).decode()
        except UnicodeEncodeError:  # Lone surrogates, as in names of files that are not UTF-8: only this one takes them.
            return json.dumps(line, default=str)


def start_logging(service: str, instance: str, level: str) -> None:
    """Everything this process logs goes to standard output, one JSON object per line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service, instance))
    known = logging.getLevelNamesMapping()
    if level.upper() not in known:
        raise Misconfigured(f"JURYMAST_LOG_LEVEL: {level!r} is none of {', '.join(name.lower() for name in known)}")
    logging.basicConfig(level=known[level.upper()], handlers=[handler], force=True)
    # Its idle pulls log spurious timeouts; the bus reports what matters.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
