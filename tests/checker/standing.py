"""What the contract says of itself as of the finalized block, beside what follows from its history; and the sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tests.checker import wire
from tests.checker.findings import Finding, Kind, hexed
from tests.checker.history import History
from tests.checker.ledger import Key, Ledger
from tests.checker.node import Node
from tests.checker.payments import scale_of
from tests.checker.signed import separator

BALANCE, ASSET = ("bool", "int256", "uint64", "uint64"), ("uint64", "uint64", "uint64")
ACCOUNT = ("bool", "bool", "address", "uint256")


class Question(NamedTuple):
    """A view, with the answer that follows from the history."""

    name: str
    kinds: Sequence[str]
    arguments: tuple[Any, ...]
    answers: Sequence[str]
    expected: tuple[Any, ...]

    @property
    def about(self) -> str:
        return f"{self.name}{hexed(self.arguments)}"


Says = dict[tuple[str, tuple[Any, ...]], tuple[Any, ...]]
"""By view and arguments."""


def check(
    node: Node, history: History, ledger: Ledger, application: bytes, accounts: Iterable[bytes], gifts: Counter[bytes]
) -> tuple[list[Finding], list[dict[str, int]]]:
    """And the sums by asset. `accounts` are those that somebody knows of, whatever the chain says."""
    everybody = sorted({*ledger.accounts, *(account for account, _ in ledger.balances), *accounts, ledger.treasury})
    assets = sorted({*ledger.listings, *ledger.assets, *(asset for _, asset in ledger.balances)})
    keys = [(account, asset) for account in everybody for asset in assets]
    questions = list(_questions(history, ledger, application, everybody, assets, keys))
    says = _ask(node, history, questions)
    findings = [
        Finding(Kind.UNEXPLAINED, each.about, f"it says {hexed(said)}, and {hexed(each.expected)} follows", (history.here,))
        for each, said in zip(questions, says.values(), strict=True)
        if said != each.expected
    ]
    sums = [_sums(node, history, ledger, says, asset, keys) for asset in assets]
    return findings + [each for one in sums for each in _unequal(history, ledger, one, gifts)], sums


def _questions(
    history: History, ledger: Ledger, application: bytes, accounts: list[bytes], assets: list[int], keys: list[Key]
) -> Iterator[Question]:
    yield Question("chain", (), (), ("uint8",), (history.where.number,))
    yield Question("domainSeparator", (), (), ("bytes32",), (separator(application),))
    yield Question("treasury", (), (), ("bytes32",), (ledger.treasury,))
    yield Question("deposits", (), (), ("uint64", "uint64"), (ledger.deposits, ledger.opening))
    for account in accounts:
        entered, new = ledger.flags(account)
        known = (entered, new, ledger.authority(account) or bytes(20), ledger.accounts[account].nonces)
        yield Question("accountOf", ("bytes32",), (account,), ACCOUNT, known)
    for key in keys:
        balance = ledger.balance(key)
        available, received = (balance.amount, 0) if balance.entered else (0, balance.amount)
        yield Question("balanceOf", ("bytes32", "uint32"), key, BALANCE, (balance.entered, available, balance.held, received))
    for asset in assets:
        known_asset = ledger.assets[asset]
        amounts = (known_asset.vault, known_asset.liabilities, known_asset.entered)
        yield Question("assetOf", ("uint32",), (asset,), ASSET, amounts)
    for batch, outcome in ledger.outcomes.items():
        yield Question("outcomeOf", ("uint64", "uint64"), batch, ("bytes32",), (outcome,))
    for epoch, accumulator in ledger.accumulators.items():
        yield Question("accumulatorOf", ("uint64",), (epoch,), ("bytes32",), (accumulator,))
    for id_, match in ledger.matches.items():
        standing = (match.epoch, match.step, tuple(match.players))
        yield Question("matchOf", ("bytes32",), (id_,), ("uint64", "uint64", "bytes32[]"), standing)


def _ask(node: Node, history: History, questions: list[Question]) -> Says:
    calls = [_call(history, history.where.grid, wire.view(each.name, each.kinds, *each.arguments)) for each in questions]
    answers = map(wire.answer, (each.answers for each in questions), map(_bytes, node.ask_each(calls)))
    return {(each.name, each.arguments): answer for each, answer in zip(questions, answers, strict=True)}


def _call(history: History, to: bytes, data: bytes) -> tuple[str, Sequence[Any]]:
    return "eth_call", ({"to": f"0x{to.hex()}", "data": f"0x{data.hex()}"}, hex(history.height))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


# -- sums --------------------------------------------------------------------------------------------------------------


def _sums(node: Node, history: History, ledger: Ledger, says: Says, asset: int, keys: list[Key]) -> dict[str, int]:
    """Of one asset, in grid units but for the token's own: what the contract says, not what follows."""
    vault, liabilities, entered = says["assetOf", (asset,)]
    balances = (says["balanceOf", key] for key in keys if key[1] == asset)
    tokens = 0
    if asset in ledger.listings:
        data = wire.view("balanceOf", ("address",), f"0x{history.where.grid.hex()}")
        [answer] = node.ask_each([_call(history, ledger.listings[asset]["token"], data)])
        tokens = int(answer, 16)
    return {
        "asset": asset,
        "balances": sum(available + held + received for _, available, held, received in balances),
        "escrow": ledger.escrow(asset),
        "liabilities": liabilities,
        "entered": entered,
        "vault": vault,
        "over the bridge": ledger.assets[asset].flown,
        "tokens": tokens,
    }


def _unequal(history: History, ledger: Ledger, it: dict[str, int], gifts: Counter[bytes]) -> Iterator[Finding]:
    asset = it["asset"]
    for reason in filter(None, (*_owed_wrongly(ledger, it), _held_wrongly(ledger, it, gifts))):
        yield Finding(Kind.SUM, f"asset {asset}", reason, (history.here,))


def _owed_wrongly(ledger: Ledger, it: dict[str, int]) -> Iterator[str]:
    owed, total = it["balances"] + it["escrow"], ledger.totals.get(it["asset"], 0)
    if owed != it["liabilities"]:
        yield f"balances {it['balances']} + escrow {it['escrow']} = {owed}, and the liabilities are {it['liabilities']}"
    if it["entered"] > total:
        yield f"{it['entered']} entered, of {total} that the guards signed"
    if not ledger.inherits and it["vault"] != it["liabilities"] + it["over the bridge"]:
        yield f"the vault has {it['vault']}, for {it['liabilities']} owed and {it['over the bridge']} of float"


def _held_wrongly(ledger: Ledger, it: dict[str, int], gifts: Counter[bytes]) -> str:
    if it["asset"] not in ledger.listings:
        return f"{it['vault']} in the vault, of an asset that is not listed" if it["vault"] else ""
    due = it["vault"] * scale_of(ledger, it["asset"]) + gifts[ledger.listings[it["asset"]]["token"]]
    return f"the vault has {it['tokens']} tokens, of {due} that came and did not leave" if it["tokens"] != due else ""
