"""An EVM in this process, and contracts in it: tens of thousands of calls a second, each a transaction of its own.

chain = Chain()
grid = chain.deploy(artifacts.committed("PhantomGrid"), guards, threshold)
receipt = grid.call("deposit", account, asset, amount, sender=someone)
assert [event.name for event in receipt.events] == ["Deposited"]
with pytest.raises(Refused) as refused: ...
assert refused.value == ("InsufficientBalance", {...})
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import pyrevm

from jurymast.crypto.address import checksummed, parse_address
from tests.contracts import abi
from tests.contracts.abi import Event, Interface
from tests.contracts.artifacts import Artifact

SOMEBODY = b"\x50" * 20
"""Sends what anybody may send."""
NOW_S = 1_800_000_000
CHAIN_ID = 42_161
MOST_GAS = 32_000_000
"""What Arbitrum gives to one transaction."""

_text = lru_cache(maxsize=1 << 10)(checksummed)
"""As the machine wants addresses; the same few again and again."""
_REVERTED = re.compile(r"Revert \{ gas_used: \d+, output: 0x(?P<data>[0-9a-f]*) \}")
_SLOT = re.compile(r"(\d+): StorageSlot \{ previous_or_original_value: \d+, present_value: (\d+) \}")


class Refused(Exception):
    """Reverted, so that nothing has changed: its error by name and fields, or without a name the bytes if nobody knows it."""

    def __init__(self, name: str, fields: Mapping[str, Any]) -> None:
        super().__init__(f"{name}({', '.join(f'{field}={value!r}' for field, value in fields.items())})")
        self.name = name
        self.fields = dict(fields)

    def __eq__(self, other: object) -> bool:
        return (self.name, self.fields) == ((other.name, other.fields) if isinstance(other, Refused) else other)

    __hash__ = None  # type: ignore[assignment]  # Fields may be of any type.


class Halted(Exception):
    """The machine stopped it: out of gas, or no code that it could run."""


class Receipt(NamedTuple):
    output: bytes
    result: Any
    events: tuple[Event, ...]
    gas: int
    """As in a transaction, but that slots of earlier ones are warm: compare, do not quote."""


class Logged(NamedTuple):
    at_s: int
    """The clock of its block."""
    event: Event


class Chain:
    def __init__(self, now_s: int = NOW_S) -> None:
        block = pyrevm.BlockEnv(timestamp=now_s)
        self._evm = pyrevm.EVM(pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID), block=block), spec_id="CANCUN")
        self._now_s = now_s
        self._interfaces: dict[bytes, Interface] = {}
        self.logged: list[Logged] = []
        """All events so far."""

    @property
    def now_s(self) -> int:
        return self._now_s

    @now_s.setter
    def now_s(self, now_s: int) -> None:
        self._now_s = now_s
        self._evm.set_block_env(pyrevm.BlockEnv(timestamp=now_s))

    def deploy(
        self, artifact: Artifact, *arguments: Any, libraries: Mapping[str, Contract] | None = None, sender: bytes = SOMEBODY
    ) -> Contract:
        interface = Interface(artifact.abi)
        code = _linked(artifact, libraries or {}) + abi.encode(interface.constructor.inputs, arguments)
        with self._transaction(interface):
            address = parse_address(self._evm.deploy(_text(sender), code, gas=MOST_GAS))
        contract = self.contract(address, interface)
        self._emitted()
        return contract

    def place(self, address: bytes, artifact: Artifact) -> Contract:
        """As if it stood there already: its constructor has not run, and nothing has looked there before."""
        code = bytes.fromhex(artifact.deployed_bytecode.removeprefix("0x"))
        self._evm.insert_account_info(_text(address), pyrevm.AccountInfo(code=code))
        return self.contract(address, Interface(artifact.abi))

    def contract(self, address: bytes, interface: Interface) -> Contract:
        """One that stands there already: what it emits and refuses is understood from now on."""
        self._interfaces[address] = interface
        return Contract(self, address, interface)

    def send(self, to: bytes, data: bytes, sender: bytes = SOMEBODY) -> Receipt:
        """Any bytes, as anybody may send them; what they answer is not decoded."""
        with self._transaction(self._interfaces[to]):
            output = self._evm.message_call(_text(sender), _text(to), data, gas=MOST_GAS)
        return Receipt(output, output, *self._emitted())

    def read(self, to: bytes, data: bytes, sender: bytes = SOMEBODY) -> bytes:
        """Without the power to change anything."""
        with self._transaction(self._interfaces[to]):
            return self._evm.message_call(_text(sender), _text(to), data, gas=MOST_GAS, is_static=True)

    def slot(self, address: bytes, slot: int) -> int:
        return self._evm.storage(_text(address), slot)

    def storage(self, address: bytes) -> dict[int, int]:
        """All slots that are not zero: as nothing is committed here, the machine has them at hand. It tells of them in words."""
        _, found, rest = self._evm.journal_str.partition(f"0x{address.hex()}: Account {{")
        assert found
        slots = rest[rest.index("storage: {") : rest.index("}, status: ")]
        return {int(slot): int(value) for slot, value in _SLOT.findall(slots) if value != "0"}

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever happens within has not happened afterwards, the time that passes included."""
        now_s, interfaces, logged, checkpoint = self._now_s, dict(self._interfaces), len(self.logged), self._evm.snapshot()
        try:
            yield
        finally:
            self._evm.revert(checkpoint)
            self.now_s, self._interfaces = now_s, interfaces
            del self.logged[logged:]

    def _emitted(self) -> tuple[tuple[Event, ...], int]:
        """By what has just succeeded; and the gas of it."""
        done = self._evm.result
        assert done is not None
        events = tuple(map(self._event, done.logs))
        self.logged += (Logged(self._now_s, event) for event in events)
        return events, done.gas_used

    @contextmanager
    def _transaction(self, interface: Interface) -> Iterator[None]:
        self._evm.reset_transient_storage()  # It lasts for one transaction; this machine would let it go on.
        try:
            yield
        except RuntimeError as error:
            if (reverted := _REVERTED.search(str(error))) is None:
                raise Halted(str(error)) from None
            raise self._refusal(interface, bytes.fromhex(reverted["data"])) from None

    def _refusal(self, interface: Interface, data: bytes) -> Refused:
        """Errors of other contracts pass through the one that was called."""
        selector = data[: abi.SELECTOR]
        for known in (interface, *self._interfaces.values()):
            if (entry := known.errors.get(selector)) is not None:
                return Refused(entry.name, abi.fields(entry.inputs, data[abi.SELECTOR :]))
        return Refused("", {"data": data})

    def _event(self, log: pyrevm.Log) -> Event:
        address = parse_address(log.address)
        topics, data = log.data
        if (interface := self._interfaces.get(address)) is None:
            return Event("", {"topics": tuple(topics), "data": data}, address)  # Nobody said what stands there.
        return interface.event(topics, data, address)


class Contract(NamedTuple):
    chain: Chain
    address: bytes
    interface: Interface

    def encode(self, function: str, *arguments: Any) -> bytes:
        entry = self.interface.function(function)
        return entry.selector + abi.encode(entry.inputs, arguments)

    def call(self, function: str, *arguments: Any, sender: bytes = SOMEBODY) -> Receipt:
        receipt = self.chain.send(self.address, self.encode(function, *arguments), sender)
        return receipt._replace(result=abi.answer(self.interface.function(function).outputs, receipt.output))

    def read(self, function: str, *arguments: Any, sender: bytes = SOMEBODY) -> Any:
        output = self.chain.read(self.address, self.encode(function, *arguments), sender)
        return abi.answer(self.interface.function(function).outputs, output)


def _linked(artifact: Artifact, libraries: Mapping[str, Contract]) -> bytes:
    code = artifact.bytecode.removeprefix("0x")
    if artifact.links.keys() != libraries.keys():
        raise abi.Unknown(", ".join(libraries), sorted(artifact.links))
    for name, places in artifact.links.items():
        for start, length in places:
            code = code[: 2 * start] + libraries[name].address.hex() + code[2 * (start + length) :]
    return bytes.fromhex(code)
