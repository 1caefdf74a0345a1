"""How the grid of an EVM chain is spoken to and read. tests/conformance tries it on the contract itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book.nonces import Nonces
from jurymast.chains.evm import calldata, layout, logs, packed
from jurymast.chains.evm.logs import KINDS, Log
from jurymast.chains.operations import NotHere, Register
from jurymast.chains.trail import Block
from jurymast.chains.words import Limits, Size, Standing, TooLarge, Wanted
from jurymast.errors import Rejected
from tests.conformance.actions import every_operation
from tests.unit.grids import ANN, EUR, TERMS, USD

GRID = b"\x77" * 20

# -- calls -------------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(calldata.BY_SELECTOR)), st.binary(max_size=600))
def test_any_bytes_are_a_call_or_refused(selector: bytes, data: bytes) -> None:
    try:
        operation = calldata.decode(selector + data)
    except Rejected:
        return
    assert calldata.decode(calldata.encode(operation)) == operation


@given(st.sampled_from(list(every_operation(2))), st.data())
def test_a_changed_call_says_something_else_or_nothing(operation: Any, data: st.DataObject) -> None:
    encoded = calldata.encode(operation)
    at = data.draw(st.integers(4, len(encoded) - 1))
    changed = encoded[:at] + bytes([encoded[at] ^ data.draw(st.integers(1, 255))]) + encoded[at + 1 :]
    try:
        read = calldata.decode(changed)
    except Rejected:
        return
    assert read != operation or calldata.encode(read) == encoded, "padding may differ, what it says may not"


def test_what_an_evm_chain_does_not_have_is_refused() -> None:
    with pytest.raises(NotHere, match="no Register on an EVM chain"):
        calldata.encode(Register(ANN.id, ANN.key.address))


def test_a_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(packed.BadPacking, match="does not fit into 8 bytes"):
        packed.amounts({EUR: 1 << 64})
    with pytest.raises(packed.BadPacking, match="do not rise"):
        packed.read_amounts(packed.amounts({USD: 1}) + packed.amounts({EUR: 1}))
    with pytest.raises(packed.BadPacking, match="in the middle"):
        packed.read_amounts(b"\0")
    with pytest.raises(packed.BadPacking, match="no action of kind 9"):
        packed.read_actions(b"\0\1\x09")
    with pytest.raises(packed.BadPacking, match="1 bytes after"):
        packed.read_actions(b"\0\0\0")


@given(st.dictionaries(st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1), max_size=8))
def test_amounts_are_read_back(amounts: dict[int, int]) -> None:
    assert packed.read_amounts(packed.amounts(amounts)) == amounts


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "what"), [((5, 1, 1), "actions"), ((1, 6, 1), "bytes"), ((1, 1, 7), "cost")])
def test_each_limit_is_checked(size: tuple[int, int, int], what: str) -> None:
    limits = Limits(4, 5, 6)
    limits.check(Size(4, 5, 6))
    with pytest.raises(TooLarge) as refused:
        limits.check(Size(*size))
    assert refused.value.what == what


# -- logs --------------------------------------------------------------------------------------------------------------

TOPIC = next(topic for topic, kind in KINDS.items() if kind.name == "Deposited")
DEPOSITED = {
    "address": f"0x{GRID.hex()}",
    "blockNumber": "0x10",
    "blockHash": "0x" + "11" * 32,
    "transactionHash": "0x" + "22" * 32,
    "logIndex": "0x3",
    "topics": [f"0x{TOPIC.hex()}", f"0x{7:064x}", f"0x{ANN.id.hex()}", f"0x{EUR:064x}"],
    "data": f"0x{100:064x}",
}


def read(*answers: dict[str, Any], heights: range = range(16, 18)) -> tuple[Log, ...]:
    return logs.read(msgspec.Raw(msgspec.json.encode(answers)), GRID, heights)


def test_a_log_is_an_event() -> None:
    [event] = logs.events(read(DEPOSITED))
    assert (event.height, event.place, event.name) == (16, 3, "Deposited")
    assert event.values == {"sequence": 7, "account": ANN.id, "asset": EUR, "amount": 100}


def test_logs_come_in_their_order() -> None:
    later, earlier = DEPOSITED | {"blockNumber": "0x11", "logIndex": "0x0"}, DEPOSITED | {"logIndex": "0x2"}
    assert [(log.height, log.place) for log in read(later, DEPOSITED, earlier)] == [(16, 2), (16, 3), (17, 0)]


@pytest.mark.parametrize("wrong", [{"address": "0x" + "00" * 20}, {"blockNumber": "0x12"}, {"removed": True}])
def test_logs_that_nobody_asked_for_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(logs.WrongLogs):
        read(DEPOSITED | wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"topics": []}, {"topics": ["0x" + "99" * 32]}, {"topics": DEPOSITED["topics"][:3]}, {"data": "0x01"}, {"data": "0x"}],
)
def test_what_is_no_event_of_the_grid_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(logs.UnknownEvent):
        logs.events(read(DEPOSITED | wrong))


def test_every_declaration_was_read() -> None:
    assert len(KINDS) == len([line for line in logs.DECLARED.splitlines() if line and not line.startswith(" ")])


# -- slots -------------------------------------------------------------------------------------------------------------

AT = Block(9, b"\1" * 32, b"\2" * 32, 1_000)


def word(*fields: tuple[layout.Field, int]) -> bytes:
    return sum((value & (1 << field.bits) - 1) << field.at for field, value in fields).to_bytes(32, "big")


def standing(balance: bytes, account: bytes = bytes(32), *, epoch: int = 5, empty: bool = False) -> Standing:
    lock = word((layout.EPOCH, epoch), (layout.EMPTY, empty))
    stored = {bytes(32): lock, layout.balance_slot(ANN.id, EUR): balance, layout.account_slot(ANN.id): account}
    wanted = Wanted(balances=frozenset({(ANN.id, EUR)}))
    return layout.state(2, AT, wanted, lambda slot: stored[slot]).balances[ANN.id, EUR]


def test_a_balance_is_read_as_the_epoch_has_it() -> None:
    entered = word((layout.AMOUNT, 7), (layout.HELD, 3), (layout.BALANCE_EPOCH, 5), (layout.BALANCE_ENTERED, 1))
    waiting = word((layout.AMOUNT, 7), (layout.BALANCE_EPOCH, 5))
    new = word((layout.ACCOUNT_EPOCH, 5), (layout.ACCOUNT_NEW, 1))
    assert standing(entered) == Standing(entered=True, available=7, held=3, received=0)
    assert standing(entered, epoch=6) == Standing(entered=False, available=0, held=0, received=0), "dead until it enters"
    assert standing(waiting) == Standing(entered=False, available=0, held=0, received=7)
    assert standing(waiting, new) == Standing(entered=True, available=7, held=0, received=0), "the cut has no leaf of it"
    assert standing(waiting, empty=True).entered
    assert not standing(waiting, word((layout.ACCOUNT_EPOCH, 4), (layout.ACCOUNT_NEW, 1))).entered
    negative = word((layout.AMOUNT, -2), (layout.HELD, 3), (layout.BALANCE_EPOCH, 5), (layout.BALANCE_ENTERED, 1))
    assert standing(negative).available == -2


@pytest.mark.parametrize(("until", "shown"), [(999, 0), (1_000, 0), (1_001, 1_001)])
def test_a_pause_ends_by_the_clock_of_the_block(until: int, shown: int) -> None:
    lock = word((layout.PAUSED_UNTIL, until))
    assert layout.state(2, AT, Wanted(), {bytes(32): lock}.__getitem__).paused_until == shown


def test_a_nonce_and_a_step_are_used_by_what_is_stored_under_their_id() -> None:
    match = TERMS.content()
    stored = {
        layout.nonce_slot(ANN.id): Nonces(3, 0b100).word,
        layout.match_slot(match): word((layout.STEP, 2)),
    }
    wanted = Wanted(identities=frozenset({*((ANN.id, nonce) for nonce in range(7)), *((match, step) for step in range(4))}))
    state = layout.state(2, AT, wanted, lambda slot: stored.get(slot, bytes(32)))
    assert state.used == {(ANN.id, 0), (ANN.id, 1), (ANN.id, 2), (ANN.id, 5), (match, 1), (match, 2)}
    assert set(layout.slots(wanted)) >= set(stored)
