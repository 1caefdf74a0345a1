from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from jurymast.envelope import stamp
from jurymast.errors import Misconfigured
from jurymast.messages.channel import Channel, Message
from jurymast.telemetry import JsonFormatter, Metrics, Trace, Tracer, current_trace, parse_traceparent, start_logging

# -- logs --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a process that has started its logging writes to standard output."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    nats, access = logging.getLogger("nats").level, logging.getLogger("aiohttp.access").level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    root.handlers = []  # Those of the test runner are not ours to close.
    start_logging("mirror", "host-1", "info")
    yield written
    root.handlers, root.level = before
    logging.getLogger("nats").setLevel(nats)
    logging.getLogger("aiohttp.access").setLevel(access)


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_says_when_who_and_what(output: io.StringIO) -> None:
    logging.getLogger("jurymast.test").warning("player %d left\nmatch %s", 7, "A7", extra={"match": "A7", "seat": 3})
    (line,) = lines(output)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("ts"))
    assert line == {
        "level": "warning",
        "service": "mirror",
        "instance": "host-1",
        "message": "player 7 left\nmatch A7",
        "match": "A7",
        "seat": 3,
    }


def test_an_error_carries_its_traceback_in_the_same_line(output: io.StringIO) -> None:
    try:
        _ = dict[str, int]()["seat"]
    except KeyError:
        logging.getLogger("jurymast.test").exception("no seat")
    (line,) = lines(output)
    assert line["level"] == "error"
    assert line["error"].startswith("Traceback")
    assert line["error"].endswith("KeyError: 'seat'")


def test_a_line_written_during_a_trace_can_be_found_by_it(output: io.StringIO) -> None:
    with Tracer("mirror").span("handle") as trace:
        logging.getLogger("jurymast.test").info("inside")
    logging.getLogger("jurymast.test").info("outside")
    inside, outside = lines(output)
    assert inside["trace_id"] == trace.trace_id
    assert "trace_id" not in outside


def test_only_the_configured_level_and_above(output: io.StringIO) -> None:
    logging.getLogger("jurymast.test").debug("unheard")
    logging.getLogger("jurymast.test").info("heard")
    assert [line["message"] for line in lines(output)] == ["heard"]


def test_the_clients_spurious_errors_are_kept_out(output: io.StringIO) -> None:
    logging.getLogger("nats.aio.client").error("nats: timeout")
    logging.getLogger("aiohttp.access").info("GET /livez")
    assert lines(output) == []


@pytest.mark.usefixtures("output")
def test_an_unknown_level_names_the_variable_and_the_levels() -> None:
    with pytest.raises(Misconfigured, match=r"JURYMAST_LOG_LEVEL: 'loud' is none of critical, .*debug"):
        start_logging("mirror", "host-1", "loud")


ANY_TEXT = st.text(st.characters(exclude_categories=()))  # Lone surrogates too: names of files may hold them.
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary() | st.just(object()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3) | st.tuples(inner),
    max_leaves=6,
)


@given(text=ANY_TEXT, value=ODD)
@example(text="cannot read \udcff", value=None)
@example(text="cannot read", value="\udcff")
def test_whatever_is_logged_is_one_line_of_json(text: str, value: object) -> None:
    record = logging.LogRecord("test", logging.INFO, "file", 1, text, None, None)
    record.odd = value
    formatted = JsonFormatter("mirror", "host-1").format(record)
    assert "\n" not in formatted
    parsed = json.loads(formatted)
    assert parsed["message"] == text
    assert "odd" in parsed
    formatted.encode()


# -- traces ------------------------------------------------------------------------------------------------------------

HEX_32 = st.integers(1, 2**128 - 1).map(lambda n: f"{n:032x}")
HEX_16 = st.integers(1, 2**64 - 1).map(lambda n: f"{n:016x}")


@given(HEX_32, HEX_16)
def test_a_trace_survives_the_header(trace_id: str, span_id: str) -> None:
    trace = Trace(trace_id, span_id)
    assert parse_traceparent(trace.traceparent) == trace


@given(HEX_32, HEX_16, st.integers(0, 255))
def test_flags_of_other_tracers_are_accepted(trace_id: str, span_id: str, flags: int) -> None:
    assert parse_traceparent(f"00-{trace_id}-{span_id}-{flags:02x}") == Trace(trace_id, span_id)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00",
        f"00-{'a' * 32}-{'b' * 16}",
        f"00-{'a' * 32}-{'b' * 16}-1",
        f"00-{'a' * 32}-{'b' * 16}-01-more",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"00-{'a' * 31}-{'b' * 16}-01",
        f"00-{'g' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-01\n",
        f"ff-{'a' * 32}-{'b' * 16}-01",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
    ],
)
def test_a_malformed_header_is_no_trace(header: str | None) -> None:
    assert parse_traceparent(header) is None


