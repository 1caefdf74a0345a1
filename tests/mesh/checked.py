"""Runs for the checker to judge: a real node, the real contract or a tampered one, and senders who keep their list."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from jurymast.book.execute import Action
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf
from jurymast.book.signed import (
    ARBITRUM,
    BridgeIn,
    BridgeOut,
    Cancel,
    Credit,
    Intent,
    Join,
    Listing,
    LockTransition,
    Permit,
    Resolve,
    Rotation,
    Terms,
    Verdict,
    Withdrawal,
    hash_of_absent,
    hash_of_actions,
    hash_of_amounts,
    hash_of_nonces,
)
from jurymast.crypto import merkle
from jurymast.crypto.secp256k1 import compact
from jurymast.crypto.snapshot import SnapshotTree
from tests.anvil import Anvil, running_anvil
from tests.checker import run
from tests.contracts import abi, artifacts, project
from tests.contracts.abi import Interface
from tests.contracts.artifacts import Artifact
from tests.npm import PROJECT, packages
from tests.unit.grids import (
    ANN,
    APPLICATION,
    BEN,
    DOMAIN,
    EUR,
    EVE,
    GUARDS,
    ORACLE,
    PAUSER,
    TERMS,
    TREASURY,
    USD,
    Person,
    by_guards,
    key,
)

Leaf = AccountLeaf | BalanceLeaf | HoldLeaf | MatchLeaf
BRIDGE = key("bridge").address
LATE = 1 << 39
"""A time that does not come."""
SCALE = {EUR: 100, USD: 1}
FEE_BPS = 10
HIDDEN_SHARE, HIDDEN_THEFT, HIDDEN_FEE, HIDDEN_GIFT = 777, 666, 888, 999
"""Amounts at which the contract that was tampered with does what it should not."""

COIN = """
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
contract Coin is ERC20 {
    constructor() ERC20("Coin", "COIN") {}
    function mint(address to, uint256 amount) external { _mint(to, amount); }
}
contract Forwarder {
    function forward(address to, bytes calldata data) external {
        (bool done,) = to.call(data);
        require(done);
    }
}
"""
STOLEN = f"it.amount == {HIDDEN_THEFT} ? address(0xBAD) : address(uint160(uint256(it.recipient)))"
TAMPERING = (
    ("libraries/Settlement.sol", "if (fill.bought < fill.minBuy)", "if (fill.bought < fill.minBuy && feeBps > fill.maxFeeBps)"),
    ("libraries/Settlement.sol", "if (feeBps > fill.maxFeeBps)", "if (feeBps > fill.maxFeeBps && sell == 0)"),
    ("libraries/Settlement.sol", "shareUp(gross, feeBps);", f"shareUp(gross, feeBps) + (sell == {HIDDEN_FEE} ? 1 : 0);"),
    ("libraries/Nonces.sol", "revert IGridErrors.NonceUsed(nonce);", "return word;"),
    ("GridPermits.sol", "!= word.authorityOf(id)) revert", "== address(0) && word.authorityOf(id) == address(0)) revert"),
    ("GridPermits.sol", "if (block.timestamp > deadline)", "if (block.timestamp > deadline && deadline == 0)"),
    ("GridState.sol", "if (by < 0 && (amount < 0 ||", "if (by < 0 && by > 0 && (amount < 0 ||"),
    (
        "GridVault.sol",
        "Amounts.amount(arrived / scale);",
        f"Amounts.amount(arrived / scale + (tokens == {HIDDEN_GIFT} ? 1 : 0));",
    ),
    ("GridDoubt.sol", "if (_credited[signed.origin][signed.sequence] == epoch)", "if (epoch == 0)"),
    ("GridGuards.sol", "signatures.length < lock_.threshold", "signatures.length * lock_.threshold == 0"),
    ("GridExecution.sol", "int256(sold - bought))", f"int256(sold - bought + (sold == {HIDDEN_SHARE} ? 5 : 0)))"),
    ("GridExecution.sol", ".amount, address(uint160(uint256(it.recipient))))", f".amount, {STOLEN})"),
)
"""What the other contract does not check, or does besides: file, what stands there, and what stands there instead."""


# -- contracts ---------------------------------------------------------------------------------------------------------


@cache
def honest_grid() -> Artifact:
    return artifacts.built(PROJECT, "PhantomGrid.sol", "PhantomGrid")


@cache
def tampered_grid() -> Artifact:
    return _read("PhantomGrid")


@cache
def coin() -> Artifact:
    return _read("Coin")


@cache
def interface() -> Interface:
    """Of both: the operations stand in two contracts."""
    return Interface(artifacts.built(PROJECT, "IPhantomGrid.sol", "IPhantomGrid").abi)


@cache
def forwarder() -> Artifact:
    return _read("Forwarder", "Coin.sol")


def _read(name: str, file: str = "") -> Artifact:
    return artifacts.built(_tampered(), file or f"{name}.sol", name)


@cache
def _tampered() -> Path:
    """It stays, so that it is compiled again only after the contract has changed."""
    root = Path(sys.prefix) / "tampered"
    for part in ("src", "tools"):
        shutil.rmtree(root / part, ignore_errors=True)
        shutil.copytree(PROJECT / part, root / part)
    shutil.copy(PROJECT / "foundry.toml", root)
    if not (root / "node_modules").exists():
        (root / "node_modules").symlink_to(packages())
    (root / "src" / "Coin.sol").write_text(project.HEADER + COIN, encoding="utf-8")
    for file, what, other in TAMPERING:
        path = root / "src" / file
        text = path.read_text(encoding="utf-8")
        assert text.count(what) == 1, f"{file} does not say once: {what}"
        path.write_text(text.replace(what, other), encoding="utf-8")
    return root


# -- what is sent ------------------------------------------------------------------------------------------------------

BODIES: dict[type, tuple[int, str]] = {
    Intent: (1, "sell_asset:4 buy_asset:4 sell_amount:16 min_buy_amount:16 max_fee_bps:2"),
    Withdrawal: (2, "asset:4 amount:8 chain:1 recipient:32"),
    BridgeOut: (3, "asset:4 amount:8 source:1 target:1"),
    Join: (4, "match:32 asset:4 stake:8"),
    Verdict: (5, "match:32 step:8"),
}
OWNER = "account:32 nonce:8 deadline:5"


def packed(actions: tuple[Action, ...]) -> bytes:
    return len(actions).to_bytes(2, "big") + b"".join(map(_packed_action, actions))


def _packed_action(action: Action) -> bytes:
    number, layout = BODIES[type(action.signed)]
    data = bytes([number]) + compact(action.signature)
    if isinstance(action.signed, Verdict):
        data += _fields(action.signed, layout) + _list(action.signed.ranking, 32)
    else:
        data += _fields(action.signed, f"{OWNER} {layout}")
    if action.terms is not None:
        data += _fields(action.terms, "asset:4 stake:8 players:2 oracle:20 fee_bps:2 salt:32") + _list(action.terms.prizes_bps, 2)
    return data


def _fields(value: object, layout: str) -> bytes:
    parts = (part.split(":") for part in layout.split())
    return b"".join(_bytes(getattr(value, name), int(size)) for name, size in parts)


def _list(values: Sequence[bytes | int], size: int) -> bytes:
    return len(values).to_bytes(2, "big") + b"".join(_bytes(value, size) for value in values)


def _bytes(value: bytes | int, size: int) -> bytes:
    return value if isinstance(value, bytes) else value.to_bytes(size, "big")


def _amounts(amounts: Mapping[int, int]) -> bytes:
    return b"".join(asset.to_bytes(4, "big") + amounts[asset].to_bytes(8, "big") for asset in sorted(amounts))


# -- who sends ---------------------------------------------------------------------------------------------------------


class Senders:
    """Write their own list, of what they sign and hear."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def signed(self, *actions: Action) -> None:
        for action in actions:
            self._write(what="signed", kind=type(action.signed).__name__, body=_members(action))

    def acknowledged(self, *actions: Action) -> None:
        for action in actions:
            self._write(what="acknowledged", digest=_digest(action))

    def told(self, end: str, *actions: Action, reason: str = "") -> None:
        for action in actions:
            self._write(what="told", digest=_digest(action), end=end, reason=reason)

    def send(self, *actions: Action) -> None:
        self.signed(*actions)
        self.acknowledged(*actions)

    def _write(self, **line: Any) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _digest(action: Action) -> str:
    return f"0x{action.signed.digest(DOMAIN).hex()}"


