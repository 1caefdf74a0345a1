"""The verdict, for people."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checker.run import Verdict


def lines(verdict: Verdict) -> Iterator[str]:
    count = len(verdict.findings)
    yield "CLEAN: nothing lost, nothing executed twice, nothing made or lost" if not count else f"NOT CLEAN: {count} findings"
    for finding in verdict.findings:
        yield f"\n{finding.kind}: {finding.who}\n    {finding.what}"
        yield from (f"    {place}" for place in finding.places)
    yield "\nfigures: " + ", ".join(f"{figure} {count}" for figure, count in verdict.figures.items())
    for chain in verdict.chains:
        where, history = chain.history.where, chain.history
        yield f"{where.name}: grid 0x{where.grid.hex()} up to block {history.height}, its clock {history.now}"
        yield from (f"    {', '.join(f'{name} {amount}' for name, amount in sums.items())}" for sums in chain.sums)
