"""What a person sees of a running mesh: the merged log, and on a terminal a table of the processes below it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypedDict

import psutil
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jurymast.cli.mesh import logs
from jurymast.cli.mesh.logs import Line

MIB = 1 << 20
STATE_STYLES = {"ready": "green", "starting": "cyan", "waiting": "dim", "stopped": "dim"}
LEVEL_STYLES = {"debug": "dim", "info": "", "warning": "yellow", "error": "red"}
HIDDEN = frozenset({"debug"})


@dataclass(frozen=True, kw_only=True)
class Row:
    """One process as it is shown, by the live table and by `jurymast status`."""

    name: str
    state: str
    port: int
    restarts: int
    reason: str = ""
    pid: int | None = None
    uptime_s: float | None = None
    memory_bytes: int | None = None
    cpu_percent: float | None = None


class Usage(TypedDict):
    uptime_s: float | None
    memory_bytes: int | None
    cpu_percent: float | None


NO_USAGE = Usage(uptime_s=None, memory_bytes=None, cpu_percent=None)


def usage(process: psutil.Process) -> Usage:
    """Processor time since the last call for the same object; since its start for a new one."""
    try:
        return Usage(
            uptime_s=time.time() - process.create_time(),
            memory_bytes=process.memory_info().rss,
            cpu_percent=process.cpu_percent(),
        )
    except psutil.Error:
        return NO_USAGE


class View(Protocol):
    def line(self, line: Line) -> None: ...

    def table(self, rows: Sequence[Row], title: str) -> None: ...

    def close(self) -> None: ...


class PlainView:
    """For pipes and files: the merged log, line by line."""

    def __init__(self, names: Iterable[str]) -> None:
        self._width = max(map(len, names))
        self._open = True

    def line(self, line: Line) -> None:
        if line.level in HIDDEN or not self._open:
            return
        try:
            print(logs.readable(line, None, width=self._width), flush=True)
        except OSError:  # Nobody reads any more. The mesh runs on; its logs are on disk.
            self._open = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def table(self, rows: Sequence[Row], title: str) -> None:
        """A pipe gets what happens, not how things stand."""

    def close(self) -> None:
        pass


class LiveView:
    """For terminals: the log scrolls as usual, the table stays below it."""

    def __init__(self, names: Iterable[str], console: Console | None = None) -> None:
        self._width = max(map(len, names))
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")
        self._live.start()

    def line(self, line: Line) -> None:
        if line.level not in HIDDEN:
            text = logs.readable(line, None, width=self._width)
            with suppress(OSError):  # The terminal may be gone; stopping the mesh matters more than saying so.
                self._live.console.print(Text(text, style=LEVEL_STYLES[line.level]), soft_wrap=True)

    def table(self, rows: Sequence[Row], title: str) -> None:
        with suppress(OSError):
            self._live.update(Group(table(rows, title), *map(Text, reasons(rows))), refresh=True)

    def close(self) -> None:
        with suppress(OSError):
            self._live.stop()


def open_view(names: Iterable[str]) -> View:
    return LiveView(names) if sys.stdout.isatty() else PlainView(names)


def table(rows: Iterable[Row], title: str) -> Table:
    """As wide as a terminal of 80 columns is; what does not fit there are the reasons."""
    grid = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("name", "state"):
        grid.add_column(heading, no_wrap=True)
    for heading in ("pid", "port", "uptime", "restarts", "memory", "cpu"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        grid.add_row(*cells(row))
    return grid


def reasons(rows: Iterable[Row]) -> list[str]:
    """Why those that are not ready are not."""
    return [f"{row.name}: {row.reason}" for row in rows if row.reason]


def cells(row: Row) -> tuple[Text, ...]:
    style = STATE_STYLES.get(row.state, "red")
    memory = "-" if row.memory_bytes is None else f"{row.memory_bytes / MIB:.0f} MiB"
    cpu = "-" if row.cpu_percent is None else f"{row.cpu_percent:.0f} %"
    plain = (str(row.pid or "-"), str(row.port), uptime(row.uptime_s), str(row.restarts), memory, cpu)
    return (Text(row.name), Text(row.state, style=style), *map(Text, plain))


def uptime(seconds: float | None) -> str:
    """The two largest units, as people say it."""
    if seconds is None:
        return "-"
    whole = int(seconds)
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours:02}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {whole % 60:02}s" if minutes else f"{whole}s"