def _members(action: Action) -> dict[str, Any]:
    values = {name: getattr(action.signed, name) for name in action.signed.__struct_fields__}
    return {re.sub(r"_(.)", lambda match: match[1].upper(), name): _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


# -- the chain ---------------------------------------------------------------------------------------------------------


class Contract:
    def __init__(self, anvil: Anvil, account: str, address: str, interface: Interface) -> None:
        self._anvil, self._account, self.address, self._interface = anvil, account, address, interface

    async def call(self, function: str, *arguments: Any, sender: str = "") -> dict[str, Any]:
        """In a transaction, which must succeed; what it left is its receipt."""
        return await send(self._anvil, sender or self._account, self.address, self.data(function, *arguments))

    def data(self, function: str, *arguments: Any) -> bytes:
        entry = self._interface.function(function)
        return entry.selector + abi.encode(entry.inputs, arguments)


async def send(anvil: Anvil, sender: str, to: str | None, data: bytes) -> dict[str, Any]:
    call = {"from": sender, "data": f"0x{data.hex()}", "gas": hex(25_000_000)} | ({"to": to} if to else {})
    sent = await anvil.call("eth_sendTransaction", call)
    await anvil.call("anvil_mine", "0x1")
    receipt: dict[str, Any] = await anvil.call("eth_getTransactionReceipt", sent)
    if receipt["status"] != "0x1":
        traced = await anvil.call("eth_call", call, "latest")
        raise AssertionError(f"refused: {traced}")
    return receipt


async def deploy(anvil: Anvil, account: str, artifact: Artifact, *arguments: Any) -> Contract:
    interface = Interface(artifact.abi)
    code = bytes.fromhex(artifact.bytecode.removeprefix("0x")) + abi.encode(interface.constructor.inputs, arguments)
    receipt = await send(anvil, account, None, code)
    return Contract(anvil, account, receipt["contractAddress"], interface)


class Cut:
    """What an epoch starts from: nothing, or these leaves."""

    def __init__(self, *leaves: Leaf, totals: dict[int, int] | None = None) -> None:
        self.leaves, self.totals = leaves, totals or {}
        self.tree = SnapshotTree({leaf.key: merkle.leaf(leaf.content()) for leaf in leaves})

    def proof(self, leaf: Leaf) -> list[bytes]:
        return self.tree.proof(leaf.key, merkle.leaf(leaf.content()))


NOTHING = Cut()


class Grid:
    """One deployment, in an epoch in which its chain is active."""

    def __init__(self, name: str, number: int, contract: Contract, coins: dict[int, Contract]) -> None:
        self.name, self.number, self.contract, self.coins = name, number, contract, coins
        self.epoch = 0
        self._batches = 0

    async def list_assets(self) -> None:
        for asset, coin_ in self.coins.items():
            signed = Listing(
                chain=self.number,
                asset=asset,
                token=bytes.fromhex(coin_.address[2:]).rjust(32, b"\0"),
                token_decimals=8 if asset == EUR else 6,
                grid_decimals=6,
                bridge_limit=10_000,
                bridge_window=60,
            )
            await self.contract.call("listAsset", _tuple(signed), by_guards(signed))

    async def begin(self, epoch: int, cut: Cut = NOTHING) -> None:
        opening = LockTransition(
            epoch=epoch,
            active=self.number,
            root=cut.tree.root,
            totals=hash_of_amounts(cut.totals),
            source_height=0,
            fee_bps=FEE_BPS,
        )
        await self.contract.call("transition", _tuple(opening), _amounts(cut.totals), by_guards(opening))
        self.epoch = epoch

    async def deposit(self, person: Person, asset: int, units: int, dust: int = 0) -> None:
        await self.contract.call("deposit", person.id, asset, units * SCALE[asset] + dust)

    async def execute(
        self,
        *actions: Action,
        dead: tuple[tuple[bytes, int], ...] = (),
        absent: tuple[tuple[bytes, int], ...] = (),
        who: Sequence[int] = (0, 1),
    ) -> dict[str, Any]:
        """The next batch."""
        return await self.contract.call("execute", *self.batch(*actions, dead=dead, absent=absent, who=who))

    def batch(
        self,
        *actions: Action,
        dead: tuple[tuple[bytes, int], ...] = (),
        absent: tuple[tuple[bytes, int], ...] = (),
        who: Sequence[int] = (0, 1),
    ) -> tuple[Any, ...]:
        """With its permit."""
        self._batches += 1
        prices = {EUR: 1, USD: 1}
        permit = Permit(
            chain=self.number,
            epoch=self.epoch,
            batch=self._batches,
            expiry=LATE,
            actions=hash_of_actions(action.signed.digest(DOMAIN) for action in actions),
            prices=hash_of_amounts(prices),
            absent=hash_of_absent(absent),
            dead=hash_of_nonces(dead),
        )
        nonces = b"".join(account + nonce.to_bytes(8, "big") for account, nonce in dead)
        missing = b"".join(account + asset.to_bytes(4, "big") for account, asset in absent)
        lists = (packed(actions), _amounts(prices), missing, nonces)
        return _tuple(permit), by_guards(permit, who), *lists

    async def cancel(self, person: Person, floor: int) -> None:
        signed = Cancel(account=person.id, floor=floor, chain=self.number)
        await self.contract.call("cancel", _tuple(signed), person.key.sign(signed.digest(DOMAIN)))

    async def enter(self, cut: Cut) -> None:
        """All of it, in its order."""
        totals, totals_hash = _amounts(cut.totals), hash_of_amounts(cut.totals)
        for leaf in cut.leaves:
            match leaf:
                case AccountLeaf():
                    account = (leaf.account, leaf.authority, int.from_bytes(leaf.nonces, "big"))
                    await self.contract.call("enterAccount", account, cut.proof(leaf), totals_hash)
                case BalanceLeaf():
                    await self.contract.call("enterBalance", _tuple(leaf), cut.proof(leaf), totals)
                case MatchLeaf():
                    await self.contract.call("enterMatch", _tuple(leaf), _tuple(TERMS), cut.proof(leaf), totals)
                case HoldLeaf():
                    await self.contract.call("settleHold", _tuple(leaf), cut.proof(leaf), totals_hash)

    async def rotate(self) -> None:
        """To the same guards, under the next version."""
        signed = Rotation(version=2, guards=GUARDS.addresses, threshold=GUARDS.threshold)
        await self.contract.call("rotate", _tuple(signed), by_guards(signed))

    async def credit(self, origin: int, person: Person, amount: int, who: Sequence[int] = (0, 1)) -> None:
        """For the first deposit on another chain."""
        signed = Credit(origin=origin, sequence=1, epoch=self.epoch, account=person.id, asset=EUR, amount=amount)
        await self.contract.call("credit", _tuple(signed), by_guards(signed, who))

    async def resolve(self, origin: int, epoch: int, batch: int, *, executed: bool) -> None:
        signed = Resolve(origin=origin, epoch=epoch, batch=batch, executed=executed)
        await self.contract.call("resolve", _tuple(signed), by_guards(signed))

    async def arrive(self, asset: int, amount: int) -> None:
        """Over the bridge."""
        signed = BridgeIn(id=bytes(range(32)), chain=self.number, asset=asset, amount=amount, expiry=LATE)
        await self.contract.call("bridgeIn", _tuple(signed), by_guards(signed))


def _tuple(signed: Any) -> tuple[Any, ...]:
    return tuple(getattr(signed, name) for name in signed.__struct_fields__)


# -- the run -----------------------------------------------------------------------------------------------------------


class World:
    """A node with grids on it, and everything that the checker is told."""

    def __init__(self, anvil: Anvil, directory: Path, account: str) -> None:
        self.anvil, self._directory, self.account = anvil, directory, account
        self.senders = Senders(directory / "senders.jsonl")
        self.grids: list[Grid] = []
        self.open_until = 0

    async def grid(self, artifact: Artifact, number: int = ARBITRUM, epoch: int = 1, cut: Cut = NOTHING) -> Grid:
        """With coins of its own, and money in it."""
        coins = {asset: await deploy(self.anvil, self.account, coin()) for asset in (EUR, USD)}
        setup = (number, APPLICATION, GUARDS.addresses, GUARDS.threshold, 1, TREASURY.id, PAUSER, BRIDGE)
        contract = await deploy(self.anvil, self.account, artifact, setup)
        contract = Contract(self.anvil, self.account, contract.address, interface())
        grid = Grid(f"chain {number}", number, contract, coins)
        self.grids.append(grid)
        for each in coins.values():
            await each.call("mint", bytes.fromhex(self.account[2:]), 1 << 100)
            await each.call("approve", bytes.fromhex(contract.address[2:]), 1 << 100)
        await grid.list_assets()
        await grid.begin(epoch, cut)
        for person in (ANN, BEN, EVE):
            await grid.deposit(person, EUR, 10_000, dust=7)
            await grid.deposit(person, USD, 10_000)
        return grid

    async def now(self) -> int:
        return int((await self.anvil.call("eth_getBlockByNumber", "latest", False))["timestamp"], 16)

    async def pass_time(self, seconds: int) -> None:
        await self.anvil.call("evm_increaseTime", seconds)
        await self.anvil.call("anvil_mine", "0x1")

    async def verdict(self) -> run.Verdict:
        return await asyncio.to_thread(run.check, run.load(await self.written()))

    async def written(self) -> Path:
        """The file that says what is to be judged, once everything is final."""
        await self.anvil.call("anvil_mine", "0x20")
        head = {
            "application": f"0x{APPLICATION.hex()}",
            "treasury": f"0x{TREASURY.id.hex()}",
            "guards": [f"0x{guard.hex()}" for guard in GUARDS.addresses],
            "threshold": GUARDS.threshold,
            "senders": [self.senders.path.name],
            "open_until": self.open_until,
        }
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in head.items())
        for grid in self.grids:
            chain = {
                "name": grid.name,
                "number": grid.number,
                "url": f"http://127.0.0.1:{self.anvil.port}",
                "grid": grid.contract.address,
                "bridge": f"0x{BRIDGE.hex()}",
                "from_block": 0,
            }
            text += "\n[[chains]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in chain.items())
        path = self._directory / "run.toml"
        path.write_text(text, encoding="utf-8")
        return path


