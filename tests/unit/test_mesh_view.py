"""What people see of a mesh."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from jurymast.cli.mesh.logs import Line
from jurymast.cli.mesh.view import LiveView, PlainView, Row, table, uptime

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


def test_the_table_shows_every_process_and_why_it_is_not_ready() -> None:
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(table([READY, WAITING], "a mesh"))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in console.export_text().splitlines() if "│" in line]
    assert rows == [
        ["nats", "ready", "7", "4222", "1m 01s", "1", "17 MiB", "5 %", ""],
        ["echo", "waiting", "-", "8080", "-", "0", "-", "-", "waits for [bold]nats"],
    ]


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
