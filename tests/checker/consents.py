"""Everything besides batches that takes somebody's signature: who gave it, and whether the contract did what was signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.checker.findings import Finding, Kind, hexed
from tests.checker.history import Event
from tests.checker.ledger import Ledger
from tests.checker.signed import digest, keccak, no_quorum, signer
from tests.checker.wire import Call

BY_GUARDS = {
    "Transitioned": "transition",
    "GuardsRotated": "rotate",
    "Unpaused": "unpause",
    "Listed": "listAsset",
    "Resolved": "resolve",
    "Credited": "credit",
    "BridgedIn": "bridgeIn",
}
BY_OWNER = {"Cancelled": "cancel", "Submitted": "submit"}


def check(
    ledger: Ledger, chain: int, application: bytes, guards: tuple[Sequence[bytes], int], event: Event, call: Call | None
) -> Iterator[Finding]:
    """`guards` are those that the grid was to be made with, and how many of them decide."""
    if event.name == "GuardsRotated" and not ledger.guards:
        reasons = [_unlike_made(guards, event)]
    elif event.name not in BY_GUARDS | BY_OWNER:
        return
    elif call is None or call.name != (BY_GUARDS | BY_OWNER)[event.name]:
        yield Finding(Kind.UNSEEN, event.name, "it came through another contract or call, with signatures unseen", (event.place,))
        return
    else:
        signed = call.arguments[0]
        reasons = [
            _unlike_signed(event.fields, signed),
            "" if signed.get("chain", chain) == chain else f"it was signed for chain {signed['chain']}",
            _not_agreed(ledger, application, event, call),
        ]
    kind = Kind.UNSIGNED if event.name in BY_OWNER else Kind.UNPERMITTED
    for reason in filter(None, reasons):
        yield Finding(kind, f"{event.name} {hexed(event.fields)}", reason, (event.place,))


def _unlike_made(guards: tuple[Sequence[bytes], int], event: Event) -> str:
    made = tuple(event.fields["guards"]), event.fields["threshold"]
    return "" if made == (tuple(guards[0]), guards[1]) else "the grid was made with other guards than it was to be"


def _not_agreed(ledger: Ledger, application: bytes, event: Event, call: Call) -> str:
    signed, signatures = call.arguments[0], call.arguments[-1]
    hash_ = digest(application, call.signs, signed)
    if event.name in BY_GUARDS:
        return no_quorum(hash_, signatures, ledger.guards, ledger.threshold)
    owner = ledger.authority(signed["account"])
    return "" if signer(hash_, signatures) == owner else f"it is not signed by its owner {hexed(owner)}"


def _unlike_signed(said: dict[str, Any], signed: dict[str, Any]) -> str:
    other = [name for name in said.keys() & signed.keys() if not _same(said[name], signed[name])]
    return f"signed was {hexed({name: signed[name] for name in sorted(other)})}" if other else ""


def _same(said: Any, signed: Any) -> bool:
    """Of a list its hash is signed, of an address a word."""
    if said == signed or not isinstance(said, bytes):
        return bool(said == signed)
    return signed in (said.rjust(32, b"\0"), keccak(said))
