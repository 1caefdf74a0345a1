"""The compiled grid in an EVM, driven with the operations that the reference is driven with.

grid = OnChain()
grid.perform(Transition(signed, {}, signatures), now)
assert refusal(lambda: grid.perform(Deposit(account, asset, 0), now)) == ("NothingMoved", {"asset": asset})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec

from jurymast.book.execute import Action, Batch
from jurymast.book.refusals import Malformed, Refusal
from jurymast.book.signed import ARBITRUM, Listing
from jurymast.chains.evm import calldata, packed
from jurymast.chains.operations import ByGuards, Execute, Operation, Transition
from jurymast.crypto.merkle import BadProof
from jurymast.crypto.secp256k1 import COMPACT_BYTES, SIGNATURE_BYTES, BadGuards, NoQuorum, NotAscending, TooManySignatures
from jurymast.errors import Rejected
from tests.contracts import artifacts
from tests.contracts.abi import Interface
from tests.contracts.artifacts import Artifact
from tests.contracts.evm import SOMEBODY, Chain, Contract, Receipt, Refused
from tests.npm import PROJECT
from tests.unit.grids import APPLICATION, GUARDS, PAUSER, TREASURY, key

BRIDGE = b"\xbb" * 20
FORTUNE = 1 << 254
"""What somebody has of every token."""
Said = tuple[str, dict[str, Any]]
"""Why something was refused, by the name of the error and its fields."""

_FORM = key("nobody in particular").sign(bytes(32))


@cache
def artifact() -> Artifact:
    """The grid, called as its interface: some of it is the code of another contract."""
    grid = artifacts.built(PROJECT, "PhantomGrid.sol", "PhantomGrid")
    annex = artifacts.built(PROJECT, "GridAnnex.sol", "GridAnnex")
    interface = artifacts.built(PROJECT, "IPhantomGrid.sol", "IPhantomGrid")
    return msgspec.structs.replace(
        grid, abi=[*grid.abi, *(e for e in annex.abi if e["type"] == "error"), *_rest(grid, interface)]
    )


def _rest(grid: Artifact, interface: Artifact) -> list[dict[str, Any]]:
    return [entry for entry in interface.abi if entry not in grid.abi]


@cache
def interface() -> Interface:
    return Interface(artifact().abi)


def changing() -> set[str]:
    """The functions that are there to change something."""
    functions = (entry for entry in artifact().abi if entry["type"] == "function")
    return {entry["name"] for entry in functions if entry["stateMutability"] not in ("view", "pure")}


@cache
def token(name: str = "Token", file: str = "Token.sol") -> Artifact:
    return artifacts.built(PROJECT, file, name)


def setup(**changed: Any) -> dict[str, Any]:
    """That of the grids of the reference's tests."""
    made = {
        "chain": ARBITRUM,
        "application": APPLICATION,
        "guards": GUARDS.addresses,
        "threshold": GUARDS.threshold,
        "version": 1,
        "treasury": TREASURY.id,
        "pauser": PAUSER,
        "bridge": BRIDGE,
    }
    return made | changed


class OnChain:
    def __init__(self, now: int = 0, **changed: Any) -> None:
        self.chain = Chain(now)
        made = self.chain.deploy(artifact(), setup(**changed))
        self.contract = self.chain.contract(made.address, interface())
        self.totals: Mapping[int, int] = {}
        """Of the epoch. Whoever brings a leaf brings them too."""
        self.tokens: dict[int, Contract] = {}
        """By asset."""
        self.kinds: dict[int, Artifact] = {}
        """Of those that are not as most are."""

    @property
    def address(self) -> bytes:
        return self.contract.address

    def perform(self, operation: Operation, now: int, sender: bytes = SOMEBODY) -> Receipt:
        """As anybody does it who has tokens enough."""
        self.chain.now_s = now
        receipt = self.chain.send(self.address, encoded(self.contract, operation), sender)
        match operation:
            case Transition(_, totals, _):
                self.totals = totals
            case ByGuards(Listing() as listing, _):
                self._listed(listing)
        return receipt

    def _listed(self, listing: Listing) -> None:
        token_ = self.tokens[listing.asset] = self.chain.place(listing.token[12:], self.kinds.get(listing.asset) or token())
        token_.call("mint", SOMEBODY, FORTUNE)
        token_.call("approve", self.address, FORTUNE)


# -- calldata ----------------------------------------------------------------------------------------------------------


def encoded(contract: Contract, operation: Operation) -> bytes:
    match operation:
        case Execute(batch):
            return executing(contract, batch, actions(batch.actions))
        case _:
            return calldata.encode(operation)


def executing(contract: Contract, batch: Batch, packed_actions: bytes) -> bytes:
    lists = packed.pairs(batch.absent, packed.ASSET_BYTES), packed.pairs(batch.dead, packed.AMOUNT_BYTES)
    permit = msgspec.structs.asdict(batch.permit)
    return contract.encode("execute", permit, batch.signatures, packed_actions, packed.amounts(batch.prices), *lists)


def actions(batch: tuple[Action, ...]) -> bytes:
    """With signatures as they stand: whoever sends a batch makes them short, and would not send those that are none."""
    return len(batch).to_bytes(packed.COUNT_BYTES, "big") + b"".join(map(_action, batch))


def _action(action: Action) -> bytes:
    if len(action.signature) not in (COMPACT_BYTES, SIGNATURE_BYTES):
        raise Inexpressible("a signature of another length has no place in a packed action")
    formed = packed.actions((msgspec.structs.replace(action, signature=_FORM),))[packed.COUNT_BYTES :]
    kind = formed[0] | (packed.LONG_SIGNATURE if len(action.signature) == SIGNATURE_BYTES else 0)
    return bytes([kind]) + action.signature + formed[1 + COMPACT_BYTES :]


class Inexpressible(Exception):
    """There is no calldata that says this."""


# -- refusals ----------------------------------------------------------------------------------------------------------


def refusal(attempt: Callable[[], object]) -> Said | None:
    """Of either grid; whatever else goes wrong is raised."""
    try:
        attempt()
    except Refused as refused:
        return refused.name, _comparable(refused)
    except Rejected as rejected:
        return type(rejected).__name__, data(rejected)
    return None


def _comparable(refused: Refused) -> dict[str, Any]:
    """The contract does not know the root of its cut: it tells where the proof leads."""
    return {name: value for name, value in refused.fields.items() if (refused.name, name) != ("BadProof", "root")}


def data(rejected: Rejected) -> dict[str, Any]:
    """Of errors of the reference, what those of the contract say."""
    match rejected:
        case Malformed():
            return {}
        case Refusal():
            return rejected.data
        case NotAscending():
            return {"position": rejected.position, "signer": rejected.signer, "before": rejected.before}
        case BadGuards():
            return {"guards": len(rejected.addresses), "threshold": rejected.threshold}
        case TooManySignatures():
            return {"count": rejected.count, "guards": rejected.guards}
        case NoQuorum():
            return {"guards": len(rejected.signed), "strangers": len(rejected.strangers), "threshold": rejected.threshold}
        case BadProof():
            return {"content": rejected.content, "length": rejected.length}
    return {}
