"""What one chain says of another: epochs, credits and what became of batches in doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.checker.chain import Audited
from tests.checker.findings import Finding, Kind, hexed
from tests.checker.history import Event


def check(chains: Sequence[Audited]) -> Iterator[Finding]:
    yield from _split(chains)
    by_number = {chain.history.where.number: chain for chain in chains}
    for chain in chains:
        yield from _credited_again(chain)
        for event in chain.history.events:
            if event.name in ("Credited", "Resolved"):
                yield from _unfounded(event, by_number.get(event.fields["origin"]))


def _split(chains: Sequence[Audited]) -> Iterator[Finding]:
    """Each epoch is one: the same chain, root, totals, fee and height of its source wherever it is known."""
    first: dict[int, tuple[Event, dict[str, Any]]] = {}
    for chain in chains:
        for event in (event for event in chain.history.events if event.name == "Transitioned"):
            begun = _begun(chain, event)
            other, before = first.setdefault(event.fields["epoch"], (event, begun))
            if any(before[name] != begun[name] for name in before.keys() & begun.keys()):
                text = f"{hexed(before)}, and {hexed(begun)}"
                yield Finding(Kind.SPLIT, f"epoch {event.fields['epoch']}", text, (other.place, event.place))


def _begun(chain: Audited, event: Event) -> dict[str, Any]:
    """With the height that was signed, which no event tells. Where the call is unseen, that is a finding of its own."""
    call = chain.history.calls[event.place.tx]
    signed = call.arguments[0] if call is not None and call.name == "transition" else {}
    return event.fields | {name: signed[name] for name in ("sourceHeight",) if name in signed}


def _credited_again(chain: Audited) -> Iterator[Finding]:
    """Once in an epoch: what was credited in an older one is dead, or stands in the cut."""
    seen: dict[tuple[int, int], Event] = {}
    for event in chain.history.events:
        if event.name == "Transitioned":
            seen.clear()
        elif event.name == "Credited":
            other = seen.setdefault((event.fields["origin"], event.fields["sequence"]), event)
            if other is not event:
                yield Finding(Kind.CREDITED, f"Credited {hexed(event.fields)}", "it was before", (other.place, event.place))


def _unfounded(event: Event, origin: Audited | None) -> Iterator[Finding]:
    who = f"{event.name} {hexed(event.fields)}"
    if origin is None:
        yield Finding(Kind.UNSEEN, who, "the chain that it is about is not part of the run", (event.place,))
    elif event.name == "Credited":
        names = ("sequence", "account", "asset", "amount")
        deposits = [[each.fields[name] for name in names] for each in origin.history.events if each.name == "Deposited"]
        if [event.fields[name] for name in names] not in deposits:
            yield Finding(Kind.CREDITED, who, f"there is no such deposit on {origin.history.where.name}", (event.place,))
    else:
        batches = [each for each in origin.history.events if each.name == "Executed" and _is_of(each, event)]
        if bool(batches) != event.fields["executed"]:
            text = f"{origin.history.where.name} has {'executed' if batches else 'not executed'} it"
            yield Finding(Kind.RESOLVED, who, text, (event.place, *(each.place for each in batches)))


def _is_of(executed: Event, resolved: Event) -> bool:
    return all(executed.fields[name] == resolved.fields[name] for name in ("epoch", "batch"))
