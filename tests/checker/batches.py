"""One executed batch: what its calldata was signed for, beside what the contract says that it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tests.checker import packed
from tests.checker.findings import Finding, Kind, Place, hexed, identity
from tests.checker.history import Event
from tests.checker.ledger import Key, Ledger, left_over
from tests.checker.packed import Action, Fill, Unreadable
from tests.checker.signed import TYPES, digest, keccak, no_quorum, signer
from tests.checker.wire import Call

BPS = 10_000


class Execution(NamedTuple):
    """Of one action. `digest` is what was signed; empty where its batch could not be read."""

    key: Key
    digest: bytes
    kind: str
    is_signed: bool
    place: Place
    batch: str


class Batch(NamedTuple):
    """What is looked at: the grid before it, the events of its transaction, the last of which tells of it, and its calldata."""

    ledger: Ledger
    chain: int
    application: bytes
    said: Sequence[Event]
    permit: dict[str, Any]
    signatures: Sequence[bytes]
    actions: list[Action]
    digests: list[bytes]
    lists: tuple[bytes, bytes, bytes]
    """Prices, what is absent, what is dead."""

    @property
    def executed(self) -> Event:
        return self.said[-1]

    @property
    def place(self) -> Place:
        return self.executed.place

    @property
    def name(self) -> str:
        return name_of(self.executed)


def name_of(executed: Event) -> str:
    return f"batch {executed.fields['batch']} of epoch {executed.fields['epoch']} on {executed.place.chain}"


def check(
    ledger: Ledger, chain: int, application: bytes, said: Sequence[Event], call: Call | None
) -> tuple[list[Execution], list[Finding]]:
    executed = said[-1]
    try:
        if call is None or call.name != "execute":
            raise Unreadable("it was executed through another contract, so that its calldata is nowhere on the chain")
        permit, signatures, data, *lists = call.arguments
        actions = packed.actions(data)
    except Unreadable as error:
        finding = Finding(Kind.UNSEEN, name_of(executed), str(error), (executed.place,))
        return [Execution(key, b"", "", True, executed.place, name_of(executed)) for key in _keys_told(said)], [finding]
    digests = [digest(application, action.kind, action.body) for action in actions]
    prices, absent, dead = lists
    batch = Batch(ledger, chain, application, said, permit, signatures, actions, digests, (prices, absent, dead))
    findings = [*_permit(batch), *_owners(batch), *_deeds(batch)]
    return list(_executions(batch)), findings


def _keys_told(said: Sequence[Event]) -> Iterator[Key]:
    for event in said:
        if event.name in ("Withdrawn", "BridgedOut", "Joined"):
            yield event.fields["account"], event.fields["nonce"]
    yield from ((fill.account, fill.nonce) for fill in packed.fills(said[-1].fields["fills"]))


def key_of(action: Action) -> Key:
    body = action.body
    return (body["match"], body["step"]) if action.kind == "Verdict" else (body["account"], body["nonce"])


def _executions(batch: Batch) -> Iterator[Execution]:
    for action, signed in zip(batch.actions, batch.digests, strict=True):
        by_owner = signer(signed, action.signature) == _owner(batch, action)
        yield Execution(key_of(action), signed, action.kind, by_owner, batch.place, batch.name)


# -- the permit --------------------------------------------------------------------------------------------------------


def _permit(batch: Batch) -> Iterator[Finding]:
    for reason in filter(None, _unpermitted(batch)):
        yield Finding(Kind.UNPERMITTED, batch.name, reason, (batch.place,))


def _unpermitted(batch: Batch) -> Iterator[str]:
    permit, ledger, it = batch.permit, batch.ledger, batch.executed.fields
    yield "" if permit["chain"] == batch.chain else f"its permit is for chain {permit['chain']}"
    yield "" if ledger.active == batch.chain else f"chain {ledger.active} is active in epoch {ledger.epoch}"
    yield (
        "" if permit["epoch"] == ledger.epoch == it["epoch"] else f"its permit is of epoch {permit['epoch']}, not {ledger.epoch}"
    )
    yield "" if permit["batch"] == it["batch"] else f"its permit is for batch {permit['batch']}"
    yield (
        ""
        if batch.place.time < permit["expiry"]
        else f"executed at {batch.place.time}, and the permit expired at {permit['expiry']}"
    )
    paused = batch.place.time < ledger.paused_until
    yield f"executed at {batch.place.time}, in a pause until {ledger.paused_until}" if paused else ""
    yield "" if (it["epoch"], it["batch"]) not in ledger.outcomes else "this number was used before"
    hashes = keccak(*batch.digests), *map(keccak, batch.lists)
    for name, hash_ in zip(("actions", "prices", "absent", "dead"), hashes, strict=True):
        yield "" if permit[name] == hash_ else f"its permit is for other {name}"
    signed = digest(batch.application, "Permit", permit)
    yield no_quorum(signed, batch.signatures, ledger.guards, ledger.threshold)


# -- what owners signed ------------------------------------------------------------------------------------------------


def _owner(batch: Batch, action: Action) -> bytes:
    if action.kind == "Verdict":
        assert action.terms is not None
        return bytes(action.terms["oracle"])
    return batch.ledger.authority(action.body["account"])


def _owners(batch: Batch) -> Iterator[Finding]:
    told = {(fill.account, fill.nonce): fill.bought for fill in packed.fills(batch.executed.fields["fills"])}
    for action, signed in zip(batch.actions, batch.digests, strict=True):
        for kind, what in _broken(batch, action, signed, told):
            yield Finding(kind, identity(key_of(action)), f"{action.kind} in {batch.name}: {what}", (batch.place,))


def _broken(batch: Batch, action: Action, signed: bytes, told: dict[Key, int]) -> Iterator[tuple[Kind, str]]:
    body, owner, by = action.body, _owner(batch, action), signer(signed, action.signature)
    if by != owner:
        yield Kind.UNSIGNED, f"signed by {hexed(by) if by else 'nobody'}, and its owner is {hexed(owner)}"
    if body.get("deadline", batch.place.time) < batch.place.time:
        yield Kind.LATE, f"executed at {batch.place.time}, and its deadline was {body['deadline']}"
    if action.kind == "Intent":
        got = told.get(key_of(action), 0)
        if got < body["minBuyAmount"]:
            yield (
                Kind.LIMIT,
                f"bought {got} for {body['sellAmount']}, and not less than {body['minBuyAmount']} was to be bought",
            )
        if batch.ledger.fee_bps > body["maxFeeBps"]:
            yield Kind.FEE, f"the fee is {batch.ledger.fee_bps} bps, of {body['maxFeeBps']} at most"
    yield from ((Kind.UNLIKE, what) for what in _unlike(batch, action))


def _unlike(batch: Batch, action: Action) -> Iterator[str]:
    """What stands between what was signed and this action."""
    body, terms = action.body, action.terms
    if "account" in body and not batch.ledger.flags(body["account"])[0]:
        yield "its account has not entered this epoch"
    chain = body.get("chain", body.get("source", batch.chain))
    if chain != batch.chain:
        yield f"it is for chain {chain}"
    if terms is not None and TYPES["Terms"].content(terms) != body["match"]:
        yield "the terms are not those of its match"
    if action.kind == "Join" and terms is not None and (body["asset"], body["stake"]) != (terms["asset"], terms["stake"]):
        yield f"it stakes {body['stake']} of asset {body['asset']}, and the terms {terms['stake']} of {terms['asset']}"


# -- what the contract did ---------------------------------------------------------------------------------------------


def _deeds(batch: Batch) -> Iterator[Finding]:
    """Every event that should be there, and no other."""
    said = [(event.name, event.fields) for event in batch.said]
    try:
        due = list(_due(batch))
    except (LookupError, ArithmeticError, ValueError, Unreadable) as error:
        yield Finding(Kind.UNLIKE, batch.name, f"by the rules it cannot execute: {error!r}", (batch.place,))
        return
    for one, other in zip(said, due, strict=False):
        if one != other:
            yield Finding(Kind.UNLIKE, batch.name, _difference(*one, *other), (batch.place,))
    if len(said) != len(due):
        yield Finding(Kind.UNLIKE, batch.name, f"{len(said)} events, where {len(due)} were due", (batch.place,))
    for asset, over in left_over(packed.fills(batch.executed.fields["fills"])).items():
        if over < 0:
            yield Finding(Kind.SUM, f"asset {asset}", f"{batch.name} buys {-over} more than it sells", (batch.place,))


def _difference(name: str, fields: dict[str, Any], other_name: str, due: dict[str, Any]) -> str:
    if name != other_name:
        return f"{name} {hexed(fields)} was said, and due was {other_name} {hexed(due)}"
    if name == "Executed" and fields["fills"] != due["fills"]:
        fields, due = _by_owner(fields["fills"]), _by_owner(due["fills"])
    other = [key for key in fields.keys() | due.keys() if fields.get(key) != due.get(key)]
    said, was_due = ({key: those.get(key) for key in sorted(other)} for those in (fields, due))
    return f"{name} said {hexed(said)}, and due was {hexed(was_due)}"


def _by_owner(fills: bytes) -> dict[str, Any]:
    return {identity((fill.account, fill.nonce)): fill for fill in packed.fills(fills)}


def _due(batch: Batch) -> Iterator[tuple[str, dict[str, Any]]]:
    _, absent, dead = batch.lists
    if absent or dead:
        yield "Admitted", {"absent": absent, "dead": dead}
    for action in batch.actions:
        if action.kind in ("Join", "Verdict"):
            yield _joined(action) if action.kind == "Join" else _ended(batch, action)
    for action in batch.actions:
        if action.kind in ("Withdrawal", "BridgeOut"):
            yield _withdrawn(action) if action.kind == "Withdrawal" else _bridged(action)
    fills = _fills(batch)
    amounts = b"".join(fill.bought.to_bytes(8, "big") for fill in fills)
    number = {"epoch": batch.permit["epoch"], "batch": batch.permit["batch"]}
    outcome = keccak(batch.permit["actions"], amounts)
    yield "Executed", number | {"outcome": outcome, "fills": packed.pack_fills(fills)}


def _fills(batch: Batch) -> list[Fill]:
    """At uniform prices."""
    prices = packed.amounts(batch.lists[0])
    fills = []
    for action in batch.actions:
        if action.kind == "Intent":
            body = action.body
            net = bought(body["sellAmount"], prices[body["sellAsset"]], prices[body["buyAsset"]], batch.ledger.fee_bps)
            fills.append(Fill(*key_of(action), body["sellAsset"], body["buyAsset"], body["sellAmount"], net))
    return fills


def bought(sold: int, sell_price: int, buy_price: int, fee_bps: int) -> int:
    """Rounding and the fee are against the taker."""
    gross = sold * sell_price // buy_price
    return gross - -(-gross * fee_bps // BPS)


def _some(body: dict[str, Any], names: str) -> dict[str, Any]:
    return {name: body[name] for name in names.split()}


def _joined(action: Action) -> tuple[str, dict[str, Any]]:
    return "Joined", _some(action.body, "match account asset stake nonce")


def _withdrawn(action: Action) -> tuple[str, dict[str, Any]]:
    return "Withdrawn", _some(action.body, "account asset amount nonce") | {"recipient": action.body["recipient"][12:]}


def _bridged(action: Action) -> tuple[str, dict[str, Any]]:
    return "BridgedOut", _some(action.body, "account asset amount target nonce") | {"id": TYPES["BridgeOut"].content(action.body)}


def _ended(batch: Batch, action: Action) -> tuple[str, dict[str, Any]]:
    assert action.terms is not None
    body, terms = action.body, action.terms
    players = batch.ledger.matches[body["match"]].players
    accounts: tuple[bytes, ...]
    if body["ranking"]:
        accounts, amounts = (batch.ledger.treasury, *body["ranking"]), prizes(terms, len(players))
    else:
        accounts, amounts = tuple(players), (terms["stake"],) * len(players)
    return "Ended", _some(body, "match step") | {"asset": terms["asset"], "accounts": accounts, "amounts": amounts}


def prizes(terms: dict[str, Any], players: int) -> tuple[int, ...]:
    """The treasury's fee first; what rounding leaves is the first prize's."""
    total = terms["stake"] * players
    fee = total * terms["feeBps"] // BPS
    _, *others = ((total - fee) * share // BPS for share in terms["prizesBps"])
    return fee, total - fee - sum(others), *others
