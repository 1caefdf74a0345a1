"""How operations are said to the grid of an EVM chain, and read back. Pure.

What is signed has the same members in the same order in its EIP-712 type and in the contract's interface, so that the one gives
the other; `LIKE` has what is written differently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from eth_abi import abi
from eth_abi.exceptions import DecodingError, EncodingError

from jurymast.book.execute import Batch
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.signed import (
    BridgeIn,
    Cancel,
    Credit,
    Intent,
    Listing,
    LockTransition,
    Permit,
    Resolve,
    Rotation,
    Terms,
    Typed,
    Unpause,
)
from jurymast.chains.evm import packed
from jurymast.chains.operations import (
    ByGuards,
    CancelBelow,
    Deposit,
    Enter,
    EnterAccount,
    EnterBalance,
    EnterMatch,
    EnterOrder,
    Execute,
    NotHere,
    Operation,
    Pause,
    SettleHold,
    Submit,
    Transition,
)
from jurymast.crypto.keccak import keccak256
from jurymast.errors import Rejected

SELECTOR_BYTES = 4
PROOF, PROOFS, SIGNATURES, LIST, HASH = "bytes32[]", "bytes32[][]", "bytes[]", "bytes", "bytes32"
LIKE: dict[tuple[type[Typed], str], str] = {(AccountLeaf, "nonces"): "uint256"}
"""Members that the interface has as another type than what is signed."""
_ALIASES = {"address": "uint160"}
"""As numbers: eth-abi gives addresses as text, and checks what the contract checks."""


class Unreadable(Rejected):
    """Not a call of the grid, or one with arguments that are not of their types."""


Argument = str | type[Typed] | list[type[Typed]]


class Function(NamedTuple):
    name: str
    arguments: tuple[Argument, ...]
    build: Callable[..., Operation]

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(_type(argument) for argument in self.arguments)})"

    @property
    def selector(self) -> bytes:
        return keccak256(self.signature.encode())[:SELECTOR_BYTES]


def _type(argument: Argument) -> str:
    """As the interface names it."""
    if isinstance(argument, str):
        return argument
    if isinstance(argument, list):
        return f"{_type(argument[0])}[]"
    return f"({','.join(LIKE.get((argument, member.name), member.type) for member in argument.TYPE.members)})"


def _execute(permit: Permit, signatures: Any, actions: bytes, prices: bytes, absent: bytes, dead: bytes) -> Execute:
    return Execute(
        Batch(
            permit=permit,
            signatures=tuple(signatures),
            actions=packed.read_actions(actions),
            prices=packed.read_amounts(prices),
            absent=packed.read_pairs(absent, packed.ASSET_BYTES),
            dead=packed.read_pairs(dead, packed.AMOUNT_BYTES),
        )
    )


def _enter(account: AccountLeaf, proof: Any, balances: Any, proofs: Any, totals: bytes) -> Enter:
    if len(balances) != len(proofs):
        raise Unreadable(f"{len(balances)} balances with {len(proofs)} proofs")
    return Enter(account, tuple(proof), tuple(zip(balances, map(tuple, proofs), strict=True)), packed.read_amounts(totals))


def _by_guards(signed: Any, signatures: Any) -> ByGuards:
    return ByGuards(signed, tuple(signatures))


GUARDED: dict[type[Typed], str] = {
    Rotation: "rotate",
    Unpause: "unpause",
    Listing: "listAsset",
    Resolve: "resolve",
    Credit: "credit",
    BridgeIn: "bridgeIn",
}
FUNCTIONS = (
    Function("execute", (Permit, SIGNATURES, LIST, LIST, LIST, LIST), _execute),
    Function(
        "transition",
        (LockTransition, LIST, SIGNATURES),
        lambda signed, totals, signatures: Transition(signed, packed.read_amounts(totals), tuple(signatures)),
    ),
    *(Function(name, (signed, SIGNATURES), _by_guards) for signed, name in GUARDED.items()),
    Function("pause", ("uint64",), Pause),
    Function("enter", (AccountLeaf, PROOF, [BalanceLeaf], PROOFS, LIST), _enter),
    Function("enterAccount", (AccountLeaf, PROOF, HASH), lambda leaf, proof, totals: EnterAccount(leaf, tuple(proof), totals)),
    Function(
        "enterBalance",
        (BalanceLeaf, PROOF, LIST),
        lambda leaf, proof, totals: EnterBalance(leaf, tuple(proof), packed.read_amounts(totals)),
    ),
    Function(
        "enterMatch",
        (MatchLeaf, Terms, PROOF, LIST),
        lambda leaf, terms, proof, totals: EnterMatch(leaf, terms, tuple(proof), packed.read_amounts(totals)),
    ),
    Function("enterOrder", (OrderLeaf, PROOF, HASH), lambda leaf, proof, totals: EnterOrder(leaf, tuple(proof), totals)),
    Function("settleHold", (HoldLeaf, PROOF, HASH), lambda leaf, proof, totals: SettleHold(leaf, tuple(proof), totals)),
    Function("deposit", ("bytes32", "uint32", "uint256"), Deposit),
    Function("cancel", (Cancel, "bytes"), CancelBelow),
    Function("submit", (Intent, "bytes"), Submit),
)
BY_NAME = {function.name: function for function in FUNCTIONS}
BY_SELECTOR = {function.selector: function for function in FUNCTIONS}


def encode(operation: Operation) -> bytes:
    name, arguments = _arguments(operation)
    function = BY_NAME[name]
    values = [_plain(argument, value) for argument, value in zip(function.arguments, arguments, strict=True)]
    try:
        return function.selector + abi.encode([_aliased(argument) for argument in function.arguments], values)
    except (EncodingError, OverflowError) as error:
        raise Unreadable(f"{name}: {error}") from None


def decode(data: bytes) -> Operation:
    function = BY_SELECTOR.get(data[:SELECTOR_BYTES])
    if function is None:
        raise Unreadable(f"the grid has no function 0x{data[:SELECTOR_BYTES].hex()}")
    try:
        values = abi.decode([_aliased(argument) for argument in function.arguments], data[SELECTOR_BYTES:])
    except (DecodingError, OverflowError) as error:
        raise Unreadable(f"{function.name}: {error}") from None
    return function.build(*(_typed(argument, value) for argument, value in zip(function.arguments, values, strict=True)))


def _arguments(operation: Operation) -> tuple[str, Sequence[Any]]:
    """The function and what it gets."""
    match operation:
        case Execute(batch):
            lists = packed.pairs(batch.absent, packed.ASSET_BYTES), packed.pairs(batch.dead, packed.AMOUNT_BYTES)
            prices = packed.amounts(batch.prices)
            return "execute", (batch.permit, batch.signatures, packed.actions(batch.actions), prices, *lists)
        case Transition(signed, totals, signatures):
            return "transition", (signed, packed.amounts(totals), signatures)
        case ByGuards(signed, _):
            return GUARDED[type(signed)], operation
        case Enter(account, proof, balances, totals):
            leaves, proofs = [leaf for leaf, _ in balances], [path for _, path in balances]
            return "enter", (account, proof, leaves, proofs, packed.amounts(totals))
        case EnterBalance(leaf, proof, totals):
            return "enterBalance", (leaf, proof, packed.amounts(totals))
        case EnterMatch(leaf, terms, proof, totals):
            return "enterMatch", (leaf, terms, proof, packed.amounts(totals))
        case _:
            return _plainly(operation)


def _plainly(operation: Operation) -> tuple[str, Sequence[Any]]:
    """Those whose fields are the arguments."""
    names: dict[type[Any], str] = {
        Pause: "pause",
        EnterAccount: "enterAccount",
        EnterOrder: "enterOrder",
        SettleHold: "settleHold",
        Deposit: "deposit",
        CancelBelow: "cancel",
        Submit: "submit",
    }
    if (name := names.get(type(operation))) is None:
        raise NotHere(f"there is no {type(operation).__name__} on an EVM chain")
    return name, operation


# -- values ------------------------------------------------------------------------------------------------------------


def _aliased(argument: Argument) -> str:
    text = _type(argument)
    for name, alias in _ALIASES.items():
        text = text.replace(name, alias)
    return text


def _plain(argument: Argument, value: Any) -> Any:
    if isinstance(argument, str):
        return value
    if isinstance(argument, list):
        return [_plain(argument[0], each) for each in value]
    members = zip(argument.TYPE.members, value.__struct_fields__, strict=True)
    return tuple(_to_abi(_kind(argument, member), getattr(value, name)) for member, name in members)


def _typed(argument: Argument, value: Any) -> Any:
    if isinstance(argument, str):
        return value
    if isinstance(argument, list):
        return tuple(_typed(argument[0], each) for each in value)
    kinds = [_kind(argument, member) for member in argument.TYPE.members]
    fields = zip(argument.__struct_fields__, kinds, value, strict=True)
    return argument(**{name: _from_abi(kind, each) for name, kind, each in fields})


def _kind(argument: type[Typed], member: Any) -> str:
    return "word" if (argument, member.name) in LIKE else str(member.type)


def _to_abi(kind: str, value: Any) -> Any:
    if kind == "address[]":
        return [int.from_bytes(each, "big") for each in value]
    return int.from_bytes(value, "big") if kind in ("address", "word") else value


def _from_abi(kind: str, value: Any) -> Any:
    if kind == "address[]":
        return tuple(each.to_bytes(20, "big") for each in value)
    if kind in ("address", "word"):
        return value.to_bytes(20 if kind == "address" else 32, "big")
    return tuple(value) if kind.endswith("[]") else value
