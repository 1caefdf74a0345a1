"""Every figure that is promised, beside the raw client's in the same run: `python -m tests.bench [--quick] [GROUP ...]`."""

from __future__ import annotations

import argparse
import os
import sys
import time

import uvloop
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.bench import book, claims, crypto, footprint, health, latency, lone, model, permits, startup, throughput
from tests.bench.figure import FULL, QUICK, Figure, Scale, Verdict

GROUPS = (startup, footprint, health, crypto, book, model, claims, permits, lone, throughput, latency)
NAMES = [group.__name__.rpartition(".")[2] for group in GROUPS]
LOG_WIDTH = 120
STYLES: dict[Verdict, str] = {"": "", "ok": "green", "MISS": "red"}


async def measure(scale: Scale, console: Console, wanted: list[str]) -> list[Figure]:
    figures: list[Figure] = []
    for name, group in zip(NAMES, GROUPS, strict=True):
        if wanted and name not in wanted:
            continue
        began = time.monotonic()
        figures += [figure async for figure in group.measure(scale)]
        console.print(f"[dim]measured {name} in {time.monotonic() - began:.0f} s[/dim]")
    return figures


def table(figures: list[Figure], title: str) -> Table:
    drawn = Table("figure", title=title, title_justify="left")
    for column in ("ours", "raw", "ratio", "target", ""):
        drawn.add_column(column, justify="right", no_wrap=True)
    for figure in figures:
        drawn.add_row(
            figure.name,
            f"{_number(figure.ours)} {figure.unit}",
            "" if figure.raw is None else _number(figure.raw),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            _target(figure),
            Text(figure.verdict, STYLES[figure.verdict]),
        )
    return drawn


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _target(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    sign = ">=" if figure.goal.at == "least" else "<="
    return f"{sign} {figure.goal.bound:g} {'' if figure.goal.of == 'ratio' else figure.unit}".rstrip()


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("--quick", action="store_true", help="less of everything: a look, not a verdict; never fails")
    options.add_argument("groups", nargs="*", choices=[[], *NAMES], metavar="GROUP", help=f"only these: {', '.join(NAMES)}")
    chosen = options.parse_args()
    quick: bool = chosen.quick
    console, began = Console(), time.monotonic()
    if not console.is_terminal:
        console.width = LOG_WIDTH
    load = os.getloadavg()[0]
    figures = uvloop.run(measure(QUICK if quick else FULL, console, chosen.groups))
    what = "a quick look" if quick else "figures"
    machine = f"load of the machine at the start {load:.1f} on {os.cpu_count()} cores"
    console.print(table(figures, f"{what}, {time.monotonic() - began:.0f} s, {machine}"))
    missed = [
        figure.name + (" (the raw client, too)" if figure.raw_misses_too else "")
        for figure in figures
        if figure.verdict == "MISS"
    ]
    if missed:
        console.print(f"missed: {'; '.join(missed)}" + (" (quick: does not count)" if quick else ""))
    return 1 if missed and not quick else 0


sys.exit(main())