@given(st.text(max_size=80))
def test_no_header_can_fail_a_message(header: str) -> None:
    trace = parse_traceparent(header)
    assert trace is None or trace.traceparent[:-2] == header[:-2]


def test_spans_nest_and_end() -> None:
    tracer = Tracer("mirror")
    assert current_trace() is None
    with tracer.span("outer") as outer:
        assert current_trace() == outer
        with tracer.span("inner") as inner:
            assert current_trace() == inner
            assert inner.trace_id == outer.trace_id
            assert inner.span_id != outer.span_id
        assert current_trace() == outer
    assert current_trace() is None


def test_a_span_ends_with_an_error_too() -> None:
    with pytest.raises(ValueError, match="inside"), Tracer("mirror").span("failing"):
        raise ValueError("inside")
    assert current_trace() is None


def test_spans_without_a_parent_start_traces_of_their_own() -> None:
    tracer = Tracer("mirror")
    ids: list[str] = []
    for _ in range(20):
        with tracer.span("one") as trace:
            assert parse_traceparent(trace.traceparent) == trace
            ids += trace
    assert len(set(ids)) == 40


async def test_each_task_is_in_its_own_span() -> None:
    tracer, both_inside = Tracer("mirror"), asyncio.Barrier(2)

    async def work() -> tuple[Trace, Trace | None]:
        with tracer.span("work") as mine:
            await both_inside.wait()
            return mine, current_trace()

    results = await asyncio.gather(work(), work())
    assert [mine for mine, _ in results] == [seen for _, seen in results]
    assert results[0] != results[1]


class Moved(Message, frozen=True, kw_only=True):
    id: str


MOVED = Channel("match.moved.{id}", Moved, summary="")


def test_a_trace_goes_on_in_the_service_that_reads_the_message() -> None:
    with Tracer("mirror").span("publish") as sending:
        headers = stamp(MOVED, "1")
    assert headers == {"Nats-Msg-Id": "match.moved/1", "Jurymast-Schema": "match.moved/1", "traceparent": sending.traceparent}
    with Tracer("bridge").span("handle", parse_traceparent(headers["traceparent"])) as handling:
        assert handling.trace_id == sending.trace_id
        assert handling.span_id != sending.span_id


def test_without_a_trace_there_is_no_header() -> None:
    assert stamp(MOVED) == {"Jurymast-Schema": "match.moved/1"}


def test_exporting_without_the_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jurymast.otel", None)
    with pytest.raises(Misconfigured, match=r"JURYMAST_OTLP_ENDPOINT is set but .* pip install 'jurymast\[otel\]'"):
        Tracer("mirror", "http://127.0.0.1:4318")


def test_exported_spans_are_the_traces_that_messages_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    exported = {"http://collector:4318/v1/traces": InMemorySpanExporter()}
    monkeypatch.setattr("jurymast.otel.OTLPSpanExporter", lambda endpoint: exported[endpoint])
    tracer = Tracer("mirror", "http://collector:4318/")
    remote = Trace("a" * 32, "b" * 16)
    with tracer.span("handle", remote) as outer, tracer.span("publish") as inner:
        assert current_trace() == inner
    tracer.close()
    spans = {span.name: span for exporter in exported.values() for span in exporter.get_finished_spans()}
    assert spans["handle"].resource.attributes["service.name"] == "jurymast-mirror"
    for span, trace, parent in ((spans["handle"], outer, remote), (spans["publish"], inner, outer)):
        assert (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}") == trace
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == parent.span_id
        assert trace.trace_id == remote.trace_id


# -- metrics -----------------------------------------------------------------------------------------------------------


def test_what_dashboards_and_alerts_are_built_on() -> None:
    metrics = Metrics()
    names = {metric.name: metric.type for metric in metrics.registry.collect()}
    assert names == {
        "jurymast_messages_handled": "counter",
        "jurymast_messages_published": "counter",
        "jurymast_bus_errors": "counter",
        "jurymast_bus_permission_violations": "counter",
        "jurymast_handle_seconds": "histogram",
        "jurymast_consumer_backlog": "gauge",
        "jurymast_consumer_unsettled_ratio": "gauge",
        "jurymast_outbox_messages": "gauge",
        "jurymast_ready": "gauge",
        "jurymast_nats_round_trip_seconds": "gauge",
        "jurymast_lease_held": "gauge",
    }


def test_metrics_of_two_frames_in_one_process_are_apart() -> None:
    one, two = Metrics(), Metrics()
    one.handled.labels("taker", "ok").inc(3)
    assert b'jurymast_messages_handled_total{consumer="taker",outcome="ok"} 3.0' in generate_latest(one.registry)
    assert b"taker" not in generate_latest(two.registry)