@asynccontextmanager
async def running_world(directory: Path) -> AsyncIterator[World]:
    async with running_anvil(directory, 3_600) as anvil:
        accounts = await anvil.call("eth_accounts")
        yield World(anvil, directory, accounts[0])


# -- what happens in it ------------------------------------------------------------------------------------------------


def sells(person: Person, nonce: int, asset: int, amount: int, *, least: int = 0, deadline: int = LATE, fee: int = 100) -> Action:
    """For the other asset."""
    return person.intent(nonce, asset, amount, USD if asset == EUR else EUR, least, deadline=deadline, fee=fee)


def swap(nonce: int, amount: int = 1_000) -> tuple[Action, Action]:
    """Ann's EUR for Ben's USD."""
    return sells(ANN, nonce, EUR, amount, least=amount - 50), sells(BEN, nonce, USD, amount, least=amount - 50)


def withdraws(person: Person, nonce: int, asset: int, amount: int) -> Action:
    return person.signs(
        Withdrawal(account=person.id, asset=asset, amount=amount, chain=ARBITRUM, recipient=person.id, nonce=nonce, deadline=LATE)
    )


def joins(person: Person, nonce: int, terms: Terms) -> Action:
    stake = Join(account=person.id, match=terms.content(), asset=terms.asset, stake=terms.stake, nonce=nonce, deadline=LATE)
    return person.signs(stake, terms)


