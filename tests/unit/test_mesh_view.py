"""What people see of a mesh."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from jurymast.cli.mesh.logs import Line
from jurymast.cli.mesh.view import LiveView, PlainView, Row, reasons, table, uptime

READY = Row(name="nats", state="ready", port=4222, restarts=1, pid=7, uptime_s=61, memory_bytes=17 << 20, cpu_percent=4.6)
WAITING = Row(name="echo", state="waiting", port=8080, restarts=0, reason="waits for [bold]nats")
LINE = Line(name="nats", message="[red]Server[/red] is ready", time=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.9, "0s"), (59, "59s"), (60, "1m 00s"), (3_599, "59m 59s"), (3_600, "1h 00m"), (90_061, "1d 01h")],
)
def test_uptime(seconds: float | None, text: str) -> None:
    assert uptime(seconds) == text


@given(st.floats(0, 1e9, allow_nan=False))
def test_uptime_fits_its_column(seconds: float) -> None:
    assert len(uptime(seconds)) <= 10


LONGEST = Row(
    name="health-monitor", state="not ready", port=65_535, restarts=1000, pid=4_194_304, uptime_s=364 * 86_400,
    memory_bytes=9999 << 20, cpu_percent=100, reason="JURYMAST_CHAINS_FILE: cannot read it " + "at all " * 20,
)  # fmt: skip


def test_the_table_shows_every_process_within_80_columns() -> None:
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(table([READY, WAITING, LONGEST], "a mesh"))
    assert [re.split(r"  +", line.strip()) for line in console.export_text().splitlines()] == [
        ["a mesh"],
        ["name", "state", "pid", "port", "uptime", "restarts", "memory", "cpu"],
        ["nats", "ready", "7", "4222", "1m 01s", "1", "17 MiB", "5 %"],
        ["echo", "waiting", "-", "8080", "-", "0", "-", "-"],
        ["health-monitor", "not ready", "4194304", "65535", "364d 00h", "1000", "9999 MiB", "100 %"],
    ]


def test_why_a_process_is_not_ready_is_said_in_full() -> None:
    assert reasons([READY, WAITING, LONGEST]) == ["echo: waits for [bold]nats", f"health-monitor: {LONGEST.reason}"]
    output = io.StringIO()
    view = LiveView(["nats"], Console(file=output, force_terminal=True, width=80, height=30, color_system=None))
    view.table([READY, WAITING], "a mesh")
    view.close()
    assert "echo: waits for [bold]nats" in output.getvalue()


def test_the_live_view_keeps_the_table_below_the_log() -> None:
    output = io.StringIO()
    view = LiveView(["nats", "echo"], Console(file=output, force_terminal=True, width=100, height=30, color_system=None))
    view.table([READY], "before")
    view.line(LINE)
    view.line(Line(name="nats", message="hidden", level="debug"))
    view.table([READY, WAITING], "after")
    text = output.getvalue()
    view.close()
    assert text.index("before") < text.index("[red]Server[/red] is ready") < text.index("after")
    assert "hidden" not in text


def test_the_plain_view_prints_lines(capfd: pytest.CaptureFixture[str]) -> None:
    view = PlainView(["nats"])
    view.line(LINE)
    view.line(Line(name="nats", message="hidden", level="debug"))
    view.table([READY], "no table")
    view.close()
    printed = capfd.readouterr().out
    assert printed.endswith(" nats [red]Server[/red] is ready\n")
    assert printed.count("\n") == 1