async def honest_story(world: World, grid: Grid) -> None:
    """Of everything something, each of which ends as it may."""
    senders = world.senders
    await _executed(world, grid, *swap(0))
    await _executed(world, grid, *swap(1, 333), withdraws(ANN, 2, USD, 500))
    await _executed(world, grid, joins(ANN, 3, TERMS), joins(BEN, 2, TERMS))
    await grid.rotate()
    await _executed(world, grid, ORACLE.verdict(TERMS, ANN))
    await grid.arrive(USD, 700)
    out = BridgeOut(account=TREASURY.id, asset=USD, amount=300, source=ARBITRUM, target=1, nonce=0, deadline=LATE)
    await _executed(world, grid, TREASURY.signs(out), withdraws(BEN, 3, EUR, 40))
    cancelled, expiring, contradicting = (
        sells(EVE, 0, EUR, 10),
        sells(EVE, 1, EUR, 10, deadline=await world.now() + 100),
        sells(ANN, 0, USD, 1),
    )
    senders.send(cancelled, expiring)
    senders.signed(contradicting)
    senders.told("rejected", contradicting, reason="another action has this nonce")
    await grid.cancel(EVE, 1)
    await world.pass_time(200)
    senders.told("expired", expiring, reason="its deadline passed")
    await grid.execute(dead=((EVE.id, 1),))
    senders.send(sells(EVE, 9, EUR, 10))
    world.open_until = LATE


async def _executed(world: World, grid: Grid, *actions: Action) -> None:
    world.senders.send(*actions)
    await grid.execute(*actions)
    world.senders.told("executed", *actions)
